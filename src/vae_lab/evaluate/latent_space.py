"""What the latent code holds: posteriors of a split, active units, information.

Shapes: N images, B images per batch, Z latent dimensions. Information in nats.
"""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from vae_lab.data.images import ImageArray
from vae_lab.posterior import Posterior
from vae_lab.priors import Prior
from vae_lab.random_streams import stream

# A latent dimension is active where its posterior mean varies over the images by more than this
# (Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519, section 5.2).
ACTIVE_VARIANCE = 0.01

# Entries of the matrix of log q(z_i|x_j) held at a time: 16 MB in double precision.
_ENTRIES = 2_000_000


class Encoder(Protocol):
    """What this file needs of a model."""

    @property
    def device(self) -> torch.device: ...

    def encode(self, x: Tensor) -> Posterior: ...


class Model(Encoder, Protocol):
    """The same, with a prior."""

    prior: Prior


@torch.no_grad()
def posteriors(model: Encoder, images: ImageArray, *, batch_size: int) -> Posterior:
    """Returns q(z|x) of uint8 images (N, C, H, W): two fields of (N, Z), on the CPU."""
    parts = [
        model.encode(images[start : start + batch_size].to(model.device).float() / 255)
        for start in range(0, len(images), batch_size)
    ]
    return Posterior(
        torch.cat([part.mean for part in parts]).cpu(),
        torch.cat([part.log_var for part in parts]).cpu(),
    )


@torch.no_grad()
def mean_kl(model: Model, posterior: Posterior, *, seed: int) -> float:
    """Returns the mean of KL(q(z|x) || p(z)) over images, in nats, fields (N, Z) on the CPU.

    Where there is no closed form, it is estimated from one draw of each posterior.
    """
    noise = torch.randn(posterior.mean.shape, generator=stream("kl", seed))
    q = Posterior(posterior.mean.to(model.device), posterior.log_var.to(model.device))
    z = q.sample(noise.to(model.device))
    return model.prior.kl_per_image(q, z.unsqueeze(0)).double().mean().item()


def active_units(means: Tensor) -> int:
    """Returns how many of Z dimensions of the posterior means (N, Z) vary over the images."""
    return int((means.double().var(dim=0, correction=0) > ACTIVE_VARIANCE).sum())


class Information(NamedTuple):
    """Bounds on I(x; z) under q, and the KL(q(z) || p(z)) that follow, in nats.

    I(x; z) lies between `lower` and `upper` in expectation over the images drawn; `lower` cannot
    exceed log N. KL(q(z) || p(z)) = E[KL(q(z|x) || p(z))] - I(x; z) (Hoffman and Johnson, ELBO
    surgery, 2016), so its bounds are swapped: `kl_upper` goes with `lower`.
    """

    lower: float
    upper: float
    standard_error: float
    kl_lower: float
    kl_upper: float


def information(posterior: Posterior, mean_kl: float, *, seed: int) -> Information:
    """Returns the bounds, from one draw z_i ~ q(z|x_i) of each of N images, fields (N, Z).

    With q(z) estimated by the mean over all N posteriors, z_i's own included, the estimate of
    I(x; z) is too low in expectation; without z_i's own it is too high (Poole et al., On
    Variational Bounds of Mutual Information, arXiv:1905.06922, eq. 12 and 13).

    Args:
        posterior: of at least two images.
        mean_kl: the mean over the images of KL(q(z|x) || p(z)).
        seed: of the draws.
    """
    mean, log_var = posterior.mean.double(), posterior.log_var.double()
    num_images = len(mean)
    noise = torch.randn(mean.shape, generator=stream("information", seed), dtype=torch.float64)
    z = Posterior(mean, log_var).sample(noise)
    # Set aside at once: small tensors that stay, between large ones that go, leave holes in memory
    # that none fits into. With 10,000 images and 50 dimensions those came to 20 GB.
    low, high = mean.new_empty(num_images), mean.new_empty(num_images)
    # z - mean as a difference and not as expanded squares, which would cancel where q is narrow.
    rows = max(1, _ENTRIES // (num_images * mean.shape[1]))
    for start in range(0, num_images, rows):
        part = z[start : start + rows]
        log_q = Posterior(mean, log_var).log_prob(part.unsqueeze(1))  # (rows, N)
        own = torch.arange(start, start + len(part))
        here = torch.arange(len(part))
        at_own = log_q[here, own]
        low[own] = at_own - log_q.logsumexp(dim=1) + math.log(num_images)
        log_q[here, own] = -math.inf
        high[own] = at_own - log_q.logsumexp(dim=1) + math.log(num_images - 1)
    return Information(
        lower=low.mean().item(),
        upper=high.mean().item(),
        standard_error=(low.std() / math.sqrt(num_images)).item(),
        kl_lower=mean_kl - high.mean().item(),
        kl_upper=mean_kl - low.mean().item(),
    )


def distance_from_prior(posterior: Posterior) -> tuple[float, float | None]:
    """Returns KL(N(m, C) || N(0, I)) of the aggregate posterior's moments, and its standard error.

    In nats, m and C the mean and the covariance of q(z), from the posteriors of N images. As
    KL(q(z) || N(0, I)) is this plus KL(q(z) || N(m, C)), it is at most the whole distance. The
    error is that of the linear part of each image's share in the moments (delta method).
    """
    mean, variance = posterior.mean.double(), posterior.log_var.double().exp()
    centre = mean.mean(dim=0)
    second = mean.T @ mean / len(mean) + variance.mean(dim=0).diag()
    covariance = second - centre.outer(centre)
    log_det = torch.linalg.slogdet(covariance).logabsdet
    value = 0.5 * (second.trace() - mean.shape[1] - log_det)
    inverse = torch.linalg.inv(covariance)
    own = ((mean @ inverse) * mean).sum(dim=1) + variance @ inverse.diagonal()
    squares = mean.square().sum(dim=1) + variance.sum(dim=1)
    linear = 0.5 * (squares - own + 2 * mean @ (inverse @ centre))
    error = (linear.std() / math.sqrt(len(linear))).item() if len(linear) > 1 else None
    return value.item(), error
