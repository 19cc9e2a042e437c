"""Conditional models whose log p(x|y) is known exactly, and images whose label decides a block."""

import math

import torch
from linear_gaussian import GAIN, PIXELS, SCALE, exact_precision, log_likelihood, random
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from vae_lab.conditions import ClassLabel
from vae_lab.likelihoods import Bernoulli, Gaussian
from vae_lab.objectives.elbo import Elbo
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.priors import StandardNormal
from vae_lab.vae import VAE, Optimization

# p(y) of the linear model: none is another's.
SHARES = (0.6, 0.3, 0.1)


class AffineGivenLabel(nn.Module):
    """values (B, D), labels (B,) -> weight @ values + bias of the label, (B, E)."""

    def __init__(self, weight: Tensor, biases: Tensor) -> None:
        super().__init__()
        self.weight, self.biases = nn.Parameter(weight), nn.Parameter(biases)

    # It takes labels too.
    def forward(self, values: Tensor, labels: Tensor) -> Tensor:
        return values.flatten(1) @ self.weight.T + self.biases[labels]


class ExactEncoder(AffineGivenLabel):
    """The exact posterior of the linear model given y, or one moved away from it."""

    def __init__(self, weight: Tensor, biases: Tensor, log_var: Tensor) -> None:
        super().__init__(weight, biases)
        self.log_var = nn.Parameter(log_var)

    def forward(self, values: Tensor, labels: Tensor) -> DiagonalGaussian:  # type: ignore[override]
        mean = super().forward(values, labels)
        return DiagonalGaussian(mean, self.log_var.expand_as(mean))


class RowDecoder(AffineGivenLabel):
    """A decoder of images (1, 1, D)."""

    def forward(self, values: Tensor, labels: Tensor) -> Tensor:
        return super().forward(values, labels)[:, None, None]


def conditional(
    encoder: nn.Module, decoder: nn.Module, likelihood: nn.Module, shares: Tensor, latent_dim: int
) -> VAE:
    """Returns a conditional model of such networks, with p(y)."""
    condition = ClassLabel(num_classes=len(shares), labelled=None, classifier_weight=0.1)
    condition.shares.copy_(shares)
    model = VAE(
        encoder=encoder,
        decoder=decoder,
        prior=StandardNormal(latent_dim=latent_dim),
        # A stand-in of a likelihood.
        likelihood=likelihood,  # type: ignore[arg-type]
        objective=Elbo(beta=1.0, num_samples=1),
        optimization=Optimization(torch.optim.Adam, lambda progress: 1.0),
        latent_dim=latent_dim,
        seed=0,
        condition=condition,
    )
    return model.float().eval()


def linear_given_label(
    *, latent_dim: int, posterior_shift: float, spread: float = 0.5
) -> tuple[VAE, list[MultivariateNormal]]:
    """Returns a VAE over p(x|z, y) = N(Wz + b_y, s^2 I), and its exact p(x|y) of each class.

    W has orthogonal columns, so that the encoder has the exact posterior given y, its mean moved by
    `posterior_shift`. `spread` says how far the classes lie apart.
    """
    weight = torch.linalg.qr(random(PIXELS, latent_dim, dtype=torch.float64)).Q * GAIN
    biases = 0.5 + spread * random(len(SHARES), PIXELS, seed=20, dtype=torch.float64)
    precision = exact_precision(weight)
    to_z = torch.linalg.solve(precision, weight.T) / SCALE**2
    model = conditional(
        ExactEncoder(to_z, -biases @ to_z.T + posterior_shift, -precision.diagonal().log()),
        RowDecoder(weight, biases),
        Gaussian(scale=SCALE, learn_scale=False),
        torch.tensor(SHARES),
        latent_dim,
    )
    covariance = weight @ weight.T + SCALE**2 * torch.eye(PIXELS)
    return model, [MultivariateNormal(bias, covariance) for bias in biases]


def exact_log_joint(exact: list[MultivariateNormal], x: Tensor) -> Tensor:
    """Returns log p(x, y) of images (N, ...) and each class, float64 (N, L)."""
    of_classes = [log_likelihood(one, x) for one in exact]
    return torch.stack(of_classes, dim=1) + torch.tensor(SHARES).double().log()


def images_of_classes(count: int, exact: list[MultivariateNormal]) -> tuple[Tensor, Tensor]:
    """Draws images (N, 1, 1, D) of the linear model, not cut to [0, 1], and their labels."""
    generator = torch.Generator().manual_seed(4)
    shares = torch.tensor(SHARES)
    labels = shares.multinomial(count, replacement=True, generator=generator)
    noise = torch.randn(count, PIXELS, generator=generator, dtype=torch.float64)
    x = torch.stack(
        [exact[y].loc + exact[y].scale_tril @ e for y, e in zip(labels, noise, strict=True)]
    )
    return x.float()[:, None, None], labels


# Images of eight binary pixels: the label decides the first two, the other six are coins.
BLOCK, COINS, CLASSES = 2, 6, 4


def blocks(count: int, *, shares: tuple[float, ...] = (0.25,) * 4) -> tuple[Tensor, Tensor]:
    """Returns images, bytes (N, 1, 2, 4), and labels (N,), as often as the shares say exactly."""
    labels = torch.cat([torch.full((round(share * count),), y) for y, share in enumerate(shares)])
    bits = torch.stack([labels // 2, labels % 2], dim=1)
    generator = torch.Generator().manual_seed(6)
    coins = torch.randint(0, 2, (len(labels), COINS), generator=generator)
    pixels = torch.cat([bits, coins], dim=1).to(torch.uint8) * 255
    return pixels.view(-1, 1, 2, 4), labels


class NoInformation(nn.Module):
    """An encoder that is the prior, of two latent dimensions."""

    def forward(self, x: Tensor, *labels: Tensor) -> DiagonalGaussian:
        mean = torch.zeros(len(x), 2, device=x.device)
        return DiagonalGaussian(mean, torch.zeros_like(mean))


class BlockDecoder(nn.Module):
    """Sure of the block: by the label if it is given, else by the signs of two latent dimensions.

    Each sign is a coin of the prior, so that p(block) is 1/4 in both worlds.
    """

    def forward(self, z: Tensor, *labels: Tensor) -> Tensor:
        if labels:
            bits = torch.stack([labels[0] // 2, labels[0] % 2], dim=1).to(z)
        else:
            bits = (z > 0).to(z)
        logits = torch.cat([60 * (bits - 0.5), z.new_zeros(len(z), COINS)], dim=1)
        return logits.view(-1, 1, 2, 4)


def block_models(shares: tuple[float, ...] = (0.25,) * 4) -> tuple[VAE, VAE]:
    """Returns a conditional and an unconditional model of the blocks, both exact."""
    given = conditional(
        NoInformation(), BlockDecoder(), Bernoulli(), torch.tensor(shares), latent_dim=2
    )
    free = VAE(
        encoder=NoInformation(),
        decoder=BlockDecoder(),
        prior=StandardNormal(latent_dim=2),
        likelihood=Bernoulli(),
        objective=Elbo(beta=1.0, num_samples=1),
        optimization=Optimization(torch.optim.Adam, lambda progress: 1.0),
        latent_dim=2,
        seed=0,
    )
    return given, free.eval()


def entropy(shares: tuple[float, ...]) -> float:
    """Returns the entropy of shares, in nats."""
    return -sum(share * math.log(share) for share in shares)
