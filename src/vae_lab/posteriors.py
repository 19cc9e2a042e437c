"""The approximate posterior q(z|x): a Gaussian, with a diagonal or a full covariance.

Shapes: K samples per image, B images per batch, P encoder outputs per image, Z latent dimensions.
Nothing is reduced over images here, so only the objective decides how images are weighted.

What has a mean and what has a density are two interfaces: pictures need the first, bounds the
second. Both families have both.

Source: Kingma and Welling, Auto-Encoding Variational Bayes, arXiv:1312.6114, appendix B; a full
covariance: Kingma and Welling, An Introduction to Variational Autoencoders, arXiv:1906.02691,
section 2.5.1.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn


class HasMean(Protocol):
    """What a picture asks of q(z|x): a point for each image, and how wide q is around it."""

    @property
    def mean(self) -> Tensor:
        """The mean of each image, (B, Z)."""

    @property
    def variance(self) -> Tensor:
        """The variance of each dimension, (B, Z)."""


class HasDensity(Protocol):
    """What a bound asks of q(z|x): draws, and log-densities in nats."""

    def sample(self, noise: Tensor) -> Tensor:
        """Turns standard normal noise (..., B, Z) into z ~ q(z|x) of the same shape.

        The result is differentiable in all fields (the reparameterisation trick, eq. 4). The noise
        is the caller's, so that training and evaluation each draw from a generator of their own.
        """

    def noise_of(self, z: Tensor) -> Tensor:
        """Returns the noise of which `sample` makes z (..., B, Z), same shape."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Returns log q(z|x) for z (..., B, Z), shape (..., B)."""

    def log_prob_of_draw(self, noise: Tensor) -> Tensor:
        """Returns log q(z|x) of z = `sample(noise)`, for noise (..., B, Z), shape (..., B).

        From the noise and not from z: if q is narrower than the rounding of its mean, z - mean is
        lost, and log q(z|x) half a nat per dimension too high.
        """

    def slope_of_draw(self, noise: Tensor) -> Tensor:
        """Returns the gradient of log q(z|x) by z at z = `sample(noise)`, of the noise's shape."""


class Posterior(HasMean, HasDensity, Protocol):
    """q(z|x) of B images: one tensor per field, the images along the first dimension of each."""

    @property
    def covariance(self) -> Tensor:
        """The covariance of each image, (B, Z, Z)."""

    def __iter__(self) -> Iterator[Tensor]:
        """Yields the fields."""

    def map(self, function: Callable[[Tensor], Tensor]) -> Self:
        """Returns the same family with the function applied to each field."""

    def marginals(self) -> "DiagonalGaussian":
        """Returns the distribution of each dimension by itself, as if they were independent."""

    def kl_to_standard_normal(self) -> Tensor:
        """Returns KL(q(z|x) || N(0, I)) per latent dimension in nats, shape (B, Z).

        The sum over dimensions is the whole. If they depend on one another, that of a dimension is
        the mean KL of its distribution given the dimensions before it (the chain rule of the KL).
        """

    def standardised(self, mean: Tensor, variance: Tensor) -> Self:
        """Returns the posterior of (z - mean) / sqrt(variance), for mean and variance (Z,)."""


class DiagonalGaussian(NamedTuple):
    """The Gaussian with independent dimensions. Both fields have shape (B, Z)."""

    mean: Tensor
    log_var: Tensor

    @property
    def variance(self) -> Tensor:
        return self.log_var.exp()

    @property
    def covariance(self) -> Tensor:
        return self.variance.diag_embed()

    def map(self, function: Callable[[Tensor], Tensor]) -> "DiagonalGaussian":
        return DiagonalGaussian(*map(function, self))

    def marginals(self) -> "DiagonalGaussian":
        return self

    def sample(self, noise: Tensor) -> Tensor:
        return self.mean + torch.exp(0.5 * self.log_var) * noise

    def noise_of(self, z: Tensor) -> Tensor:
        return (z - self.mean) * torch.exp(-0.5 * self.log_var)

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * self._minus_twice_log_prob(z).sum(dim=-1)

    def log_prob_per_dimension(self, z: Tensor) -> Tensor:
        """Returns the log-density of each dimension of z (..., B, Z), same shape."""
        return -0.5 * self._minus_twice_log_prob(z)

    def _minus_twice_log_prob(self, z: Tensor) -> Tensor:
        return self.noise_of(z).square() + self.log_var + math.log(2 * math.pi)

    def log_prob_of_draw(self, noise: Tensor) -> Tensor:
        return -0.5 * (noise.square() + self.log_var + math.log(2 * math.pi)).sum(dim=-1)

    def slope_of_draw(self, noise: Tensor) -> Tensor:
        return -noise * torch.exp(-0.5 * self.log_var)

    def kl_to_standard_normal(self) -> Tensor:
        # expm1 keeps precision where log_var is near 0, the posterior of an unused dimension.
        return 0.5 * (self.mean.square() + torch.expm1(self.log_var) - self.log_var)

    def standardised(self, mean: Tensor, variance: Tensor) -> "DiagonalGaussian":
        centred = (self.mean - mean) * variance.rsqrt()
        return DiagonalGaussian(centred, self.log_var - variance.log())


class FullGaussian(NamedTuple):
    """The Gaussian with the covariance L L^T, L = diag(exp(log_scale)) (I + lower).

    `mean` and `log_scale` have shape (B, Z). Of `lower` (B, Z, Z) only what is below the diagonal
    counts: row j says how dimension j follows the noise of those before it, in units of its scale.
    """

    mean: Tensor
    log_scale: Tensor
    lower: Tensor

    @property
    def below(self) -> Tensor:
        """`lower` with zeros on and above its diagonal."""
        return self.lower.tril(-1)

    @property
    def variance(self) -> Tensor:
        return torch.exp(2 * self.log_scale) * (1 + self.below.square().sum(dim=-1))

    @property
    def covariance(self) -> Tensor:
        unit = torch.eye(self.mean.shape[-1]).to(self.lower)
        factor = self.log_scale.exp().unsqueeze(-1) * (self.below + unit)
        return factor @ factor.mT

    def map(self, function: Callable[[Tensor], Tensor]) -> "FullGaussian":
        return FullGaussian(*map(function, self))

    def marginals(self) -> DiagonalGaussian:
        return DiagonalGaussian(self.mean, self.variance.log())

    def sample(self, noise: Tensor) -> Tensor:
        # A product per image of its matrix and its vectors of noise, (..., B, Z).
        mixed = torch.einsum("bij,...bj->...bi", self.below, noise)
        return self.mean + self.log_scale.exp() * (noise + mixed)

    def noise_of(self, z: Tensor) -> Tensor:
        # One triangular system per image, its columns are the z.
        scaled = (z - self.mean) * torch.exp(-self.log_scale)
        columns = scaled.reshape(-1, *self.mean.shape).permute(1, 2, 0)
        noise = torch.linalg.solve_triangular(
            self.lower, columns, upper=False, unitriangular=True
        ).permute(2, 0, 1)
        return noise.reshape(scaled.shape)

    def log_prob(self, z: Tensor) -> Tensor:
        return self.log_prob_of_draw(self.noise_of(z))

    def log_prob_of_draw(self, noise: Tensor) -> Tensor:
        constant = 2 * self.log_scale + math.log(2 * math.pi)
        return -0.5 * (noise.square() + constant).sum(dim=-1)

    def slope_of_draw(self, noise: Tensor) -> Tensor:
        # -L^-T noise.
        columns = noise.reshape(-1, *self.mean.shape).permute(1, 2, 0)
        slope = torch.linalg.solve_triangular(
            self.lower.mT, columns, upper=True, unitriangular=True
        ).permute(2, 0, 1)
        return -slope.reshape(noise.shape) * torch.exp(-self.log_scale)

    def kl_to_standard_normal(self) -> Tensor:
        # Given the noise before it, dimension j has the variance exp(2 log_scale) and a mean that
        # varies: mean^2 and all of the variance count, and the log of what is left of it.
        log_var = 2 * self.log_scale
        varies = log_var.exp() * self.below.square().sum(dim=-1)
        return 0.5 * (self.mean.square() + varies + torch.expm1(log_var) - log_var)

    def standardised(self, mean: Tensor, variance: Tensor) -> "FullGaussian":
        centred = (self.mean - mean) * variance.rsqrt()
        return FullGaussian(centred, self.log_scale - 0.5 * variance.log(), self.lower)


def kl_to_aggregate(posterior: Posterior) -> Tensor:
    """Returns KL(q(z|x) || N(m, s^2)) per latent dimension in nats, shape (B, Z).

    m and s^2 are the moments of the aggregate posterior, the mean of these B posteriors. The mean
    over the images is the information that the dimension has of the image, plus what the aggregate
    lacks to be Gaussian (Hoffman and Johnson, ELBO surgery, 2016).
    """
    centre = posterior.mean.mean(dim=0)
    variance = (posterior.mean - centre).square().mean(dim=0) + posterior.variance.mean(dim=0)
    return posterior.standardised(centre, variance).kl_to_standard_normal()


def joined(parts: Sequence[Posterior]) -> Posterior:
    """Returns the posteriors of several batches, of one family, as those of one batch."""
    fields = iter(zip(*parts, strict=True))
    return parts[0].map(lambda _: torch.cat(next(fields)))


def of_images(posterior: Posterior, rows: Tensor | slice) -> Posterior:
    """Returns the posteriors of some of the images."""
    return posterior.map(lambda field: field[rows])


class Family(nn.Module, ABC):
    """What the numbers mean that an encoder puts out. A module: a family may have weights."""

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """How many numbers an encoder puts out for an image, P."""

    @abstractmethod
    def forward(self, outputs: Tensor) -> Posterior:
        """Returns q(z|x) for outputs (B, P)."""


class Diagonal(Family):
    """Independent dimensions: Z means, then Z logarithms of the variance."""

    @property
    def num_outputs(self) -> int:
        return 2 * self.latent_dim

    def forward(self, outputs: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(*outputs.chunk(2, dim=1))


class Full(Family):
    """A full covariance: as `Diagonal`, then the entries of `lower`, row by row.

    The logarithms are of the squares of `scale`: with all of `lower` at 0 it is the diagonal
    Gaussian of the same numbers.
    """

    @property
    def num_outputs(self) -> int:
        return self.latent_dim * (self.latent_dim + 3) // 2

    def forward(self, outputs: Tensor) -> FullGaussian:
        size = self.latent_dim
        mean, log_var, below = outputs.tensor_split((size, 2 * size), dim=1)
        # Not len(): an exported graph would take one number of images only.
        lower = outputs.new_zeros(outputs.shape[0], size, size)
        rows, columns = torch.tril_indices(size, size, -1, device=outputs.device)
        lower[:, rows, columns] = below
        return FullGaussian(mean, 0.5 * log_var, lower)
