"""The bound of single images, with its error, and its rank among the run's test images.

Shapes: K samples per image, N images, C, H, W of an image, Z latent dimensions. Nats per image.
Labels, int64 (N,), are given to a conditional model only: then the bound is on log p(x|y).
"""

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.generative_model import BATCH
from vae_lab.inference.joint import log_prior
from vae_lab.random_streams import stream

if TYPE_CHECKING:
    from vae_lab.vae import VAE


class Scores(NamedTuple):
    """The bound of each of N images, and beside it the importance-weighted bound; float64 (N,).

    `elbo` is the mean over `num_samples` draws of z, `elbo_error` its standard error. `iw_bound` is
    the bound of the same draws as weights, and lies nearer to log p(x). `rank` is the share of the
    run's test images whose bound is lower; None if their bounds are not known.
    """

    elbo: Tensor
    elbo_error: Tensor
    iw_bound: Tensor
    iw_bound_error: Tensor
    num_samples: int
    rank: Tensor | None


@torch.no_grad()
def score(
    model: "VAE",
    images: Tensor,
    *,
    num_samples: int,
    seed: int,
    test_bounds: np.ndarray | None,
    labels: Tensor | None = None,
) -> Scores:
    """Returns the scores of images (N, C, H, W) in [0, 1]; each depends on no other image.

    `test_bounds` are the bounds of the test images, ascending.
    """
    noise = torch.randn(num_samples, 1, model.latent_dim, generator=stream("score", seed))
    width = max(1, BATCH // num_samples)
    parts = []
    for start in range(0, len(images), width):
        rows = slice(start, start + width)
        x, given = images[rows], None if labels is None else labels[rows].to(model.device)
        parts.append(_weights(model, x, noise.expand(-1, len(x), -1), given))
    elbos, log_weights = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))  # (K, N)
    elbo, weights = elbos.mean(dim=0), log_weights.softmax(dim=0)
    root = math.sqrt(num_samples)
    rank = None
    if test_bounds is not None:
        lower = np.searchsorted(test_bounds, elbo.numpy())
        rank = torch.from_numpy(lower / len(test_bounds))
    return Scores(
        elbo=elbo,
        elbo_error=elbos.std(dim=0) / root,
        iw_bound=log_weights.logsumexp(dim=0) - math.log(num_samples),
        # Of the logarithm of a mean: the relative error of the mean.
        iw_bound_error=weights.std(dim=0) * root,
        num_samples=num_samples,
        rank=rank,
    )


def _weights(
    model: "VAE", x: Tensor, noise: Tensor, labels: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Returns the bound and the log-weight of each draw, float64 (K, B), of x (B, C, H, W)."""
    posterior = model.encode(x.to(model.device), labels)
    z = posterior.sample(noise.to(posterior.mean))
    outputs = model.outputs(z, labels)
    log_likelihood = model.likelihood.log_prob(outputs, x.to(model.device)).double().cpu()
    log_q = posterior.map(Tensor.double).log_prob_of_draw(noise.double().to(model.device)).cpu()
    log_p = log_prior(model, z)
    # In closed form if there is one: it does not vary with the draws.
    has_closed = model.prior.has_closed_kl
    kl = model.prior.kl(posterior).sum(dim=1).double().cpu() if has_closed else log_q - log_p
    return log_likelihood - kl, log_likelihood + log_p - log_q
