"""Sigmoid before a loss that takes logits.

Symptom: No pixel is darker than 0.5, and the loss stays high.

The decoder ends with a sigmoid, and the loss is `binary_cross_entropy_with_logits`, which applies
another one. The probability of a pixel then lies between 0.5 and 0.73.

How to notice: The loss stays above log 2 per black pixel. Draw the probabilities of the loss, not
the outputs of the decoder.

Fix: The decoder puts out logits. Apply the sigmoid only for pictures.

Test: test_bernoulli_is_exact_at_extreme_logits
"""

from functools import cache

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import Number, SmallVAE, digits, mean_bound, panels, show, train, trained


def wrong(decoder_outputs: Tensor, x: Tensor) -> Tensor:
    probability = torch.sigmoid(decoder_outputs)
    return F.binary_cross_entropy_with_logits(
        probability, x.expand_as(probability), reduction="none"
    )


def right(decoder_outputs: Tensor, x: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(
        decoder_outputs, x.expand_as(decoder_outputs), reduction="none"
    )


class TwoSigmoids(SmallVAE):
    """The small VAE with the wrong likelihood."""

    def log_likelihood(self, z: Tensor, x: Tensor) -> Tensor:
        return -wrong(self.decoder(z), x)


@cache
def models() -> tuple[SmallVAE, SmallVAE]:
    return train(model=TwoSigmoids(latent_dim=4)), trained(latent_dim=4)


@torch.no_grad()
def probabilities() -> tuple[Tensor, Tensor]:
    """The probabilities of white that each loss uses, (B, D)."""
    x = digits()[1].images
    first, second = (model.decoder(model.encode(x).mean) for model in models())
    return first.sigmoid().sigmoid(), second.sigmoid()


def numbers() -> dict[str, Number]:
    bounds = [mean_bound(model, digits()[1].images) for model in models()]
    darkest = [p.min().item() for p in probabilities()]
    return {
        "elbo": Number("test ELBO, nats", *bounds),
        "darkest": Number("probability of the darkest pixel", *darkest, decimals=2),
    }


def draw() -> Figure:
    figure, *axes = panels("wrong: two sigmoids", "right: one sigmoid", height=2.0)
    for axis, images in zip(axes, probabilities(), strict=True):
        show(axis, images[:32], columns=8)
    return figure
