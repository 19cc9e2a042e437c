"""All differences that a page looks at: whether one is more than chance is decided among them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from vae_lab.report.factors import Factor, crossings, factors, tetrads
from vae_lab.report.gaps import Gaps
from vae_lab.report.grouping import Group, Setting, contrasts
from vae_lab.report.picture_metrics import COMPARED, DISTANCE_NAME, PictureMetrics
from vae_lab.report.statistics import Difference, Sample, contrast, difference, holm

TERMS = ("elbo", "recon", "kl")

Measured = Sequence[tuple[Setting, Sample]]

# What is compared: the quantity, and the settings or levels.
Key = tuple[Any, ...]


class Comparisons:
    """The differences between the settings of a page, each corrected for all of them.

    Of each quantity: all pairs of settings that differ in one key; the main effects, which are
    means of such pairs; of the bound also all other pairs, and the interactions; and the two gaps
    of each setting. A page names the highest and the lowest of several settings, which is a choice
    among all pairs: all of them count, also those of which it says nothing.
    """

    def __init__(self, metrics: Sequence[PictureMetrics]) -> None:
        found: dict[Key, Difference] = {}
        for of_group in metrics:
            group = of_group.group
            compared = _pairs(group)
            for name, measured in quantities(of_group):
                samples = {id(setting): sample for setting, sample in measured}
                found |= {
                    (name, id(a), id(b)): difference(sample_a, sample_b)
                    for (a, sample_a), (b, sample_b) in combinations(measured, 2)
                    # The best bound is looked for among all settings.
                    if name == "elbo" or (id(a), id(b)) in compared
                }
                found |= _effects(group, name, samples)
            bounds = {id(setting): sample for setting, sample in terms(group, "elbo")}
            found |= _interactions(group, bounds)
            found |= _excesses(group)
        corrected = holm(list(found.values()))
        self._differences = dict(zip(found, corrected, strict=True))
        self.count = sum(it.p_value is not None for it in corrected)

    def known(self, name: str, a: Setting, b: Setting) -> Difference | None:
        """Returns the difference of a quantity, a - b; None if the page does not look at it."""
        if found := self._differences.get((name, id(a), id(b))):
            return found
        turned = self._differences.get((name, id(b), id(a)))
        return turned.turned() if turned else None

    def of(self, name: str, a: Setting, b: Setting) -> Difference:
        """Returns the difference of a quantity, a - b, which the page looks at."""
        found = self.known(name, a, b)
        assert found is not None
        return found

    def effect(self, name: str, group: Group, factor: Factor, a: int, b: int) -> Difference | None:
        """Returns the difference of two levels, a - b, on average over the blocks that have both.

        None if it was not measured in one of them.
        """
        pairs = factor.pairs(a, b)
        if len(pairs) == 1:
            return self.known(name, *pairs[0])
        if found := self._differences.get((name, id(group), factor.key, a, b)):
            return found
        turned = self._differences.get((name, id(group), factor.key, b, a))
        return turned.turned() if turned else None

    def interaction(
        self, group: Group, a: Factor, b: Factor, at: tuple[int, int, int, int]
    ) -> Difference | None:
        """Returns by how much the bound's difference of two levels of `a` is larger at b's first.

        None if no settings tell it.
        """
        return self._differences.get(("interaction", id(group), a.key, b.key, *at))

    def excess(self, setting: Setting) -> Difference | None:
        """Returns by how much a setting's amortisation gap is larger than its approximation gap.

        None if both were not measured.
        """
        return self._differences.get(("excess", id(setting)))

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


def _effects(group: Group, name: str, samples: Mapping[int, Sample]) -> dict[Key, Difference]:
    """Returns the differences of levels that are means of several pairs."""
    found: dict[Key, Difference] = {}
    for factor in factors(group):
        for a, b in combinations(range(len(factor.levels)), 2):
            pairs = factor.pairs(a, b)
            measured = [samples.get(id(setting)) for pair in pairs for setting in pair]
            known = [sample for sample in measured if sample]
            if len(pairs) > 1 and len(known) == len(measured):
                share = 1 / len(pairs)
                key = (name, id(group), factor.key, a, b)
                found[key] = contrast(known, [share, -share] * len(pairs))
    return found


def _interactions(group: Group, samples: Mapping[int, Sample]) -> dict[Key, Difference]:
    found: dict[Key, Difference] = {}
    for a, b, at in crossings(group):
        corners = [setting for tetrad in tetrads(group, a, b, at) for setting in tetrad]
        if corners and all(id(setting) in samples for setting in corners):
            share = 4 / len(corners)
            weights = [share, -share, -share, share] * (len(corners) // 4)
            key = ("interaction", id(group), a.key, b.key, *at)
            found[key] = contrast([samples[id(setting)] for setting in corners], weights)
    return found


def _excesses(group: Group) -> dict[Key, Difference]:
    """Returns by how much one part of the distance from log p(x) is larger than the other."""
    return {
        ("excess", id(setting)): contrast([parts.excess], [1.0])
        for setting, parts in Gaps(group).measured()
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
