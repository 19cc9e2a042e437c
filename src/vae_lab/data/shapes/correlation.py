"""What data.correlate says, as joint tables of factors.

Tables are fractions, so the probabilities are those that were asked for, on every machine.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import prod
from typing import Any, NamedTuple

from vae_lab.errors import UserError

_FORM = "such as [[x,y,0.8]], [[x,y,{sigma:0.2}]] or [[x,y,[[1,0],[1,2]]]]"


class JointTable(NamedTuple):
    """p of the values of some factors: `probabilities` by value of each, in the order of names."""

    names: tuple[str, ...]
    probabilities: Mapping[tuple[int, ...], Fraction]

    def marginal(self, name: str) -> dict[int, Fraction]:
        """Returns p of the values of one of its factors."""
        axis = self.names.index(name)
        totals: dict[int, Fraction] = {}
        for codes, share in self.probabilities.items():
            totals[codes[axis]] = totals.get(codes[axis], Fraction(0)) + share
        return totals


def joint_tables(correlate: Any, counts: Mapping[str, int]) -> list[JointTable]:
    """Returns the tables in an order in which they can be drawn one after the other.

    Each has at most one factor in common with those before. `counts` are the values of each factor.

    Raises:
        UserError: if an entry is not a table of these factors, or two entries disagree.
    """
    if not isinstance(correlate, Sequence) or isinstance(correlate, str):
        raise UserError(f"data.correlate must be a list, {_FORM}, got {correlate}.")
    waiting = [_table(entry, counts) for entry in correlate]
    ordered: list[JointTable] = []
    marginals: dict[str, dict[int, Fraction]] = {}
    while waiting:
        shared = [[name for name in table.names if name in marginals] for table in waiting]
        place = next((n for n, names in enumerate(shared) if len(names) == 1), None)
        place = (
            next((n for n, names in enumerate(shared) if not names), 0) if place is None else place
        )
        table, common = waiting.pop(place), shared[place]
        if len(common) > 1:
            raise UserError(
                f"data.correlate ties {' and '.join(common)} together twice: leave one entry out, "
                f"or give one table of all these factors, [a,b,c,TABLE]."
            )
        for name in table.names:
            if marginals.setdefault(name, table.marginal(name)) != table.marginal(name):
                raise UserError(
                    f"data.correlate gives {name} other probabilities in two entries: a factor of "
                    f"two entries must have the same in both, as with [a,b,0.8]."
                )
        ordered.append(table)
    return ordered


def _table(entry: Any, counts: Mapping[str, int]) -> JointTable:
    if not isinstance(entry, Sequence) or isinstance(entry, str) or len(entry) < 3:
        raise UserError(f"data.correlate must be a list of lists, {_FORM}, got {entry}.")
    names, strength = tuple(map(str, entry[:-1])), entry[-1]
    for name in names:
        if name not in counts:
            raise UserError(
                f"data.correlate names {name}, which is not a factor here: choose from "
                f"{', '.join(counts)}. A factor has more than one value, as in data.values.x=8."
            )
    if len(set(names)) < len(names):
        raise UserError(f"data.correlate names one factor twice: {', '.join(names)}.")
    sizes = [counts[name] for name in names]
    if _is_number(strength) and len(names) == 2:
        weights = _mixture(names, Fraction(str(strength)), *sizes)
    elif isinstance(strength, Mapping) and [*strength] == ["sigma"] and len(names) == 2:
        weights = _band(names, strength["sigma"], *sizes)
    else:
        weights = _given(names, strength, sizes)
    total = sum(weights)
    return JointTable(
        names,
        {
            codes: weight / total
            for codes, weight in zip(product(*map(range, sizes)), weights, strict=True)
        },
    )


def _mixture(names: Sequence[str], strength: Fraction, rows: int, columns: int) -> list[Fraction]:
    """Returns (1 - |r|) p(a) p(b) + |r| d(a, b), row by row; both factors stay uniform.

    d is the table of two uniform factors of which one rises with the other, or falls if r < 0:
    with equally many values the diagonal, and r is their correlation.
    """
    if not -1 <= strength <= 1:
        raise UserError(
            f"data.correlate ties {' and '.join(names)} with {float(strength):g}: a number from -1 "
            f"to 1 is needed."
        )
    weights = []
    for a, b in product(range(rows), range(columns)):
        place = b if strength >= 0 else columns - 1 - b
        upper = min(Fraction(a + 1, rows), Fraction(place + 1, columns))
        lower = max(Fraction(a, rows), Fraction(place, columns))
        together = max(upper - lower, Fraction(0))
        weights.append((1 - abs(strength)) / (rows * columns) + abs(strength) * together)
    return weights


def _band(names: Sequence[str], sigma: Any, rows: int, columns: int) -> list[Fraction]:
    """Returns exp(-(a - b)² / (2 sigma²)), row by row; a and b run from 0 to 1.

    Source: the form of Traeuble et al., On Disentangled Representations Learned from Correlated
    Data, arXiv:2006.07886.
    """
    if not _is_number(sigma) or not 0.001 <= sigma <= 1000:
        raise UserError(
            f"data.correlate ties {' and '.join(names)} with sigma {sigma}: a number from 0.001 to "
            f"1000 is needed."
        )
    weights = []
    for a, b in product(range(rows), range(columns)):
        distance = Fraction(a, rows - 1) - Fraction(b, columns - 1)
        exponent = -(distance**2) / (2 * Fraction(str(sigma)) ** 2)
        # Decimal rounds an exponential in one way everywhere.
        power = (Decimal(exponent.numerator) / Decimal(exponent.denominator)).exp()
        weights.append(Fraction(power))
    return weights


def _given(names: Sequence[str], table: Any, sizes: Sequence[int]) -> list[Fraction]:
    """Returns the weights of a table that was typed, row by row."""
    level: list[Any] = [table]
    for size in sizes:
        if not all(isinstance(row, Sequence) and len(row) == size for row in level):
            raise UserError(_wrong_table(names, sizes))
        level = [item for row in level for item in row]
    if not all(_is_number(item) and item >= 0 for item in level) or not any(level):
        raise UserError(_wrong_table(names, sizes))
    assert len(level) == prod(sizes)
    return [Fraction(str(item)) for item in level]


def _wrong_table(names: Sequence[str], sizes: Sequence[int]) -> str:
    shape = " x ".join(f"{size} ({name})" for name, size in zip(names, sizes, strict=True))
    return (
        f"data.correlate needs, behind {' and '.join(names)}, a table of {shape} numbers of at "
        f"least 0, not all 0; of two factors also a number from -1 to 1 or {{sigma:0.2}}."
    )


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and -1e9 <= value <= 1e9
