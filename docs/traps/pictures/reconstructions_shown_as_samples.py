"""Reconstructions shown as samples.

Symptom: The samples look better than the model is.

The codes that are decoded come from the posteriors of test images, not from the prior. The pictures
are then reconstructions. With a small beta the codes lie far from the prior, and samples of the
prior look broken.

How to notice: Each sample has a test image that it resembles. The samples of a model with a tiny
beta look as good as its reconstructions.

Fix: Draw codes from the prior and call these samples. Call the others reconstructions.

Test: test_samples_are_the_same_draws_each_time
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import Number, SmallVAE, digits, noise_for, panels, show, train


def wrong(model: SmallVAE, x: Tensor, generator: torch.Generator) -> Tensor:
    z = model.encode(x).sample(noise_for(x, model.latent_dim, generator))
    return torch.sigmoid(model.decoder(z))


def right(model: SmallVAE, x: Tensor, generator: torch.Generator) -> Tensor:
    z = noise_for(x, model.latent_dim, generator)
    return torch.sigmoid(model.decoder(z))


@cache
def samples() -> tuple[Tensor, Tensor]:
    """300 images of both kinds, (N, D), of a model trained with beta = 0.01."""
    model = train(
        lambda ll, kl: (0.01 * kl.sum(dim=1) - ll.sum(dim=1)).mean(),
        model=SmallVAE(latent_dim=8),
        steps=600,
    )
    x = digits()[1].images
    with torch.no_grad():
        first, second = (f(model, x, torch.Generator().manual_seed(0)) for f in (wrong, right))
    return first, second


def distance(images: Tensor) -> float:
    """The mean distance of images to the nearest training image."""
    return torch.cdist(images, digits()[0].images).min(dim=1).values.mean().item()


def numbers() -> dict[str, Number]:
    words = "mean distance of a sample to the nearest training image"
    return {"distance": Number(words, *map(distance, samples()), decimals=2)}


def draw() -> Figure:
    figure, *axes = panels("wrong: codes of test images", "right: codes of the prior", height=2.0)
    for axis, images in zip(axes, samples(), strict=True):
        show(axis, images[:32], columns=8)
    return figure
