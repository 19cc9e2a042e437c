"""The headline: which setting is best, by how much, and how sure that is."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from vae_lab.report.comparisons import Comparisons, terms
from vae_lab.report.conditions import NONE, TEST_BOUND, condition_of
from vae_lab.report.factors import factors
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.statistics import Difference
from vae_lab.report.wording import (
    PER_IMAGE,
    estimate,
    key_name,
    listed,
    setting_name,
    size_shown,
)

# Settings or pairs that are named one by one.
MOST_NAMED = 3


def headline(group: Group, comparisons: Comparisons) -> tuple[str, Mapping[str, Any]]:
    """Returns the result in words, and its numbers in nats per image."""
    best, ties = comparisons.best_and_ties(group)
    sample = best.sample("elbo")
    assert sample is not None
    value = estimate(sample, PER_IMAGE)
    numbers = {"best": best.label, "bound": sample.numbers(), "ties": [it.label for it in ties]}
    if len(group.settings) == 1:
        return f"{best.label}: a {TEST_BOUND} of {value}.", numbers
    others = [pair for pair in terms(group, "elbo") if pair[0] is not best]
    following, _ = max(others, key=lambda pair: pair[1].mean)
    gap = comparisons.of("elbo", best, following)
    numbers |= {"next": following.label, "lead": gap.numbers()}
    what = "Best" if condition_of(group.runs[0]) == NONE else f"Best {TEST_BOUND}"
    lead = f"{what}: {setting_name(best)}, {value}."
    if ties:
        return f"{lead} {_not_better(ties, len(others), gap)}", numbers
    size = size_shown(gap, interval=False)
    # An unknown error is not certainty.
    known = "" if gap.differs else " (nothing tells how much of that is chance)"
    name = following.label if len(group.keys) > 1 else setting_name(following)
    return f"{lead} That is {size} above the next, {name}{known}.", numbers


def _not_better(ties: list[Setting], others: int, gap: Difference) -> str:
    """Returns the sentence on the settings that may be as good as the best."""
    if len(ties) == others > 1:
        return "No other setting is significantly worse."
    if len(ties) > MOST_NAMED:
        return f"Not significantly better than {len(ties)} of the other {others} settings."
    by = f" ({size_shown(gap, interval=False)})" if len(ties) == 1 else ""
    return f"Not significantly better than {listed([setting_name(it) for it in ties])}{by}."


def certainty(group: Group) -> str:
    """Returns what the values after ± and the intervals cover."""
    counts = sorted({len(setting.runs) for setting in group.settings})
    images = group.runs[0].result.data.get("test")
    of = f"test images of {group.runs[0].data_name}"
    over = f"the {images:,} {of}" if images else f"the {of}"
    if counts[-1] == 1:
        each = "One seed" if len(group.settings) == 1 else "One seed each"
        return (
            f"{each}: ± is the standard error, [ ] the 95 % interval over {over}. How much "
            f"another seed would differ was not measured; -m seed=0,1,2 measures it."
        )
    several = [sample for it in group.settings if (sample := it.sample("elbo")) and sample.spread]
    spreads = sorted(sample.spread or 0.0 for sample in several)
    ends = list(dict.fromkeys(f"{spread:.2g}" for spread in spreads[:1] + spreads[-1:]))
    vary = f" Seeds vary with a standard deviation of {' to '.join(ends)} nats." if ends else ""
    seeds = " to ".join(dict.fromkeys((str(counts[0]), str(counts[-1]))))
    each = "" if len(group.settings) == 1 else " per setting"
    each += " (one seed counts with the variance of the others)" if counts[0] == 1 else ""
    return f"{seeds} seeds{each}: [ ] is the 95 % interval for other seeds and test images.{vary}"


def ties(group: Group, comparisons: Comparisons) -> str:
    """Returns the sentence on what does not differ significantly; empty if all does."""
    names = [
        f"{key_name(factor.key)} on average ({size_shown(gap, interval=False)})"
        for factor in factors(group)
        if len(factor.levels) == 2
        if len(factor.pairs(0, 1)) > 1
        if (gap := comparisons.effect("elbo", group, factor, 0, 1)) and gap.differs is False
    ]
    tied = _tied_pairs(group, comparisons)
    if len(tied) <= MOST_NAMED:
        names += [
            f"{a.label} and {b.label} ({size_shown(gap, interval=False)})" for a, b, gap in tied
        ]
    else:
        names.append(f"{len(tied)} pairs of settings that differ in one key")
    return f"No significant difference in the bound: {listed(names)}." if names else ""


def _tied_pairs(
    group: Group, comparisons: Comparisons
) -> list[tuple[Setting, Setting, Difference]]:
    """Returns the pairs that differ in one key only and not in the bound, but for the best's."""
    best, _ = comparisons.best_and_ties(group)
    found = []
    for a, b in combinations([setting for setting, _ in terms(group, "elbo")], 2):
        differing = [key for key in group.keys if a.values[key] != b.values[key]]
        if len(differing) != 1 or best in (a, b):
            continue
        gap = comparisons.of("elbo", a, b)
        if gap.differs is False:
            found.append((a, b, gap))
    return found
