"""The bound of images whose class is unknown: the classes are summed, by q(y|x).

With the class as a second latent variable, the bound on log p(x) of an image without a label is

    sum_y q(y|x) [E log p(x|y,z) - KL(q(z|x,y) || p(z))] - KL(q(y|x) || p(y)),

which is the paper's -U(x). An image with a label has all of its weight at that class. The same
formula is then the bound on log p(x, y), the paper's -L(x, y), since the last term is log p(y).

Shapes: K samples per image, B images per batch, L classes, Z latent dimensions. Draws are of L * B
images: all images with the first class, then all with the second. Values in nats per image.

Source: Kingma et al., Semi-supervised Learning with Deep Generative Models, arXiv:1406.5298, eq. 6
and 7.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_lab.objectives.base import Draws, Terms
from vae_lab.posteriors import Posterior
from vae_lab.priors import Prior


class ClassWeights(NamedTuple):
    """q(y|x) of each image, (B, L), and its entropy in nats, (B,); of a label, 1 and 0."""

    shares: Tensor
    entropy: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> "ClassWeights":
        """Returns q(y|x) from logits (B, L) for images whose label, int64 (B,), is -1."""
        is_unknown = labels < 0
        certain = F.one_hot(labels.clamp(min=0), logits.shape[1]).to(logits)
        # Not from the shares: the logarithm of one that is rounded to 0 has no gradient.
        log_q = logits.log_softmax(dim=1)
        shares = log_q.exp()
        entropy = -(shares * log_q).sum(dim=1)
        return cls(
            torch.where(is_unknown.unsqueeze(1), shares, certain),
            torch.where(is_unknown, entropy, torch.zeros_like(entropy)),
        )

    def mean(self, values: Tensor) -> Tensor:
        """Returns the means over the classes of values (..., L * B), (..., B)."""
        size, num_classes = self.shares.shape
        by_class = values.view(*values.shape[:-1], num_classes, size)
        return (by_class * self.shares.mT).sum(dim=-2)


def over_classes(
    objective: Callable[[Draws, Any], tuple[Tensor, Terms]],
    draws: Draws,
    prior: Prior,
    weights: ClassWeights,
    log_shares: Tensor,
) -> tuple[Tensor, Terms]:
    """Returns the loss and the terms of the bound, each (B,), with the class as a latent variable.

    Args:
        objective: one whose loss is a mean over images of its terms, or the `means` of such a one.
            Its weight of the KL is that of z; the KL of the class has the weight 1.
        draws: of each image with each class, L * B images.
        prior: p(z).
        weights: q(y|x).
        log_shares: log p(y), (L,).
    """
    expected = draws._replace(log_likelihood=weights.mean(draws.log_likelihood))
    loss, terms = objective(expected, _PriorOverClasses(prior, weights))
    # KL(q(y|x) || p(y)).
    of_class = -weights.entropy - weights.shares @ log_shares
    return loss + of_class.mean(), Terms(terms.log_likelihood, terms.kl + of_class)


class _PriorOverClasses:
    """p(z), of which an objective asks the KL of each image: its mean over the classes."""

    def __init__(self, prior: Prior, weights: ClassWeights) -> None:
        self.prior, self.weights = prior, weights

    def kl_per_image(self, posterior: Posterior, noise: Tensor) -> Tensor:
        """Returns the mean over y of KL(q(z|x,y) || p(z)) in nats, (B,)."""
        return self.weights.mean(self.prior.kl_per_image(posterior, noise))
