"""A model whose log p(x) is known exactly: probabilistic PCA as a VAE.

Source: Tipping and Bishop, Probabilistic Principal Component Analysis, 1999.
"""

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from vae_lab.likelihoods import Gaussian
from vae_lab.objectives.elbo import Elbo
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.priors import StandardNormal
from vae_lab.vae import VAE, Optimization

PIXELS, SCALE, GAIN = 6, 0.5, 1.5
# The exact posterior's precision in each latent dimension.
PRECISION = 1 + GAIN**2 / SCALE**2


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class Affine(nn.Module):
    """The encoder of the exact posterior, or the decoder, of a linear Gaussian model."""

    def __init__(self, weight: Tensor, bias: Tensor, log_var: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.log_var = None if log_var is None else nn.Parameter(log_var)

    def forward(self, x: Tensor) -> object:
        y = x.flatten(1) @ self.weight.T + self.bias
        if self.log_var is None:
            return y.view(-1, 1, 1, y.shape[1])
        return DiagonalGaussian(y, self.log_var.expand_as(y))


class Counting(nn.Module):
    """A decoder that counts the latent points it decodes, and the most at a time."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder, self.total, self.most = decoder, 0, 0

    def forward(self, z: Tensor) -> Tensor:
        self.total += len(z)
        self.most = max(self.most, len(z))
        return self.decoder(z)


def linear_gaussian(
    *, latent_dim: int, posterior_shift: float, correlation: float = 0.0
) -> tuple[VAE, MultivariateNormal]:
    """Returns a VAE over p(z) = N(0, I), p(x|z) = N(Wz + b, s^2 I), and its exact p(x).

    Without `correlation` W has orthogonal columns, so the exact posterior is diagonal, the encoder
    can hold it, and the bound is tight. With it each column leans to the one before, the exact
    posterior is a Gaussian with a full covariance, and the encoder is the best diagonal one: it has
    the exact mean, and the variances are 1 over the diagonal of the exact precision.
    `posterior_shift` moves the encoder's mean away from it.
    """
    weight = torch.linalg.qr(random(PIXELS, latent_dim, dtype=torch.float64)).Q * GAIN
    weight[:, 1:] += correlation * weight[:, :-1].clone()
    bias = random(PIXELS, seed=20, dtype=torch.float64)
    precision = exact_precision(weight)
    to_z = torch.linalg.solve(precision, weight.T) / SCALE**2
    model = VAE(
        encoder=Affine(to_z, -to_z @ bias + posterior_shift, -precision.diagonal().log()),
        decoder=Affine(weight, bias, None),
        prior=StandardNormal(latent_dim=latent_dim),
        likelihood=Gaussian(scale=SCALE, learn_scale=False),
        objective=Elbo(beta=1.0, num_samples=4000),
        optimization=Optimization(torch.optim.Adam, lambda progress: 1.0),
        latent_dim=latent_dim,
        seed=0,
    )
    covariance = weight @ weight.T + SCALE**2 * torch.eye(PIXELS)
    return model.float().eval(), MultivariateNormal(bias, covariance)


def exact_precision(weight: Tensor) -> Tensor:
    """Returns the precision of the exact posterior, (Z, Z), which is that of every image."""
    return torch.eye(weight.shape[1]).to(weight) + weight.T @ weight / SCALE**2


def log_likelihood(exact: MultivariateNormal, x: Tensor) -> Tensor:
    """Returns log p(x) of images (B, ...), float64 (B,)."""
    return exact.log_prob(x.double().flatten(1))
