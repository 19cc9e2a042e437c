"""What the latent code holds: active units, information, its distance from the prior.

Shapes: N images, Z latent dimensions. Information in nats.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.posteriors import Posterior, of_images
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
    bounds = information(posterior, kl_per_image(evaluation.model, posterior, seed=seed), seed=seed)
    of_code = "the information of a code on its image"
    of_all = "the KL of all codes together from the prior"
    at_most = f"too low, and at most log {num_images}"
    for name, words, estimate, bias in (
        ("mutual_information_lower", of_code, bounds.lower, at_most),
        ("mutual_information_upper", of_code, bounds.upper, "too high"),
        ("kl_of_aggregate_lower", of_all, bounds.kl_lower, "too low"),
        ("kl_of_aggregate_upper", of_all, bounds.kl_upper, "too high"),
    ):
        protocol = {"latent": "sampled", "samples": 1, "images": num_images, "bias": bias}
        details = negative(estimate.value) if name == "kl_of_aggregate_lower" else {}
        yield Number(name, f"{words}, {bias}", *estimate, protocol, details)


def negative(distance: float) -> dict[str, str]:
    """Returns a warning for a number's details if an estimate of a KL is below 0."""
    if distance >= 0:
        return {}
    return {"warning": "below 0, which a KL cannot be: it gives no information about the distance"}


@torch.no_grad()
def kl_per_image(model: "VAE", posterior: Posterior, *, seed: int) -> Tensor:
    """Returns KL(q(z|x) || p(z)) of each of N images, float64 (N,), on the CPU.

    If there is no closed form, it is estimated from a single draw of each posterior.
    """
    noise = torch.randn(posterior.mean.shape, generator=stream("kl", seed)).to(model.device)
    q = posterior.map(lambda field: field.to(model.device))
    return model.prior.kl_per_image(q, noise.unsqueeze(0)).cpu().double()


def count_active_units(means: Tensor) -> int:
    """Returns how many of Z dimensions of the posterior means (N, Z) vary over the images."""
    return int((means.double().var(dim=0, correction=0) > ACTIVE_VARIANCE).sum())


class Estimate(NamedTuple):
    """A value in nats, and its standard error over images; None of two images.

    An image has two shares in it, its draw and its posterior in the mean that q(z) is. The error is
    that of the jackknife, which leaves both out (Efron and Stein, The Jackknife Estimate of
    Variance, 1981: on average it is not too small).
    """

    value: float
    standard_error: float | None


class Information(NamedTuple):
    """Bounds on I(x; z) under q, and the KL(q(z) || p(z)) that follow, in nats.

    I(x; z) lies between `lower` and `upper` in expectation over the images drawn; `lower` cannot
    exceed log N. KL(q(z) || p(z)) = E[KL(q(z|x) || p(z))] - I(x; z) (Hoffman and Johnson, ELBO
    surgery, 2016), so its bounds are swapped: `kl_upper` goes with `lower`.
    """

    lower: Estimate
    upper: Estimate
    kl_lower: Estimate
    kl_upper: Estimate


def information(posterior: Posterior, kl: Tensor, *, seed: int) -> Information:
    """Returns the bounds, from one draw z_i ~ q(z|x_i) of each of N images.

    With q(z) estimated by the mean over all N posteriors, that of z_i included, the estimate of
    I(x; z) is too low in expectation; without that of z_i it is too high (Poole et al., On
    Variational Bounds of Mutual Information, arXiv:1905.06922, eq. 12 and 13). `kl` (N,) holds
    KL(q(z|x) || p(z)) of the images, of which there are at least two.
    """
    q = posterior.map(Tensor.double)
    mean, num_images = q.mean, len(q.mean)
    noise = torch.randn(mean.shape, generator=stream("information", seed), dtype=torch.float64)
    z = q.sample(noise)
    # Allocated before the loop: small tensors that stay, between large ones that are freed, leave
    # holes in memory. With 10,000 images and 50 dimensions these came to 20 GB.
    log_q_of_image, with_image, without_image = mean.new_empty(3, num_images)
    left_out = mean.new_zeros(2, num_images)
    num_rows = max(1, _ENTRIES // (num_images * mean.shape[1]))
    for images in torch.split(torch.arange(num_images), num_rows):
        # log q(z_i|x_j) of some draws i and of all images j, (rows, N). z - mean is a difference,
        # and not expanded squares, which would cancel if q is narrow.
        log_q = q.log_prob(z[images].unsqueeze(1))
        rows = torch.arange(len(images))
        log_q_of_image[images] = log_q[rows, images]
        # log q(z_i) but for its constant, with the posterior of x_i in the mean that it is ...
        with_image[images] = log_q.logsumexp(dim=1)
        left_out[0] += _sum_without_each(log_q, images)
        # ... and without it.
        log_q[rows, images] = -math.inf
        without_image[images] = log_q.logsumexp(dim=1)
        left_out[1] += _sum_without_each(log_q, images)
    of_others = log_q_of_image.sum() - log_q_of_image
    log_ratio = log_q_of_image - with_image + math.log(num_images)
    lower, kl_upper = _estimates(log_ratio, of_others - left_out[0], kl)
    log_ratio = log_q_of_image - without_image + math.log(num_images - 1)
    upper, kl_lower = _estimates(log_ratio, of_others - left_out[1], kl)
    return Information(lower, upper, kl_lower, kl_upper)


def _estimates(log_ratio: Tensor, left_out: Tensor, kl: Tensor) -> tuple[Estimate, Estimate]:
    """Returns the estimates of I(x; z) and of KL(q(z) || p(z)) by log q(z_i|x_i) / q(z_i), (N,).

    `left_out` (N,) holds the sums of log ratios without each image, but for a constant.
    """
    value, others = log_ratio.mean().item(), len(kl) - 1
    of_kl = kl.sum() - kl - left_out
    return (
        Estimate(value, _jackknife(left_out / others)),
        Estimate(kl.mean().item() - value, _jackknife(of_kl / others)),
    )


def _sum_without_each(log_q: Tensor, images: Tensor) -> Tensor:
    """Returns the sum over draws of log sum_j q(z|x_j) without the image k, for each k, (N,).

    log_q (rows, N) is of the draws for `images`; the draw for the image that is left out counts 0.
    """
    total = log_q.logsumexp(dim=1, keepdim=True)
    without = total + torch.log1p(-torch.exp(log_q - total))
    # If the image is nearly all of the sum, the difference would cancel: the rest is summed.
    largest = log_q.argmax(dim=1, keepdim=True)
    rest = log_q.scatter(1, largest, -math.inf).logsumexp(dim=1, keepdim=True)
    without.scatter_(1, largest, rest)
    without[torch.arange(len(images)), images] = 0
    return without.sum(dim=0)


def _jackknife(left_out: Tensor) -> float | None:
    """Returns the standard error of an estimate, from its values without each image, (N,)."""
    if len(left_out) < 3:
        return None
    return (left_out.std(correction=0) * math.sqrt(len(left_out) - 1)).item()


def distance_of_moments(posterior: Posterior) -> tuple[float, float | None]:
    """Returns KL(N(m, C) || N(0, I)) of the aggregate posterior's moments, and its standard error.

    In nats, m and C the mean and the covariance of q(z), from the posteriors of N images. As
    KL(q(z) || N(0, I)) is this plus KL(q(z) || N(m, C)), it is at most the whole distance. The
    error is that of the linear part of each image's share in the moments (delta method).
    """
    # The moments of q(z): m, E[z z^T], and C.
    mean = posterior.mean.double()
    centre = mean.mean(dim=0)
    of_q = sum(part.sum(dim=0) for part in _covariances(posterior)) / len(mean)
    second = mean.T @ mean / len(mean) + of_q
    covariance = second - centre.outer(centre)
    # KL(N(m, C) || N(0, I)) = (tr E[z z^T] - Z - log det C) / 2.
    log_det = torch.linalg.slogdet(covariance).logabsdet
    value = 0.5 * (second.trace() - mean.shape[1] - log_det)
    # The derivative of this with respect to the weight of each image in the moments: of the trace,
    # E[z^T z] of the image, and of log det C, E[z^T C^-1 z] of it less what moves with m.
    inverse = torch.linalg.inv(covariance)
    # Collected in one block: small results between the large ones would keep glibc from reusing
    # their memory, 1.2 GB with 128 dimensions.
    traces = mean.new_empty(len(mean))
    done = 0
    for part in _covariances(posterior):
        traces[done : done + len(part)] = part.flatten(1) @ inverse.flatten()
        done += len(part)
    squares = mean.square().sum(dim=1) + posterior.variance.double().sum(dim=1)
    scaled_squares = ((mean @ inverse) * mean).sum(dim=1) + traces
    linear = 0.5 * (squares - scaled_squares + 2 * mean @ (inverse @ centre))
    error = (linear.std() / math.sqrt(len(linear))).item() if len(linear) > 1 else None
    return value.item(), error


def _covariances(posterior: Posterior) -> Iterator[Tensor]:
    """Yields the covariances, float64 (B, Z, Z), of so many images at a time as fit in memory."""
    size = max(1, _ENTRIES // posterior.mean.shape[1] ** 2)
    for rows in torch.split(torch.arange(len(posterior.mean)), size):
        yield of_images(posterior, rows).map(Tensor.double).covariance
