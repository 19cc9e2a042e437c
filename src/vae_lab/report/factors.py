"""The design of a group: the levels of each key that varies, and what is the same beside them.

A level is a value of a key. A block holds settings that differ only in that key.
"""

import json
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from vae_lab.reading import is_kind
from vae_lab.report.grouping import Group, Setting, contrasts

# The settings (a, c), (b, c), (a, d) and (b, d) of two levels of one key and two of another.
Tetrad = tuple[Setting, Setting, Setting, Setting]


class Factor(NamedTuple):
    """A key that varies: its levels, and by block the setting of each level, if there is one."""

    key: str
    levels: list[Any]  # numbers ascend, options stand as in the group
    blocks: list[list[Setting | None]]

    @property
    def is_ordered(self) -> bool:
        """Whether the levels are numbers."""
        return is_kind(self.levels, list[float])

    def pairs(self, a: int, b: int) -> list[tuple[Setting, Setting]]:
        """Returns the settings of two levels in each block that has both."""
        found = [(block[a], block[b]) for block in self.blocks]
        return [(first, second) for first, second in found if first and second]

    def extremes(self) -> list[tuple[int, int]]:
        """Returns the levels whose interaction is looked at: of numbers, the first and the last."""
        last = len(self.levels) - 1
        return [(0, last)] if self.is_ordered else list(combinations(range(last + 1), 2))


def factors(group: Group) -> list[Factor]:
    """Returns the keys with levels that can be compared, in the group's order."""
    found = [_factor(group, key) for key in group.keys]
    return [factor for factor in found if factor.levels]


def _factor(group: Group, key: str) -> Factor:
    # A level that differs from all others in a second key too tells nothing.
    compared = [setting for settings in contrasts(group, key) for setting in settings]
    values = {_text(setting.values[key]) for setting in compared}
    texts = {_text(setting.values[key]): setting.values[key] for setting in group.settings}
    levels = [level for text, level in texts.items() if text in values]
    if is_kind(levels, list[float]):
        levels.sort()
    by_level = [
        {_text(setting.values[key]): setting for setting in settings}
        for settings in contrasts(group, key)
    ]
    blocks = [[block.get(_text(level)) for level in levels] for block in by_level]
    return Factor(key, levels, blocks)


def tetrads(group: Group, a: Factor, b: Factor, at: tuple[int, int, int, int]) -> list[Tetrad]:
    """Returns the settings of two levels of `a` and two of `b`, for all else that is the same."""
    by_values = {_text(setting.values): setting for setting in group.settings}
    found = []
    for setting in group.settings:
        corners = [
            setting.values | {a.key: a.levels[i], b.key: b.levels[j]}
            for i, j in ((at[0], at[2]), (at[1], at[2]), (at[0], at[3]), (at[1], at[3]))
        ]
        settings = [by_values.get(_text(corner)) for corner in corners]
        if settings[0] is setting and all(settings):
            found.append(tuple(settings))
    return found  # type: ignore[return-value]


def crossings(group: Group) -> Iterator[tuple[Factor, Factor, tuple[int, int, int, int]]]:
    """Yields the pairs of keys and of their levels whose interaction is looked at."""
    for a, b in combinations(factors(group), 2):
        for first in a.extremes():
            for second in b.extremes():
                yield a, b, (*first, *second)


def is_monotone(values: list[float]) -> bool:
    """Tells whether values only rise, or only fall."""
    steps = [after - before for before, after in pairwise(values)]
    return all(step > 0 for step in steps) or all(step < 0 for step in steps)


def _text(value: Any) -> str:
    return json.dumps(value, default=str, sort_keys=True)
