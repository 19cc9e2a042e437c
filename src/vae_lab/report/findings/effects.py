"""The main effect of each key on the test bound, and the interaction of two keys.

An effect is the difference of two levels, averaged over all settings that differ in nothing else.
"""

from typing import Any, NamedTuple

import numpy as np

from vae_lab.report.blocks import Finding
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.factors import Factor, crossings, factors, is_monotone
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.statistics import Difference
from vae_lab.report.wording import (
    capital,
    key_name,
    level_name,
    levels_named,
    listed,
    rounded,
    shown,
    size_shown,
)


class Effect(NamedTuple):
    """What the best level of a key brings over the worst."""

    factor: Factor
    best: int
    worst: int
    gap: Difference
    is_monotone: bool  # over levels that are numbers


def effects(group: Group, comparisons: Comparisons) -> list[Finding]:
    """Returns a finding on each key with a significant effect on the bound, the largest first."""
    found = [it for factor in factors(group) if (it := main_effect(group, comparisons, factor))]
    found = sorted((it for it in found if it.gap.differs), key=lambda it: -it.gap.value)
    crossed = _interactions(group, comparisons, [it.factor.key for it in found])
    return [_finding(comparisons, it, crossed.get(it.factor.key)) for it in found]


def main_effect(group: Group, comparisons: Comparisons, factor: Factor) -> Effect | None:
    """Returns the effect of a key on the bound; None if no settings tell it."""
    bounds = {id(it): sample.mean for it in group.settings if (sample := it.sample("elbo"))}
    blocks = [
        [bounds[id(setting)] for setting in block if setting and id(setting) in bounds]
        for block in factor.blocks
    ]
    complete = [block for block in blocks if len(block) == len(factor.levels)]
    if not complete:
        return None
    means = [float(mean) for mean in np.mean(complete, axis=0)]
    best, worst = int(np.argmax(means)), int(np.argmin(means))
    gap = comparisons.effect("elbo", group, factor, best, worst)
    if gap is None:
        return None
    if gap.value < 0:  # further blocks than the complete ones count
        best, worst, gap = worst, best, gap.turned()
    return Effect(factor, best, worst, gap, factor.is_ordered and is_monotone(means))


def instead(factor: Factor, a: int, b: int) -> str:
    """Returns `using conv instead of linear`, or `using 10 instead of 2 latent dimensions`."""
    first, second = factor.levels[a], factor.levels[b]
    if factor.key == "latent_dim":
        return f"using {first} instead of {level_name(factor.key, second)}"
    return f"using {' instead of '.join(levels_named(factor.key, [first, second]))}"


def _finding(comparisons: Comparisons, effect: Effect, crossed: tuple[str, Any] | None) -> Finding:
    factor, key = effect.factor, effect.factor.key
    best, worst = (factor.levels[it] for it in (effect.best, effect.worst))
    pairs = factor.pairs(effect.best, effect.worst)
    average = " on average" if len(pairs) > 1 else ""
    size = size_shown(effect.gap) + average
    if len(factor.levels) == 2:
        words = capital(instead(factor, effect.best, effect.worst))
        text = f"{words} raises the test bound by {size}{_parts(comparisons, key, pairs)}."
    elif effect.is_monotone:
        is_rising = effect.best > effect.worst
        verb = "rises" if is_rising else "falls"
        first, last = (worst, best) if is_rising else (best, worst)
        ends = " to ".join(levels_named(key, [first, last]))
        whole = f"{size_shown(effect.gap)} in all{average}"
        text = f"The test bound {verb} with every step from {ends}, by {whole}."
    else:
        ends = " and lowest with ".join(levels_named(key, [best, worst]))
        text = f"The test bound is highest with {ends}: the difference is {size}."
    numbers: dict[str, Any] = {"key": key, "best": best, "worst": worst}
    numbers |= {"effect": effect.gap.numbers(), "averaged_over": len(pairs)}
    if crossed:
        text, numbers = f"{text} {crossed[0]}", numbers | {"interaction": crossed[1]}
    return Finding(f"effect of {key}", capital(key_name(key)), text, "differences", numbers)


def _parts(comparisons: Comparisons, key: str, pairs: list[tuple[Setting, Setting]]) -> str:
    """Returns the size of an effect in each of two blocks, or its range over many."""
    if len(pairs) == 1:
        return ""
    gaps = [comparisons.of("elbo", a, b) for a, b in pairs]
    texts = [rounded(gap.value, gap.interval) if gap.interval else shown(gap.value) for gap in gaps]
    settings = [a for a, _ in pairs]
    differing = [
        name
        for name in settings[0].values
        if name != key and settings[0].values[name] != settings[1].values[name]
    ]
    if len(pairs) == 2 and len(differing) == 1:
        names = levels_named(differing[0], [it.values[differing[0]] for it in settings])
        named = [f"{text} with {name}" for text, name in zip(texts, names, strict=True)]
        return f": {listed(named)}"
    ordered = sorted(zip((gap.value for gap in gaps), texts, strict=True))
    ends = list(dict.fromkeys((ordered[0][1], ordered[-1][1])))
    return f" ({' to '.join(ends)} by the other keys)" if len(ends) > 1 else ""


def _interactions(
    group: Group, comparisons: Comparisons, keys: list[str]
) -> dict[str, tuple[str, Any]]:
    """Returns for a key the sentence on its largest significant interaction, and its numbers.

    Of both keys it is said of the one with the smaller effect, the later of `keys`.
    """
    largest: dict[str, tuple[float, str, Any]] = {}
    for a, b, at in crossings(group):
        gap = comparisons.interaction(group, a, b, at)
        if gap is None or not gap.differs or a.key not in keys or b.key not in keys:
            continue
        if keys.index(a.key) < keys.index(b.key):
            (a, b), at = (b, a), (at[2], at[3], at[0], at[1])
        if abs(gap.value) > largest.get(a.key, (0.0,))[0]:
            text = _interaction(group, comparisons, (a, b), at, gap)
            largest[a.key] = abs(gap.value), text, gap.numbers() | {"other_key": b.key}
    return {key: (text, numbers) for key, (_, text, numbers) in largest.items()}


def _interaction(
    group: Group,
    comparisons: Comparisons,
    keys: tuple[Factor, Factor],
    at: tuple[int, int, int, int],
    gap: Difference,
) -> str:
    (a, b), (i, j, k, m) = keys, at
    effect, value = comparisons.effect("elbo", group, a, i, j), gap.value
    if effect and effect.value < 0:
        i, j, value = j, i, -value
    if value < 0:
        k, m = m, k
    larger, smaller = levels_named(b.key, [b.levels[k], b.levels[m]])
    words = level_name(a.key, a.levels[i]) if len(a.levels) == 2 else instead(a, i, j)
    return (
        f"The two depend on each other: the gain from {words} is {size_shown(gap)} larger with "
        f"{larger} than with {smaller}."
    )
