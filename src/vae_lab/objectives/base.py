"""What an objective is: from draws of the posterior to a loss and the terms of the bound.

Shapes: K samples per image, B images per batch, Z latent dimensions. Only an objective's loss
averages over the batch, so beta, batch size and learning rate stay independent of one another.
Whatever the loss is, the terms stay those of a bound: that is what is logged and compared.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from vae_lab.errors import UserError
from vae_lab.posteriors import Posterior
from vae_lab.priors import Prior


class Draws(NamedTuple):
    """K draws z (K, B, Z) from the posterior of each image, and log p(x|z) in nats, (K, B).

    `noise`, standard normal, is what the posterior makes z of. `generator` is for objectives that
    draw more: that of the epoch in a training step, else one that belongs to the seed of the run.
    """

    posterior: Posterior
    noise: Tensor
    z: Tensor
    log_likelihood: Tensor
    generator: torch.Generator


class Terms(NamedTuple):
    """The two terms of the bound for each image, both (B,), in nats."""

    log_likelihood: Tensor
    kl: Tensor

    def elbo(self) -> Tensor:
        """Returns the lower bound on log p(x), shape (B,). Beta never enters it."""
        return self.log_likelihood - self.kl


class Objective(ABC):
    """What is minimised, and the bound that is logged."""

    # Which bound the terms are, for protocols: values of two kinds of bound are not comparable.
    bound: ClassVar[str] = "elbo"
    # Whether the loss estimates the aggregate posterior from the images of a batch.
    needs_several_images: ClassVar[bool] = False

    def __init__(self, *, num_samples: int) -> None:
        self.num_samples = num_samples

    @property
    def best_by(self) -> str:
        """The metric of the validation images that says which weights are the best."""
        # What is minimised. The bound in its place only if the loss is minus the bound.
        return "elbo" if self.is_bound else "loss"

    @property
    def is_bound(self) -> bool:
        """Whether the loss at the end of training is minus the bound."""
        return False

    @property
    def takes_terms(self) -> bool:
        """Whether the loss is a mean over images that needs their terms only.

        Then the terms may be means over the classes of images whose class is unknown.
        """
        return False

    def at(self, progress: float) -> "Objective":
        """Returns the objective of a training step, from the share of the steps done, in [0, 1].

        Validation and evaluation use the objective itself: what it is at the end.
        """
        return self

    def begin(self, num_images: int, batch_size: int) -> None:
        """Takes before training the numbers of images: of all, and of a batch of a process.

        Raises:
            UserError: The batch has too few images for what the objective estimates from it.
        """
        if self.needs_several_images and batch_size == 1:
            raise UserError(
                "objective=beta_tc and mmd estimate the aggregate posterior from the images that a "
                "process sees at once, which is 1: raise data.batch_size."
            )

    @abstractmethod
    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        """Returns the scalar to minimise, in nats per image, and the unweighted terms."""

    # Of a loss that is not a mean over images: the means over images that it follows from. Those of
    # a split are over all of its images, so that its loss does not depend on its batches.

    def means(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        """Returns the means over images that `loss` takes, (S,), and the unweighted terms."""
        loss, terms = self(draws, prior)
        return loss.unsqueeze(0), terms

    def loss(self, means: Tensor) -> Tensor:
        """Returns the loss, a scalar, from `means` (S,)."""
        return means[0]


def bound_terms(draws: Draws, prior: Prior) -> Terms:
    """Returns the bound's terms: the mean over K of log p(x|z), and KL(q(z|x) || p(z))."""
    kl = prior.kl_per_image(draws.posterior, draws.noise)
    return Terms(draws.log_likelihood.mean(dim=0), kl)
