"""What looks wrong with a trained model, in words. No torch.

Each warning has a threshold here, the same in docs/reference/numbers.md, and a test that provokes
it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

# Mean KL of a latent dimension, in nats, below which it carries no information about the image.
UNUSED_KL = 0.01

# Standard errors of the validation bound that it may lie below the training bound, and below
# what it was at the best weights. Both are distances, so the zero of a density plays no part.
GAP_ERRORS, FALL_ERRORS = 2.0, 1.0

# Dimensions that are listed one by one.
MAX_LISTED = 10

# The density of a pixel in [0, 1], in nats, above which one of the 256 grey levels would have more
# than all the probability: log 255.
LARGEST_LOG_DENSITY = 5.54

# The prior's variance is 1: a posterior of ten times its standard deviation has left it.
EXPLODED_VARIANCE = 100.0

# Nats by which single precision may put a cross entropy below the entropy, for 784 pixels, terms of
# 1e-6 each; more pixels, counted with channels, have more in proportion.
TOLERANCE, PIXELS = 1e-2, 784


class ModelStatistics(NamedTuple):
    """What the warnings are drawn from; bounds and `recon` in nats per image, None if unknown.

    `train_elbo` and `val_elbo` are those of the last epoch; `best_val_elbo`, with its standard
    error, that of the weights that are tested. `largest_log_density` is the largest of a pixel, in
    nats; None of a discrete likelihood. `num_pixels` counts channels. `recon` and `entropy`, both
    (N,), are -log p(x|z) of a discrete likelihood and, if it takes grey values as means of binary
    draws, their entropy, which `recon` cannot go below. `kl_reference` is the distribution that the
    KL of a dimension is measured from: prior, or aggregate posterior if the prior has no KL per
    dimension.
    """

    kl_per_dimension: Sequence[float]
    kl_reference: str
    largest_variance: float
    train_elbo: float | None
    val_elbo: float | None
    recon: np.ndarray | None
    entropy: np.ndarray | None
    num_pixels: int = PIXELS
    best_val_elbo: float | None = None
    val_error: float | None = None
    largest_log_density: float | None = None


def diagnose(statistics: ModelStatistics) -> list[str]:
    """Returns one sentence for each thing that looks wrong."""
    return [
        *_unused(statistics),
        *_after_training(statistics),
        *_density(statistics),
        *_bugs(statistics),
    ]


def _unused(statistics: ModelStatistics) -> Iterator[str]:
    kl, below = statistics.kl_per_dimension, f"below {UNUSED_KL} nats"
    if statistics.kl_reference != "prior":
        below += f" from the {statistics.kl_reference}"
    unused = [str(i) for i, value in enumerate(kl) if value < UNUSED_KL]
    if len(unused) == len(kl):
        yield (
            f"posterior collapse: every latent dimension has a KL {below}, so the "
            f"latent carries no information about the image. Lower objective.beta or the learning "
            f"rate."
        )
    elif unused:
        listed = ", ".join(unused[:MAX_LISTED])
        if len(unused) > MAX_LISTED:
            listed += f" and {len(unused) - MAX_LISTED} more"
        yield (
            f"{len(unused)} of {len(kl)} latent dimensions are unused (KL {below}): {listed}, "
            f"counted from 0."
        )


def _after_training(statistics: ModelStatistics) -> Iterator[str]:
    train, val, best, error = (
        getattr(statistics, name)
        for name in ("train_elbo", "val_elbo", "best_val_elbo", "val_error")
    )
    if None not in (train, val, best, error) and (
        train - val > GAP_ERRORS * error and best - val > FALL_ERRORS * error
    ):
        yield (
            f"overfitting: at the end the validation bound ({val:.2f}) is {train - val:.2f} nats "
            f"below the training bound ({train:.2f}), and has fallen by {best - val:.2f} nats from "
            f"the weights that are tested; its standard error is {error:.2f}. Train for fewer "
            f"epochs or with more images."
        )
    if (variance := statistics.largest_variance) > EXPLODED_VARIANCE:
        of_prior = " (the prior's is 1)" if statistics.kl_reference == "prior" else ""
        yield (
            f"exploding variance: a posterior has a variance of {variance:.3g}, above "
            f"{EXPLODED_VARIANCE:g}{of_prior}. Lower the learning rate."
        )


def _density(statistics: ModelStatistics) -> Iterator[str]:
    density = statistics.largest_log_density
    if density is not None and density > LARGEST_LOG_DENSITY:
        yield (
            f"unbounded density: the log-density of a pixel comes to {density:.2f} nats, above "
            f"{LARGEST_LOG_DENSITY} (one grey level of 256). Pixels that have the same value in "
            f"every image, such as a black background, raise such a bound without limit: it says "
            f"little of the images. Use likelihood=discretized_logistic or bernoulli."
        )


def _bugs(statistics: ModelStatistics) -> Iterator[str]:
    recon, entropy = statistics.recon, statistics.entropy
    if recon is None:
        return
    tolerance = TOLERANCE * max(1.0, statistics.num_pixels / PIXELS)
    if (recon < -tolerance).any():
        yield (
            f"a bug: a discrete likelihood has a positive log-probability ({-recon.min():.4g} "
            f"nats). No number of this run can be trusted."
        )
    elif entropy is not None and (short := entropy - recon).max() > tolerance:
        yield (
            f"a bug: a reconstruction term lies {short.max():.4g} nats below the entropy of its "
            f"grey targets, which is impossible. No number of this run can be trusted."
        )
