"""Answers as tables that fit the terminal."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table

from vae_lab.desk.tables.columns import TableColumn, shown
from vae_lab.desk.tables.database import QueryResult
from vae_lab.terminal import print_note

# The width if no terminal gives one: as many characters as a line needs.
UNLIMITED = 1_000_000

# The width from which on a text continues in the next line of its cell, if the line is full.
NARROWEST = 16

# Further rows are only counted.
MOST_ROWS = 1000

# Digits of a number.
DIGITS = 6


def console() -> Console:
    """Returns where tables are printed: in a pipe or a file, lines are as long as they need be."""
    # Names are not markup.
    found = Console(highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = UNLIMITED
    return found


def print_answer(answer: QueryResult) -> None:
    """Prints an answer; of columns that do not fit, the first that do."""
    screen, rows = console(), answer.rows[:MOST_ROWS]
    columns = [[row[place] for row in rows] for place in range(len(answer.columns))]
    # Only as many as could fit, each of which takes three characters at least.
    texts = [_aligned(values) for values in columns[: max(1, screen.width // 3)]]
    names, shown_columns = answer.columns, [*zip(answer.columns, columns, texts, strict=False)]
    widths = [_narrowest(name, values, cells) for name, values, cells in shown_columns]
    count = max(1, sum(total <= screen.width for total in accumulate(widths)))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, values, _ in shown_columns[:count]:
        is_number = _are_numbers(values)
        justify: JustifyMethod = "right" if is_number else "left"
        table.add_column(name, justify=justify, no_wrap=is_number, overflow="fold")
    for cells in zip(*texts[:count], strict=True):
        table.add_row(*cells)
    screen.print(table)
    if len(answer.rows) > len(rows):
        print_note(f"{len(rows):,} of {len(answer.rows):,} rows are shown: --csv prints all.")
    if count < len(names):
        print_note(
            f"{count} of {len(names)} columns fit into {screen.width} characters: name fewer in "
            f"the query, or add --csv."
        )


def _narrowest(name: str, values: Sequence[Any], cells: Sequence[str]) -> int:
    """Returns the width that a column needs: a text can continue in the next line."""
    width = max(map(cell_len, [name, *cells]))
    return (width if _are_numbers(values) else min(width, max(NARROWEST, cell_len(name)))) + 3


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values if value is not None)


def _aligned(values: Sequence[Any]) -> list[str]:
    """Returns values as texts; numbers of a column have equally many decimals."""
    floats = [value for value in values if isinstance(value, float)]
    largest = max(map(abs, floats), default=0.0)
    if not (floats and _are_numbers(values) and 1e-3 <= largest < 10**DIGITS):
        return [shown(value) for value in values]
    decimals = min(DIGITS, DIGITS - 1 - math.floor(math.log10(largest)))
    if any(value and abs(value) < 10**-decimals for value in floats):
        return [shown(value) for value in values]
    texts = [f"{value:.{decimals}f}" for value in floats]
    zeros = min(len(text) - len(text.rstrip("0")) for text in texts)
    decimals -= min(zeros, decimals)
    return ["" if value is None else f"{value:.{decimals}f}" for value in values]


def print_columns(columns: Sequence[TableColumn], num_runs: int, *, every: bool) -> None:
    """Prints the columns in which the runs differ; `every`: the others below them too."""
    screen = console()
    differing = [it for it in columns if it.num_values > 1 or it.num_runs not in (0, num_runs)]
    same = [it for it in columns if it not in differing]
    screen.print(_listed(f"in which the {num_runs} runs differ", differing, num_runs))
    if every:
        screen.print(_listed("the same in all runs", same, num_runs))
    elif same:
        screen.print(
            f"{len(same)} more are the same in all runs: python -m vae_lab query --columns"
        )


def _listed(what: str, columns: Sequence[TableColumn], num_runs: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"column {what}", overflow="fold")
    table.add_column("values", overflow="ellipsis", no_wrap=True)
    table.add_column("runs", justify="right")
    for column in columns:
        few = "" if column.num_runs == num_runs else str(column.num_runs)
        table.add_row(column.word, column.description, few)
    return table
