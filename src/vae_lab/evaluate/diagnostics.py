"""What looks wrong with a trained model, in words. No torch.

Each warning has a threshold here, the same in docs/numbers.md, and a test that provokes it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

# Mean KL of a latent dimension, in nats, below which it says nothing about the image.
UNUSED_KL = 0.01

# How much worse the validation bound may be than the training bound, as a share of the latter.
OVERFITTING = 0.05

# The prior's variance is 1: a posterior of ten times its standard deviation has left it.
EXPLODED_VARIANCE = 100.0

# Nats by which single precision may put a cross entropy below the entropy, for 784 pixels, terms of
# 1e-6 each; more pixels, counted with channels, have more in proportion.
TOLERANCE, PIXELS = 1e-2, 784


class ModelStatistics(NamedTuple):
    """What the warnings are drawn from; bounds and `recon` in nats per image, None if unknown.

    `num_pixels` counts channels. `recon` and `entropy`, both (N,), are -log p(x|z) of a discrete
    likelihood and, if it takes grey values as means of binary draws, their entropy, which `recon`
    cannot go below. `kl_reference` is the distribution that the KL of a dimension is measured from:
    prior, or aggregate posterior if the prior has no KL per dimension.
    """

    kl_per_dimension: Sequence[float]
    kl_reference: str
    largest_variance: float
    train_elbo: float | None
    val_elbo: float | None
    recon: np.ndarray | None
    entropy: np.ndarray | None
    num_pixels: int = PIXELS


def diagnose(statistics: ModelStatistics) -> list[str]:
    """Returns one sentence for each thing that looks wrong."""
    return [*_unused(statistics), *_after_training(statistics), *_bugs(statistics)]


def _unused(statistics: ModelStatistics) -> Iterator[str]:
    kl, below = statistics.kl_per_dimension, f"below {UNUSED_KL} nats"
    if statistics.kl_reference != "prior":
        below += f" from the {statistics.kl_reference}"
    unused = [str(i) for i, value in enumerate(kl) if value < UNUSED_KL]
    if len(unused) == len(kl):
        yield (
            f"posterior collapse: every latent dimension has a KL {below}, so the "
            f"latent says nothing about the image. Lower objective.beta or the learning rate."
        )
    elif unused:
        yield (
            f"{len(unused)} of {len(kl)} latent dimensions are unused (KL {below}): "
            f"{', '.join(unused)}, counted from 0."
        )


def _after_training(statistics: ModelStatistics) -> Iterator[str]:
    train, val = statistics.train_elbo, statistics.val_elbo
    if train is not None and val is not None and train - val > OVERFITTING * abs(train):
        yield (
            f"overfitting: after the last epoch the validation bound ({val:.2f}) is "
            f"{(train - val) / abs(train):.0%} worse than the training bound ({train:.2f}); more "
            f"than {OVERFITTING:.0%} is much. Train for fewer epochs or with more images."
        )
    if (variance := statistics.largest_variance) > EXPLODED_VARIANCE:
        of_prior = " (the prior's is 1)" if statistics.kl_reference == "prior" else ""
        yield (
            f"exploding variance: a posterior has a variance of {variance:.3g}, above "
            f"{EXPLODED_VARIANCE:g}{of_prior}. Lower the learning rate."
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
