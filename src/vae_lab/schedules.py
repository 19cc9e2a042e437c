"""Schedules: factors as functions of progress, the share of the optimiser's steps done, in [0, 1].

A schedule has no state, so a resumed run continues it by its step count alone.
"""

import math
from collections.abc import Callable

# The learning rate starts at 1/25 of its peak, as in Smith and Topin, Super-Convergence,
# arXiv:1708.07120, and as in torch's OneCycleLR, and ends near zero.
START, END = 1 / 25, 1e-4

SCHEDULES = ("one_cycle", "constant", "tripling")

# Stages of `tripling`, 3^0 to 3^7 of 3,280 parts: Burda et al., arXiv:1509.00519, section 5.
STAGES = 8


def learning_rate_factor(schedule: str, warmup: float) -> Callable[[float], float]:
    """Returns progress -> factor on the peak learning rate.

    Args:
        schedule: `one_cycle` (up, then down, both along half a cosine), `constant`, or `tripling`
            (falls to a tenth in eight stages, each three times as long as the one before).
        warmup: the share of the steps in which `one_cycle` rises, in (0, 1).

    Raises:
        ValueError: for another name.
    """
    if schedule == "constant":
        return lambda progress: 1.0
    if schedule == "tripling":
        return _tripling
    if schedule != "one_cycle":
        raise ValueError(f"optimizer.schedule={schedule} is none of {', '.join(SCHEDULES)}.")

    def one_cycle(progress: float) -> float:
        if progress < warmup:
            return _half_cosine(START, 1.0, progress / warmup)
        return _half_cosine(1.0, END, min(1.0, (progress - warmup) / (1 - warmup)))

    return one_cycle


def _tripling(progress: float) -> float:
    # Stage i begins when (3^i - 1) / 2 parts are done.
    parts = progress * (3**STAGES - 1) / 2
    # A part of a part is lost in rounding, never a stage.
    stage = math.floor(math.log(2 * parts + 1 + 1e-9, 3))
    return 10 ** (-min(stage, STAGES - 1) / (STAGES - 1))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
