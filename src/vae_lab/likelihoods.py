"""The likelihood p(x|z), from what the decoder puts out.

Shapes: K samples per image, B images per batch, C, H, W of an image. A likelihood takes unbounded
decoder outputs (K, B, C, H, W) and returns log-probabilities per image in nats, summed over pixels
and channels, never averaged: a mean over pixels would make beta depend on the image size.
"""

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Likelihood(nn.Module, ABC):
    """What decoder outputs mean. A module, so that a learned scale is trained and saved."""

    @abstractmethod
    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        """Returns log p(x|z) in nats, (K, B), for outputs (K, B, C, H, W) and x (B, C, H, W)."""

    @abstractmethod
    def mean(self, outputs: Tensor) -> Tensor:
        """Returns the mean image E[x|z] for outputs of any shape, same shape."""


class Bernoulli(Likelihood):
    """Each pixel is a coin whose logit the decoder puts out.

    On grey targets x in [0, 1] this is the expectation of the Bernoulli log-probability over binary
    images drawn with x as their means, so the bound is that of dynamic binarisation.
    """

    def log_prob(self, outputs: Tensor, x: Tensor) -> Tensor:
        # From logits: exact where a sigmoid would round to 0 or 1, and faster than sigmoid and log.
        loss = F.binary_cross_entropy_with_logits(outputs, x.expand_as(outputs), reduction="none")
        return -loss.flatten(2).sum(dim=2)

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
