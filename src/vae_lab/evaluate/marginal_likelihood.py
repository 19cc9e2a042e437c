"""log p(x) of images: the importance-weighted bound with K samples, and how far to trust it.

Shapes: K samples per image, N images, B images per batch, M largest weights, Z latent dimensions.
Values in nats per image. Memory grows with the root of K: the largest weights are kept.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.evaluate.bound import mean_over_images, standard_error
from vae_lab.evaluate.pareto import LargestWeights
from vae_lab.generative_model import of_rows
from vae_lab.inference.images import Advance, EvaluationImages
from vae_lab.inference.joint import log_weights
from vae_lab.posteriors import of_images
from vae_lab.random_streams import stream
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation
    from vae_lab.vae import VAE

# A mean of weights whose Pareto k exceeds this cannot be relied on, with any feasible number of
# draws (Vehtari et al., arXiv:1507.02646, section 2.4).
UNRELIABLE = 0.7

# Nats by which twice the samples may still raise the bound before a warning says so.
RISE = 0.01


def importance_weighted_bound(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields the importance-weighted bound, its code length, and how far the bound lies below."""
    estimate = evaluation.importance_weighted
    log_p, protocol = estimate.log_likelihood, protocol_of_samples(evaluation)
    words = f"the importance-weighted bound on {evaluation.log_p}"
    number = mean_over_images("iw_bound", words, log_p, **protocol)
    yield number._replace(details=estimate.details())
    bits = -log_p / (math.log(2) * evaluation.drawn.images[0].numel())
    words = "the code length of a pixel, by iw_bound"
    yield mean_over_images("bits_per_dimension", words, bits, **protocol)
    if evaluation.bound_is_on != evaluation.log_p:
        return  # of two quantities there is no gap
    gap = log_p - evaluation.bound.elbo[evaluation.drawn.rows.numpy()]
    words = "how far the bound lies below iw_bound"
    yield mean_over_images("gap_elbo_to_iw_bound", words, gap, **protocol)


def protocol_of_samples(evaluation: "Evaluation") -> dict[str, Any]:
    """Returns the protocol of numbers that the weighted samples give."""
    num_samples = evaluation.settings["num_samples"]
    return {"latent": "sampled", "samples": num_samples, **protocol_of_targets(evaluation)}


def protocol_of_targets(evaluation: "Evaluation") -> dict[str, bool]:
    """Returns whether targets are means of binary draws: the values are not likelihoods then."""
    grey = evaluation.data.binarize == "none"
    return {"targets_are_means": grey and evaluation.model.likelihood.grey_is_a_mean}


class ImportanceWeighted(NamedTuple):
    """The estimates of each image by K weights: all fields (N,), NaN where K is too small.

    `of_halves` (2, N) are the estimates by the first and the second half of the weights;
    `effective_samples` how many equal weights they are worth, (sum w)^2 / sum w^2; `pareto_k` the
    shape of their tail.
    """

    log_likelihood: np.ndarray
    of_halves: np.ndarray
    effective_samples: np.ndarray
    pareto_k: np.ndarray
    num_samples: int

    def monte_carlo_error(self) -> float | None:
        """Returns the part of the standard error of the mean that is due to the finite K.

        The two halves differ by twice the variance of one of them, which has half of the weights.
        None for a single sample.
        """
        if self.num_samples < 2:
            return None
        first, second = self.of_halves
        return float(np.sqrt(np.square(first - second).sum()) / 2 / len(first))

    def details(self) -> dict[str, Any]:
        """Returns what tells how far to trust the mean, with a `warning` if it is not far."""
        effective, k = self.effective_samples, self.pareto_k[np.isfinite(self.pareto_k)]
        details: dict[str, Any] = {
            "monte_carlo_error": self.monte_carlo_error(),
            "smallest_effective_samples": float(effective.min()),
            "tenth_percentile_effective_samples": float(np.quantile(effective, 0.1)),
            "median_effective_samples": float(np.median(effective)),
        }
        warnings = []
        if len(k):
            heavy = float((k > UNRELIABLE).mean())
            details |= {"median_pareto_k": float(np.median(k)), "share_of_heavy_tails": heavy}
            if heavy > 0.1:
                warnings.append(
                    f"the weights of {heavy:.0%} of the images have too heavy a tail (Pareto k "
                    f"above {UNRELIABLE}): there the bound may lie far below log p(x), and "
                    f"monte_carlo_error does not say how far"
                )
        if self.num_samples > 1:
            half, rise = float(self.of_halves[0].mean()), self.log_likelihood - self.of_halves[0]
            details["with_half_the_samples"] = half
            error = standard_error(rise) or 0.0
            details["still_rising"] = bool(rise.mean() > max(RISE, 2 * error))
            if details["still_rising"]:
                warnings.append(
                    f"still rising, by {rise.mean():.2g} nats from half of the samples: raise "
                    f"num_samples"
                )
        return details | ({"warning": "; ".join(warnings)} if warnings else {})


@torch.no_grad()
def importance_weighted(
    model: "VAE",
    drawn: EvaluationImages,
    *,
    num_samples: int,
    decoder_batch: int,
    seed: int,
    advance: Advance = lambda done, total: None,
) -> ImportanceWeighted:
    """Returns log (1/K) sum_k p(x, z_k) / q(z_k|x) for each image, z_k ~ q(z|x).

    A lower bound on log p(x) in expectation, which rises with K towards it (Burda et al.,
    Importance Weighted Autoencoders, arXiv:1509.00519, eq. 8 and theorem 1). `decoder_batch`, how
    many latent points are decoded at a time, decides the memory, and moves an estimate by no more
    than the rounding of the decoder (1e-3 nats).
    """
    half, largest = num_samples // 2, LargestWeights(len(drawn.images), num_samples)
    log_sums, log_square_sums = zip(
        *(
            _log_sums(model, drawn, samples, largest, decoder_batch, seed, advance)
            for samples in (range(half), range(half, num_samples))
        ),
        strict=True,
    )
    log_sum = torch.logaddexp(*log_sums)
    sizes = torch.tensor([[half], [num_samples - half]])
    return ImportanceWeighted(
        log_likelihood=(log_sum - math.log(num_samples)).numpy(),
        of_halves=(torch.stack(log_sums) - sizes.log()).numpy(),
        effective_samples=torch.exp(2 * log_sum - torch.logaddexp(*log_square_sums)).numpy(),
        pareto_k=largest.pareto_k(),
        num_samples=num_samples,
    )


def _log_sums(
    model: "VAE",
    drawn: EvaluationImages,
    samples: range,
    largest: LargestWeights,
    decoder_batch: int,
    seed: int,
    advance: Advance,
) -> tuple[Tensor, Tensor]:
    """Returns the logs of the sums of the weights of some samples and of their squares, (N,)."""
    num_images = len(drawn.images)
    log_sum = torch.full((num_images,), -math.inf, dtype=torch.float64)
    log_square_sum = log_sum.clone()
    # Several samples of all images at a time, or if there are many images, some images at a time.
    width = max(1, decoder_batch // num_images)
    for start in samples[::width]:
        some = range(start, min(start + width, samples.stop))
        noise = noise_of_images("iw", drawn, some, model.latent_dim, seed)
        for left in range(0, num_images, decoder_batch):
            rows = slice(left, left + decoder_batch)
            q = of_images(drawn.posterior, rows)
            x, labels = drawn.images[rows], of_rows(drawn.labels, rows)
            log_w = log_weights(model, x, q, noise[:, rows], labels)
            largest.add(rows, log_w)
            log_sum[rows] = torch.logaddexp(log_sum[rows], log_w.logsumexp(dim=0))
            log_squares = (2 * log_w).logsumexp(dim=0)
            log_square_sum[rows] = torch.logaddexp(log_square_sum[rows], log_squares)
        advance(some.stop, largest.num_samples)
    return log_sum, log_square_sum


def noise_of_images(
    name: str, drawn: EvaluationImages, samples: range, latent_dim: int, seed: int
) -> Tensor:
    """Returns the noise of some samples, (K, N, Z), from the stream of a name.

    That of sample k of an image depends only on the seed, the image's place in its split, and k:
    neither batches nor the choice of images change it, and a larger K keeps the first ones.
    """
    shape = (drawn.split_size, latent_dim)
    generators = (stream(name, drawn.split, seed, k) for k in samples)
    return torch.stack([torch.randn(shape, generator=each)[drawn.rows] for each in generators])
