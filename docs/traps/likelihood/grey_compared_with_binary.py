"""Likelihood of grey values compared with binary images.

Symptom: Two values differ by many nats, and neither model is better.

The Bernoulli cross entropy takes grey values too. It is then an expectation over binary images, and
can never be better than minus the entropy of the grey values. The limit of binary images is 0. The
two are not comparable.

How to notice: One table has bounds of grey images beside bounds of binary images.

Fix: Binarise the images of both models in the same way, and say how.

Test: test_dynamic_draws_depend_on_seed_and_epoch_alone_and_evaluation_is_fixed
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import Number, SmallVAE, digits, mean_bound, panels, show, train


def wrong(images: Tensor) -> Tensor:
    return images


def right(images: Tensor) -> Tensor:
    return (images >= 0.5).double()


@cache
def model(binary: bool) -> SmallVAE:
    return train(images=(right if binary else wrong)(digits()[0].images))


def limit(x: Tensor) -> float:
    """Minus the entropy of the images, seen as means of coins: no model is better."""
    return (torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).sum(dim=1).mean().item()


def numbers() -> dict[str, Number]:
    x = digits()[1].images
    bounds = [mean_bound(model(target is right), target(x)) for target in (wrong, right)]
    return {
        "elbo": Number("test ELBO, nats", *bounds),
        "limit": Number("the best possible value, nats", *(limit(f(x)) for f in (wrong, right))),
    }


def draw() -> Figure:
    (_, *bounds, _), (_, *limits, _) = numbers().values()
    names = [f"{b:.1f} of at most {m:.1f}" for b, m in zip(bounds, limits, strict=True)]
    figure, *axes = panels(f"grey values: {names[0]}", f"binary: {names[1]}", height=2.0)
    for axis, target in zip(axes, (wrong, right), strict=True):
        show(axis, target(digits()[1].images[:32]), columns=8)
    return figure
