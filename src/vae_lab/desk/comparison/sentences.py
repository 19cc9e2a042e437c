"""The result of a comparison in words, for the terminal and for the page."""

from vae_lab.desk.comparison.pair import NAMES, Pair
from vae_lab.report.likelihoods import protocol
from vae_lab.report.statistics import Difference
from vae_lab.report.wording import PER_IMAGE, percent, size_shown

TEST_TITLE = "test images, nats per image"

# What an interval of one run of each covers.
COVERED = (
    "Intervals are for other test images. They do not cover other seeds: that takes several runs "
    "of each, and a report."
)


def result(pair: Pair) -> list[str]:
    """Returns which run has the higher test bound, by how much, and what the interval covers."""
    if pair.obstacles:
        return [f"The numbers cannot be compared. {'; '.join(pair.obstacles)}."]
    gap = pair.terms[0].difference
    if gap.value == 0:
        return ["Both runs have the same test bound."]
    higher, lower = NAMES if gap.value > 0 else NAMES[::-1]
    size = size_shown(gap, PER_IMAGE)
    if _may_be_chance(gap):
        return [f"The test bounds do not differ significantly: {higher} is {size} higher.", COVERED]
    known = "" if gap.interval else "; its error is unknown"
    better = pair.share_better
    share = None if better is None else better if gap.value > 0 else 1 - better
    on_images = "" if share is None else f", and on {percent(share)} of the images"
    return [f"{higher} has a higher test bound than {lower}: by {size}{on_images}{known}.", COVERED]


def _may_be_chance(gap: Difference) -> bool:
    return gap.interval is not None and gap.interval[0] <= 0 <= gap.interval[1]


def of_evaluations(pair: Pair) -> str:
    """Returns how the numbers of the evaluations were measured, and what their intervals are."""
    return f"{protocol(pair.evaluations)} Their intervals take the two runs as independent."
