"""Numbers, settings and differences as text."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vae_lab.report.blocks import Sentence, Verdict
from vae_lab.report.grouping import Setting
from vae_lab.report.statistics import Difference, Sample

NATS = " nats"


# Decimals that a number has at most.
MOST_DECIMALS = 5


class Quantity(NamedTuple):
    """What is compared: its key and name, its unit, and the adjective for its higher value."""

    key: str
    name: str
    unit: str = ""
    comparative: str = "higher"


def sentence(text: str, verdict: Verdict = "fact") -> Sentence:
    """Returns a sentence with a capital letter; by itself it compares nothing."""
    return Sentence(text[0].upper() + text[1:], verdict)


def shown(value: float, error: float | None = None) -> str:
    """Returns a number with as many digits as its error allows, two of the error's."""
    if value == 0 and not error:
        return "0"
    # An error too small for the decimals says nothing of them.
    if error is None or not 10**-MOST_DECIMALS <= error < math.inf:
        return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
    decimals = min(max(0, 1 - math.floor(math.log10(error))), MOST_DECIMALS)
    return f"{value:.{decimals}f}"


def with_error(value: float, error: float | None, unit: str = "") -> str:
    """Returns `value ± error`."""
    text = shown(value, error)
    return f"{text}{unit}" if not error else f"{text} ± {shown(error, error)}{unit}"


def percent(share: float) -> str:
    """Returns a share in per cent."""
    return f"{100 * share:.0f} %"


def share_shown(sample: Sample) -> str:
    """Returns a share in per cent with its 95 % interval, in which it need not be the middle."""
    if (interval := sample.interval()) is None:
        return percent(sample.mean)
    # One decimal at most.
    half = max(50 * (interval[1] - interval[0]), 1.0)
    mean, low, high = (shown(100 * value, half) for value in (sample.mean, *interval))
    return f"{mean} % ({low} to {high})"


def estimate(sample: Sample, unit: str = "") -> str:
    """Returns a mean with its standard error over images, or with its spread and interval."""
    interval = sample.interval()
    if sample.spread is None or interval is None:
        return with_error(sample.mean, sample.error, unit)
    half = (interval[1] - interval[0]) / 2
    low, high = (shown(end, half) for end in interval)
    return (
        f"{shown(sample.mean, half)}{unit} (spread {shown(sample.spread)} over "
        f"{len(sample.values)} seeds, 95 % interval {low} to {high})"
    )


def subject(setting: Setting) -> str:
    """Returns what a sentence is about: the weights of a single seed, or the mean of several."""
    if len(setting.runs) == 1:
        return f"these weights of {setting.label}"
    return f"{setting.label} (mean of {len(setting.runs)} seeds)"


def plural(noun: str, count: int | None) -> str:
    """Returns a noun, in its plural unless there is one of them."""
    return noun if count == 1 else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """Returns a number of things, such as `1 run` or `3 runs`."""
    return f"{count:,} {plural(noun, count)}"


def listed(items: Sequence[str]) -> str:
    """Returns `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def difference_text(gap: Difference, unit: str) -> str:
    """Returns the size of a difference, and its interval or error."""
    size, sign = abs(gap.value), 1 if gap.value >= 0 else -1
    if gap.interval is None or gap.error is None:
        return f"{shown(size)}{unit} (nothing says how much of that is chance)"
    if gap.kind in ("seeds", "mixed"):
        ends = sorted(sign * end for end in gap.interval)
        half = (ends[1] - ends[0]) / 2
        low, high = (shown(end, half) for end in ends)
        text = f"{shown(size, half)}{unit} (95 % interval {low} to {high}, "
        if gap.kind == "seeds":
            return text + f"over {gap.counts[0]} and {gap.counts[1]} seeds)"
        return text + f"as if both had the spread of the one with {max(gap.counts)} seeds)"
    text = with_error(size, gap.error, unit)
    if gap.kind == "images":
        return f"{text} (image by image, {gap.images:,} test images)"
    return f"{text} (from the standard errors of both)"


def comparison(
    a: Setting, b: Setting, samples: tuple[Sample, Sample], of: Quantity, gap: Difference
) -> Sentence:
    """Returns the sentence on which of two settings has more of a quantity; `gap` is a - b."""
    both = f"{of.name} of {subject(a)} and of {subject(b)}"
    if gap.value == 0:
        return sentence(f"{both} is the same: {shown(samples[0].mean)}{of.unit}.", "tie")
    size, rank = difference_text(gap, of.unit), _rank(*samples)
    if gap.differs is False:
        chance = "; by itself this would be a difference, among all comparisons it can be chance"
        note = chance if gap.differs_by_itself else ""
        return sentence(f"{both} cannot be told apart: {size} apart{rank}{note}.", "tie")
    high, low = (a, b) if gap.value >= 0 else (b, a)
    verb = "is" if gap.differs else "was"
    return sentence(
        f"{of.name} of {subject(high)} {verb} {of.comparative} than that of {subject(low)} by "
        f"{size}{rank}.",
        "differs" if gap.differs else "open",
    )


def _rank(a: Sample, b: Sample) -> str:
    """Returns where a single seed lies among several; nothing otherwise."""
    if (len(a.values) > 1) == (len(b.values) > 1):
        return ""
    (single,), several = (a.values, b.values) if len(a.values) == 1 else (b.values, a.values)
    within = min(several) <= single <= max(several)
    return "; it lies within their range" if within else f"; it lies beyond all {len(several)}"
