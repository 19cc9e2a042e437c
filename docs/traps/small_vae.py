"""What the traps share: digits, a small VAE in plain PyTorch, its training, the style of pictures.

Shapes: B images per batch, D = 64 pixels, Z latent dimensions. Values are nats per image.
Everything is computed in double precision: the page's numbers are the same on every machine.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from vae_lab.callbacks.drawing.grids import grid
from vae_lab.data.digits import Digits
from vae_lab.posteriors import DiagonalGaussian

WRONG, RIGHT, GREY = "#bd1f01", "#3f90da", "#717581"


class Number(NamedTuple):
    """One quantity, with the wrong code and with the right one, and the decimals to show."""

    words: str
    wrong: float
    right: float
    decimals: int = 1


class Split(NamedTuple):
    """Images (N, D) in [0, 1] and their labels (N,)."""

    images: Tensor
    labels: Tensor


@cache
def digits() -> tuple[Split, Split]:
    """Returns 1,497 training images and 300 test images of 8 x 8 pixels."""
    source = Digits(num_test=300).load()

    def split(images: object, labels: object) -> Split:
        return Split(torch.as_tensor(images).double().flatten(1) / 255, torch.as_tensor(labels))

    return (
        split(source.train_images, source.train_labels),
        split(source.test_images, source.test_labels),
    )


class SmallVAE(nn.Module):
    """One hidden layer on either side, a standard normal prior, a Bernoulli likelihood."""

    def __init__(self, *, latent_dim: int, hidden_dim: int = 64, seed: int | None = 0) -> None:
        """Takes a seed of the weights; without one they come from torch's own generator."""
        super().__init__()
        self.latent_dim = latent_dim
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            self.encoder = nn.Sequential(
                nn.Linear(64, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 2 * latent_dim)
            ).double()
            self.decoder = nn.Sequential(
                nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, 64)
            ).double()

    def encode(self, x: Tensor) -> DiagonalGaussian:
        """x (B, D) -> q(z|x), mean and log-variance (B, Z)."""
        return DiagonalGaussian(*self.encoder(x).chunk(2, dim=1))

    def terms(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Returns log p(x|z) of each pixel, (B, D), and the KL of each dimension, (B, Z)."""
        posterior = self.encode(x)
        log_likelihood = self.log_likelihood(posterior.sample(noise), x)
        return log_likelihood, posterior.kl_to_standard_normal()

    def log_likelihood(self, z: Tensor, x: Tensor) -> Tensor:
        """Returns log p(x|z) of each pixel, (..., B, D), for z (..., B, Z) and x (B, D)."""
        logits = self.decoder(z)
        return -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none")


Loss = Callable[[Tensor, Tensor], Tensor]


def right_loss(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    """Minus the ELBO: sums over pixels and dimensions, the mean over images."""
    return (kl.sum(dim=1) - log_likelihood.sum(dim=1)).mean()


def noise_for(x: Tensor, latent_dim: int, generator: torch.Generator | None) -> Tensor:
    """Draws standard normal noise, (B, Z); without a generator from torch's own."""
    return torch.randn(len(x), latent_dim, generator=generator, dtype=torch.float64)


@torch.enable_grad()
def train(
    loss: Loss = right_loss,
    *,
    model: SmallVAE | None = None,
    images: Tensor | None = None,
    steps: int = 400,
    batch_size: int = 100,
    noise: torch.Generator | None = None,
    each_step: Callable[[int, SmallVAE], None] = lambda step, model: None,
) -> SmallVAE:
    """Returns the model, trained by Adam; `each_step` looks at it before every step."""
    model = SmallVAE(latent_dim=4) if model is None else model
    images = digits()[0].images if images is None else images
    order = torch.Generator().manual_seed(0)
    noise = torch.Generator().manual_seed(1) if noise is None else noise
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, fused=True)
    for step in range(steps):
        each_step(step, model)
        x = images[torch.randint(len(images), (batch_size,), generator=order)]
        optimizer.zero_grad()
        loss(*model.terms(x, noise_for(x, model.latent_dim, noise))).backward()
        optimizer.step()
    return model


@cache
def trained(latent_dim: int = 2) -> SmallVAE:
    """Returns a model that was trained rightly."""
    return train(model=SmallVAE(latent_dim=latent_dim)).requires_grad_(False)


@torch.no_grad()
def bound(model: SmallVAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns log p(x|z) and KL of each image, both (B,), from one sample of the posterior."""
    noise = noise_for(x, model.latent_dim, torch.Generator().manual_seed(2))
    log_likelihood, kl = model.terms(x, noise)
    return log_likelihood.sum(dim=1), kl.sum(dim=1)


def mean_bound(model: SmallVAE, x: Tensor) -> float:
    """Returns the mean ELBO over the images."""
    log_likelihood, kl = bound(model, x)
    return (log_likelihood - kl).mean().item()


@torch.no_grad()
def log_weights(model: SmallVAE, x: Tensor, num_samples: int, seed: int = 3) -> Tensor:
    """Returns log p(x, z) - log q(z|x) of draws z from the posterior, (K, B)."""
    posterior, generator = model.encode(x), torch.Generator().manual_seed(seed)
    shape = (num_samples, len(x), model.latent_dim)
    z = posterior.sample(torch.randn(shape, generator=generator, dtype=torch.float64))
    log_likelihood = model.log_likelihood(z, x).sum(dim=-1)
    log_prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)
    return log_likelihood + log_prior - posterior.log_prob(z)


def iwae_bound(model: SmallVAE, x: Tensor, num_samples: int) -> float:
    """Returns the importance-weighted bound of K samples, its mean over the images."""
    weights = log_weights(model, x, num_samples)
    return (weights.logsumexp(dim=0) - math.log(num_samples)).mean().item()


@torch.no_grad()
def reconstructions(model: SmallVAE, x: Tensor) -> Tensor:
    """Returns the mean images (B, D) at the posterior means."""
    return torch.sigmoid(model.decoder(model.encode(x).mean))


def panels(left: str, right: str, *, height: float = 2.8) -> tuple[Figure, Axes, Axes]:
    """Returns a picture of two panels with these titles: the wrong code, the right code."""
    figure = Figure(figsize=(6.4, height), layout="constrained")
    first, second = figure.subplots(1, 2)
    first.set_title(left, color=WRONG, fontsize=11)
    second.set_title(right, color=RIGHT, fontsize=11)
    return figure, first, second


def panel(title: str, *, height: float = 2.8) -> tuple[Figure, Axes]:
    """Returns a picture of one panel."""
    figure = Figure(figsize=(6.4, height), layout="constrained")
    axis = figure.subplots()
    axis.set_title(title, fontsize=11)
    return figure, axis


def show(axis: Axes, images: Tensor, *, columns: int) -> None:
    """Shows images (N, D) in [0, 1], black 0 and white 1, whatever their values."""
    picture = grid(images.view(-1, 1, 8, 8).clamp(0, 1), columns=columns)[0].detach().numpy()
    axis.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.axis("off")
