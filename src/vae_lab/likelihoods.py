"""The likelihood p(x|z), from what the decoder puts out.

Shapes: K samples per image, B images per batch, C, H, W of an image. A likelihood takes unbounded
decoder outputs (K, B, C, H, W) and returns log-probabilities per image in nats, summed over pixels
and channels, never averaged: a mean over pixels would make beta depend on the image size.
"""

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Likelihood(nn.Module, ABC):
    """What decoder outputs mean. A module, so that a learned scale is trained and saved."""

    # Whether p(x|z) is a probability, never above 1, and not a density. On grey targets a discrete
    # likelihood is the expectation over binary images, so it never exceeds minus their entropy.
    is_discrete: ClassVar[bool] = False

    @abstractmethod
    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Returns log p(x|z) in nats, (K, B), for outputs (K, B, C, H, W) and x (B, C, H, W)."""

    def log_prob_of_pairs(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Returns log p(x|z) of every pair, (G, B), for outputs (G, C, H, W) and x (B, C, H, W)."""
        return torch.stack([self.log_prob(one.expand_as(x).unsqueeze(0), x)[0] for one in outputs])

    @abstractmethod
    def mean(self, outputs: Tensor) -> Tensor:
        """Returns the mean image E[x|z] for outputs of any shape, same shape."""


class Bernoulli(Likelihood):
    """Each pixel is a coin whose logit the decoder puts out.

    On grey targets x in [0, 1] this is the expectation of the Bernoulli log-probability over binary
    images drawn with x as their means, so the bound is that of dynamic binarisation.
    """

    is_discrete = True

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        # From logits: exact where a sigmoid would round to 0 or 1, and faster than sigmoid and log.
        loss = F.binary_cross_entropy_with_logits(outputs, x.expand_as(outputs), reduction="none")
        return -loss.flatten(2).sum(dim=2)

    def log_prob_of_pairs(self, outputs: Tensor, x: Tensor) -> Tensor:
        # x * logit - log(1 + e^logit), summed over pixels: one matrix product for all pairs.
        logits = outputs.flatten(1)
        return logits @ x.flatten(1).T - F.softplus(logits).sum(dim=1, keepdim=True)

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)


class Gaussian(Likelihood):
    """Each pixel is Gaussian around the decoder's output, with one fixed standard deviation."""

    def __init__(self, *, scale: float) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"likelihood.scale must be above 0, got {scale}.")
        self.scale = scale

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        standardised = (x - outputs) / self.scale
        constant = math.log(self.scale) + 0.5 * math.log(2 * math.pi)
        return -(0.5 * standardised.square() + constant).flatten(2).sum(dim=2)

    def mean(self, outputs: Tensor) -> Tensor:
        # Unbounded, as the model is; pictures cut it to [0, 1].
        return outputs
