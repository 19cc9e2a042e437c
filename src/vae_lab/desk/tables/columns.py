"""What the columns of all runs hold: in which the runs differ, and by which values."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vae_lab.desk.tables.names import as_word
from vae_lab.reading import is_kind

# Texts of a column that are named, and their letters.
MOST_TEXTS, MOST_LETTERS = 4, 20


class TableColumn(NamedTuple):
    """A column: its name, how SQL without quotes writes it, and what it holds.

    `num_runs` have a value, `num_values` different ones. `values` are the smallest and the largest
    number, or the first few of the others.
    """

    name: str
    word: str
    num_runs: int
    num_values: int
    is_number: bool
    values: list[Any]

    @property
    def description(self) -> str:
        """Returns its values in words, such as `2 to 10` or `conv, linear`."""
        if self.is_number and self.num_values > 2:
            return " to ".join(map(shown, self.values))
        named = ", ".join(_shortened(shown(value)) for value in self.values)
        others = self.num_values - len(self.values)
        return f"{named} and {others} more" if others > 0 else named


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[TableColumn]:
    """Returns the columns of the table of runs, in its order."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [_column(name, [row.get(name) for row in rows]) for name in names]


def _column(name: str, values: Sequence[Any]) -> TableColumn:
    known = [value for value in values if value is not None]
    distinct = [*{str(value): value for value in known}.values()]
    is_number = bool(distinct) and all(is_kind(value, float) for value in distinct)
    few = sorted(distinct) if is_number else distinct
    few = [few[0], few[-1]] if is_number and len(few) > 1 else few[:MOST_TEXTS]
    return TableColumn(name, as_word(name), len(known), len(distinct), is_number, few)


def _shortened(text: str) -> str:
    """Returns a text with a gap in its middle, if it is long: its end can tell it from others."""
    if len(text) <= MOST_LETTERS:
        return text
    return f"{text[:5]}…{text[6 - MOST_LETTERS :]}"


def shown(value: Any) -> str:
    """Returns a value as a cell of a table shows it."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
