"""The result of a comparison in words, for the terminal and for the page."""

from vae_lab.desk.comparison.pair import NAMES, Compared, Pair
from vae_lab.report.conditions import NOT_COMPARED, said
from vae_lab.report.likelihoods import protocol
from vae_lab.report.statistics import Sample
from vae_lab.report.wording import PER_IMAGE, percent, rounded, shown, size_shown, with_error

TEST_TITLE = "test images, nats per image"

# What an interval of one run of each covers.
COVERED = (
    "Intervals are for other test images. They do not cover other seeds: that takes several runs "
    "of each, and a report."
)


def result(pair: Pair) -> list[str]:
    """Returns which run has the higher test bound, by how much, and what the interval covers."""
    if pair.obstacles:
        why = [NOT_COMPARED] if pair.is_given_unequally else []
        return [f"The numbers cannot be compared. {'; '.join(pair.obstacles)}.", *why]
    sentence, *more = _of_bounds(pair)
    return [said(sentence, pair.runs), *more]


def _of_bounds(pair: Pair) -> list[str]:
    """Returns the sentences on two bounds that can be compared."""
    gap = pair.terms[0].difference
    if gap.value == 0:
        return ["Both runs have the same test bound."]
    higher, lower = NAMES if gap.value > 0 else NAMES[::-1]
    size = size_shown(gap, PER_IMAGE)
    if gap.interval and gap.interval[0] <= 0 <= gap.interval[1]:
        words = f"{higher} - {lower} is {size}"
        return [f"The test bounds do not differ significantly: {words}.", COVERED]
    known = "" if gap.interval else "; its error is unknown"
    better = pair.share_better
    share = None if better is None else better if gap.value > 0 else 1 - better
    on_images = "" if share is None else f", and on {percent(share)} of the images"
    return [f"{higher} has a higher test bound than {lower}: by {size}{on_images}{known}.", COVERED]


def of_evaluations(pair: Pair) -> str:
    """Returns how the numbers of the evaluations were measured, and what their intervals are."""
    return f"{protocol(pair.evaluations)} Their intervals take the two runs as independent."


def cells(row: Compared) -> tuple[str, str, str, str, str]:
    """Returns a quantity, its values with their standard errors, the difference, its interval."""
    a, b = map(_value, row.samples)
    gap = row.difference
    if gap.interval is None:
        is_count = gap.value.is_integer()
        return row.words, a, b, f"{gap.value:g}" if is_count else shown(gap.value), ""
    low, high = (rounded(end, gap.interval) for end in gap.interval)
    return row.words, a, b, rounded(gap.value, gap.interval), f"{low} to {high}"


def _value(sample: Sample) -> str:
    is_count = sample.error is None and sample.mean.is_integer()
    return f"{sample.mean:g}" if is_count else with_error(sample.mean, sample.error)
