"""What training minimises: the evidence lower bound (ELBO) and its relatives, in nats per image.

Shapes: K samples per image, B images per batch, Z latent dimensions. Only an objective's loss
averages over the batch, so beta, batch size and learning rate stay independent of one another.
Whatever the loss is, the terms stay those of a bound: that is what is logged and compared.

Source: Kingma and Welling, Auto-Encoding Variational Bayes, arXiv:1312.6114, eq. 3 and 10.
"""

import logging
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor

from vae_lab.posterior import Posterior
from vae_lab.priors import Prior

log = logging.getLogger(__name__)


class Draws(NamedTuple):
    """K draws from the posterior of each image and what the decoder makes of them.

    `z` has shape (K, B, Z); `log_likelihood`, log p(x|z) in nats, has shape (K, B).
    """

    posterior: Posterior
    z: Tensor
    log_likelihood: Tensor


class Terms(NamedTuple):
    """The two terms of the bound for each image, both (B,), in nats."""

    log_likelihood: Tensor
    kl: Tensor

    def elbo(self) -> Tensor:
        """Returns the lower bound on log p(x), shape (B,). Beta never enters it."""
        return self.log_likelihood - self.kl


class Objective(ABC):
    """What is minimised, and the bound that is logged."""

    # Which bound the terms are, for protocols: figures of two bounds do not compare.
    bound: ClassVar[str] = "elbo"

    def __init__(self, *, num_samples: int) -> None:
        self.num_samples = num_samples

    def at(self, progress: float) -> "Objective":
        """Returns the objective of a training step, from the share of the steps done, in [0, 1].

        Validation and evaluation use the objective itself: what it is at the end.
        """
        return self

    def begin(self, num_images: int, batch_size: int) -> None:  # noqa: B027  # most need not know
        """Is told before training how many images there are, and how many a process sees at once.

        Raises:
            UserError: where there is nothing to estimate from so few.
        """

    @abstractmethod
    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        """Returns the scalar to minimise, in nats per image, and the unweighted terms."""


class Elbo(Objective):
    """The negative ELBO, its KL term weighted by beta.

    At beta = 1 the loss is minus the mean bound. Other values give the beta-VAE
    (Higgins et al. 2017); the logged bound stays the bound.
    """

    def __init__(self, *, beta: float, num_samples: int) -> None:
        super().__init__(num_samples=num_samples)
        self.beta = beta

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        terms = bound_terms(draws, prior)
        return (self.beta * terms.kl - terms.log_likelihood).mean(), terms


class WarmUpElbo(Elbo):
    """The same bound, with beta rising linearly from 0 in the first `warmup` of the steps.

    Source: Bowman et al., arXiv:1511.06349, section 3.1; Sonderby et al., arXiv:1602.02282.
    """

    def __init__(self, *, beta: float, num_samples: int, warmup: float) -> None:
        super().__init__(beta=beta, num_samples=num_samples)
        if not 0 < warmup <= 1:
            raise ValueError(f"objective.warmup must be above 0 and at most 1, got {warmup}.")
        self.warmup = warmup

    def at(self, progress: float) -> Elbo:
        share = min(1.0, progress / self.warmup)
        return Elbo(beta=self.beta * share, num_samples=self.num_samples)


class CyclicElbo(WarmUpElbo):
    """The same bound, with beta rising from 0 again and again: once in each of `cycles` parts.

    In each, it rises linearly in the first `warmup` of the part's steps and then stays.

    Source: Fu et al., Cyclical Annealing Schedule, arXiv:1903.10145, eq. 6 and 7.
    """

    def __init__(self, *, beta: float, num_samples: int, warmup: float, cycles: int) -> None:
        super().__init__(beta=beta, num_samples=num_samples, warmup=warmup)
        self.cycles = cycles

    def at(self, progress: float) -> Elbo:
        return super().at(progress * self.cycles % 1)


class FreeBitsElbo(Elbo):
    """The ELBO in which a latent dimension's first `free_bits` nats cost nothing.

    What a dimension's mean KL over the batch falls short of them is added back, so below them
    nothing pushes it towards the prior. Where the prior has no KL per dimension the shortfall is
    that of the KL from the aggregate posterior, and the log says so.

    Source: Kingma et al., Inverse Autoregressive Flow, arXiv:1606.04934, eq. 15.
    """

    def __init__(self, *, beta: float, num_samples: int, free_bits: float) -> None:
        super().__init__(beta=beta, num_samples=num_samples)
        self.free_bits = free_bits
        self._told = False

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        loss, terms = super().__call__(draws, prior)
        if not (prior.has_closed_kl or self._told):
            self._told = True
            log.warning(
                "this prior has no KL per latent dimension: free bits are counted in the KL from "
                "the aggregate posterior of each batch."
            )
        of_dimension = prior.kl(draws.posterior).mean(dim=0)
        return loss + self.beta * (self.free_bits - of_dimension).relu().sum(), terms


class CapacityElbo(Elbo):
    """The reconstruction term, with the mean KL held at a target that rises to `capacity` nats.

    The loss is recon + beta * |KL - C|, C rising linearly from 0 in the first `warmup` of the
    steps.

    Source: Burgess et al., Understanding disentangling in beta-VAE, arXiv:1804.03599, eq. 8.
    """

    def __init__(self, *, beta: float, num_samples: int, capacity: float, warmup: float) -> None:
        super().__init__(beta=beta, num_samples=num_samples)
        self.capacity, self.warmup = capacity, warmup

    def at(self, progress: float) -> "CapacityElbo":
        share = min(1.0, progress / self.warmup)
        return CapacityElbo(
            beta=self.beta,
            num_samples=self.num_samples,
            capacity=self.capacity * share,
            warmup=self.warmup,
        )

    def __call__(self, draws: Draws, prior: Prior) -> tuple[Tensor, Terms]:
        terms = bound_terms(draws, prior)
        distance = (terms.kl.mean() - self.capacity).abs()
        return self.beta * distance - terms.log_likelihood.mean(), terms


def bound_terms(draws: Draws, prior: Prior) -> Terms:
    """Returns the bound's terms: the mean over K of log p(x|z), and KL(q(z|x) || p(z))."""
    kl = prior.kl_per_image(draws.posterior, draws.z)
    return Terms(draws.log_likelihood.mean(dim=0), kl)
