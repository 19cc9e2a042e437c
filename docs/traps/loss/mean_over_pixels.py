"""Reconstruction averaged over pixels.

Symptom: The posterior collapses: all reconstructions look alike.

The reconstruction term is a mean over pixels, but the KL is a sum over latent dimensions. The KL
weight is then the number of pixels: 64 here, 784 on MNIST. Seen in public code: PyTorch-VAE.

How to notice: The KL falls to 0, and every reconstruction is the mean image. The loss of an image
is below 1: that is a cross entropy per pixel.

Fix: Sum over pixels and over latent dimensions. Average once, over images.

Test: test_bernoulli_equals_torch_distributions_summed_over_pixels
"""

from functools import cache

from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import Number, SmallVAE, bound, digits, panels, reconstructions, show, train


def wrong(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    return -log_likelihood.mean() + kl.sum(dim=1).mean()


def right(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    return -log_likelihood.sum(dim=1).mean() + kl.sum(dim=1).mean()


@cache
def models() -> tuple[SmallVAE, SmallVAE]:
    return train(wrong), train(right)


def numbers() -> dict[str, Number]:
    terms = [bound(model, digits()[1].images) for model in models()]
    kls = [kl.mean().item() for _, kl in terms]
    bounds = [(log_likelihood - kl).mean().item() for log_likelihood, kl in terms]
    return {
        "kl": Number("KL of the test images, nats", *kls, decimals=2),
        "elbo": Number("ELBO of the test images, nats", *bounds),
    }


def draw() -> Figure:
    x = digits()[1].images[:32]
    figure, left, middle = panels("wrong: mean over pixels", "right: sum over pixels", height=2.0)
    for axis, model in zip((left, middle), models(), strict=True):
        show(axis, reconstructions(model, x), columns=8)
    return figure
