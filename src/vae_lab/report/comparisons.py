"""All differences that a page looks at: whether one is more than chance is decided among them."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from vae_lab.report.grouping import Group, Setting, contrasts
from vae_lab.report.picture_metrics import COMPARED, DISTANCE_NAME, PictureMetrics
from vae_lab.report.statistics import Difference, Sample, difference, holm

TERMS = ("elbo", "recon", "kl")

Measured = Sequence[tuple[Setting, Sample]]


class Comparisons:
    """The differences between the settings of a page, each corrected for all of them.

    A page names the highest and the lowest of several settings, which is a choice among all pairs:
    all of them count, also those of which it says nothing.
    """

    def __init__(self, metrics: Sequence[PictureMetrics]) -> None:
        pairs = {
            (name, id(a), id(b)): difference(sample_a, sample_b)
            for of_group in metrics
            for compared in [_pairs(of_group.group)]
            for name, measured in quantities(of_group)
            for (a, sample_a), (b, sample_b) in combinations(measured, 2)
            # The best bound is looked for among all settings.
            if name == "elbo" or (id(a), id(b)) in compared
        }
        corrected = holm(list(pairs.values()))
        self._differences = dict(zip(pairs, corrected, strict=True))
        self.count = sum(it.p_value is not None for it in corrected)

    def of(self, name: str, a: Setting, b: Setting) -> Difference:
        """Returns the difference of a quantity, a - b."""
        if found := self._differences.get((name, id(a), id(b))):
            return found
        return self._differences[name, id(b), id(a)].turned()

    def best_and_ties(self, group: Group) -> tuple[Setting, list[Setting]]:
        """Returns the setting of the highest bound, and those that may be as good."""
        bounds = terms(group, "elbo")
        best, _ = max(bounds, key=lambda pair: pair[1].mean)
        others = [setting for setting, _ in bounds if setting is not best]
        return best, [it for it in others if self.of("elbo", best, it).differs is False]


def _pairs(group: Group) -> set[tuple[int, int]]:
    """Returns the pairs of settings that differ in one key, by their ids."""
    return {
        (id(a), id(b))
        for key in group.keys
        for settings in contrasts(group, key)
        for a, b in combinations(settings, 2)
    }


def terms(group: Group, name: str) -> Measured:
    """Returns the settings whose runs all have the bound, or a term of it, with its sample."""
    return [(it, sample) for it in group.settings if (sample := it.sample(name))]


def quantities(metrics: PictureMetrics) -> Iterator[tuple[str, Measured]]:
    """Yields the quantities of a group that the page compares, by name."""
    for name in TERMS:
        yield name, terms(metrics.group, name)
    for measured in metrics.by_method(DISTANCE_NAME).values():
        yield DISTANCE_NAME, measured
    for name in COMPARED:
        yield name, metrics.samples(name)
