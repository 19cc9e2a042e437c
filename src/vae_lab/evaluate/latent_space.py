"""What the latent code holds: active units, information, its distance from the prior.

Shapes: N images, Z latent dimensions. Information in nats.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.posterior import Posterior
from vae_lab.random_streams import stream
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation
    from vae_lab.vae import VAE

# A latent dimension is active if its posterior mean varies over the images by more than this
# (Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519, section 5.2).
ACTIVE_VARIANCE = 0.01

# Entries of the matrix of log q(z_i|x_j) held at a time: 16 MB in double precision.
_ENTRIES = 2_000_000


def active_units(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields how many latent dimensions the images of the split vary in."""
    means = evaluation.posterior.mean
    protocol = {"latent": "mean", "above_variance": ACTIVE_VARIANCE, "images": len(means)}
    words = "the latent dimensions that vary over the images"
    yield Number("active_units", words, count_active_units(means), None, protocol)


def mutual_information(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields bounds on I(x; z), and the bounds on KL(q(z) || p(z)) that follow."""
    posterior, seed = evaluation.drawn.posterior, evaluation.settings["seed"]
    num_images = len(posterior.mean)
    bounds = information(posterior, mean_kl(evaluation.model, posterior, seed=seed), seed=seed)
    of_code = "the information of a code on its image"
    of_all = "the KL of all codes together from the prior"
    at_most = f"too low, and at most log {num_images}"
    for name, words, value, bias in (
        ("mutual_information_lower", of_code, bounds.lower, at_most),
        ("mutual_information_upper", of_code, bounds.upper, "too high"),
        ("kl_of_aggregate_lower", of_all, bounds.kl_lower, "too low"),
        ("kl_of_aggregate_upper", of_all, bounds.kl_upper, "too high"),
    ):
        protocol = {"latent": "sampled", "samples": 1, "images": num_images, "bias": bias}
        yield Number(name, f"{words}, {bias}", value, bounds.standard_error, protocol)


@torch.no_grad()
def mean_kl(model: "VAE", posterior: Posterior, *, seed: int) -> float:
    """Returns the mean of KL(q(z|x) || p(z)) over images, in nats, fields (N, Z) on the CPU.

    If there is no closed form, it is estimated from a single draw of each posterior.
    """
    noise = torch.randn(posterior.mean.shape, generator=stream("kl", seed))
    q = Posterior(posterior.mean.to(model.device), posterior.log_var.to(model.device))
    z = q.sample(noise.to(model.device))
    return model.prior.kl_per_image(q, z.unsqueeze(0)).double().mean().item()


def count_active_units(means: Tensor) -> int:
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

    With q(z) estimated by the mean over all N posteriors, that of z_i included, the estimate of
    I(x; z) is too low in expectation; without that of z_i it is too high (Poole et al., On
    Variational Bounds of Mutual Information, arXiv:1905.06922, eq. 12 and 13). `mean_kl` is the
    mean of KL(q(z|x) || p(z)) over the images, of which there are at least two.
    """
    mean, log_var = posterior.mean.double(), posterior.log_var.double()
    num_images = len(mean)
    noise = torch.randn(mean.shape, generator=stream("information", seed), dtype=torch.float64)
    z = Posterior(mean, log_var).sample(noise)
    # Allocated before the loop: small tensors that stay, between large ones that are freed, leave
    # holes in memory. With 10,000 images and 50 dimensions these came to 20 GB.
    low, high = mean.new_empty(num_images), mean.new_empty(num_images)
    num_rows = max(1, _ENTRIES // (num_images * mean.shape[1]))
    for images in torch.split(torch.arange(num_images), num_rows):
        # log q(z_i|x_j) of some draws i and of all images j, (rows, N). z - mean is a difference,
        # and not expanded squares, which would cancel if q is narrow.
        log_q = Posterior(mean, log_var).log_prob(z[images].unsqueeze(1))
        rows = torch.arange(len(images))
        log_q_of_image = log_q[rows, images]
        # log q(z_i|x_i) - log q(z_i), with the posterior of x_i in the mean that q(z_i) is ...
        low[images] = log_q_of_image - log_q.logsumexp(dim=1) + math.log(num_images)
        # ... and without it.
        log_q[rows, images] = -math.inf
        high[images] = log_q_of_image - log_q.logsumexp(dim=1) + math.log(num_images - 1)
    return Information(
        lower=low.mean().item(),
        upper=high.mean().item(),
        standard_error=(low.std() / math.sqrt(num_images)).item(),
        kl_lower=mean_kl - high.mean().item(),
        kl_upper=mean_kl - low.mean().item(),
    )


def distance_of_moments(posterior: Posterior) -> tuple[float, float | None]:
    """Returns KL(N(m, C) || N(0, I)) of the aggregate posterior's moments, and its standard error.

    In nats, m and C the mean and the covariance of q(z), from the posteriors of N images. As
    KL(q(z) || N(0, I)) is this plus KL(q(z) || N(m, C)), it is at most the whole distance. The
    error is that of the linear part of each image's share in the moments (delta method).
    """
    # The moments of q(z): m, E[z z^T], and C.
    mean, variance = posterior.mean.double(), posterior.log_var.double().exp()
    centre = mean.mean(dim=0)
    second = mean.T @ mean / len(mean) + variance.mean(dim=0).diag()
    covariance = second - centre.outer(centre)
    # KL(N(m, C) || N(0, I)) = (tr E[z z^T] - Z - log det C) / 2.
    log_det = torch.linalg.slogdet(covariance).logabsdet
    value = 0.5 * (second.trace() - mean.shape[1] - log_det)
    # The derivative of this with respect to the weight of each image in the moments: of the trace,
    # E[z^T z] of the image, and of log det C, E[z^T C^-1 z] of it less what moves with m.
    inverse = torch.linalg.inv(covariance)
    squares = mean.square().sum(dim=1) + variance.sum(dim=1)
    scaled_squares = ((mean @ inverse) * mean).sum(dim=1) + variance @ inverse.diagonal()
    linear = 0.5 * (squares - scaled_squares + 2 * mean @ (inverse @ centre))
    error = (linear.std() / math.sqrt(len(linear))).item() if len(linear) > 1 else None
    return value.item(), error
