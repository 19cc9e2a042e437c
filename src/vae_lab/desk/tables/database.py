"""Runs as tables of a database in memory, which a query can only read."""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vae_lab.desk.tables.names import Names
from vae_lab.errors import UserError
from vae_lab.report.dataframe import row_of
from vae_lab.report.runs import Run, Skipped, find_runs
from vae_lab.terminal import printable

# What a query may take: seconds, rows, bytes of one value, bytes of memory.
MOST_SECONDS, MOST_ROWS, MOST_BYTES, MOST_MEMORY = 10, 100_000, 10_000_000, 1 << 30

# SQLite takes no more columns in a table.
MOST_COLUMNS = 2000

RUNS = "runs"

Record = Mapping[str, Any]

# What a query does if it only reads: selects, columns that it reads, functions, recursion.
_READING = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)


class QueryResult(NamedTuple):
    """What a query found; `is_complete` is False if there are more rows than are read."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    is_complete: bool

    def records(self) -> list[dict[str, Any]]:
        """Returns the rows by column, for JSON."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class RunDatabase:
    """The finished runs of some folders, to be asked in SQL.

    - `runs` has a row per run with the columns of `load_runs`;
    - `epochs` has a row per run and epoch, with a column per curve (`elbo/val`);
    - `evaluations` has a row per number that `python -m vae_lab.evaluate` measured;
    - `left_out` has a row per folder that is not in the others, with the reason.

    Only tables that a query names are read, and `runs`. `arguments` are those of the command line
    behind its query, for the line to type after a mistake.

    Raises:
        UserError: A folder does not exist, or there is no finished run.
    """

    def __init__(self, folders: Sequence[Path], arguments: Sequence[str] = ()) -> None:
        self.runs, self.left_out = find_runs(folders, look=row_of)
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        # Large sorts stay in memory too, and memory has a limit.
        self._connection.execute("pragma temp_store = memory")
        self._connection.execute(f"pragma hard_heap_limit = {MOST_MEMORY}")
        # Tables made of a list, such as tags: made at first use, which reading does not allow.
        self._connection.execute("select * from json_each('[]'), json_tree('[]')")
        self.names = Names(arguments)
        self.rows = [row_of(run) for run in self.runs]
        self._write(RUNS, self.rows)

    def select(self, query: str) -> QueryResult:
        """Returns what a query in SQL finds.

        Raises:
            UserError: It cannot be read, names what does not exist, does more than read, or takes
                too long.
        """
        for name in self.names.words(query) & {*TABLES}:
            columns, rows_of = TABLES[name]
            self._write(name, rows_of(self.runs, self.left_out), columns)
        return self._read(query, self.names.exact(query))

    def _read(self, query: str, exact: str) -> QueryResult:
        connection, end = self._connection, time.monotonic() + MOST_SECONDS
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        connection.set_authorizer(_may)
        connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)
        try:
            cursor = connection.execute(exact)
            rows = cursor.fetchmany(MOST_ROWS + 1)
        except MemoryError:
            raise UserError(
                f"the query needs more than {MOST_MEMORY >> 20} MB of memory: select less."
            ) from None
        except (sqlite3.Error, sqlite3.Warning) as error:
            is_stopped = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
            if is_stopped and time.monotonic() <= end:
                raise KeyboardInterrupt from None  # it came within the handler
            if is_stopped:
                raise UserError(
                    f"the query took more than {MOST_SECONDS} seconds: select less."
                ) from None
            tables = (RUNS, *TABLES)
            raise UserError(self.names.explained(str(error), query, tables)) from error
        finally:
            connection.set_authorizer(None)
            connection.set_progress_handler(None, 0)
        if cursor.description is None:
            raise UserError("the query is empty: write a select, such as 'select run from runs'.")
        columns = _different([name for name, *_ in cursor.description])
        return QueryResult(columns, rows[:MOST_ROWS], len(rows) <= MOST_ROWS)

    def _write(self, table: str, rows: Iterable[Record], first: Sequence[str] = ()) -> None:
        """Makes a table of rows, unless it was made before; it has the `first` columns anyway."""
        if table in self.names.columns:
            return
        known = [*rows]
        names = (*first, *(name for row in known for name in row))
        columns = [*dict.fromkeys(names)][:MOST_COLUMNS]
        # SQLite takes Beta for beta.
        written = _different(columns, key=str.casefold)
        self.names.add(table, written)
        # No types: each value keeps its own.
        quoted = ", ".join(_quoted(name) for name in written)
        self._connection.execute(f"create table {table} ({quoted})")
        places = ", ".join("?" * len(columns))
        values = [[_value(row.get(name)) for name in columns] for row in known]
        self._connection.executemany(f"insert into {table} values ({places})", values)


def _epochs(runs: Sequence[Run], left_out: Sequence[Skipped]) -> Iterator[Record]:
    for run in runs:
        curves = run.curves
        for epoch in sorted({epoch for values in curves.values() for epoch in values}):
            values = {tag: curve[epoch] for tag, curve in curves.items() if epoch in curve}
            yield {"run": run.name, "folder": str(run.path), "epoch": epoch, **values}


def _evaluations(runs: Sequence[Run], left_out: Sequence[Skipped]) -> Iterator[Record]:
    for run in runs:
        for record in run.evaluations:
            for number in record.numbers.values():
                yield {
                    "run": run.name,
                    "folder": str(run.path),
                    "evaluation": record.name,
                    "name": number.name,
                    "value": number.value,
                    "standard_error": number.standard_error,
                    "words": number.words,
                }


def _left_out(runs: Sequence[Run], left_out: Sequence[Skipped]) -> Iterator[Record]:
    yield from ({"folder": str(path), "reason": reason} for path, reason in left_out)


_Rows = Callable[[Sequence[Run], Sequence[Skipped]], Iterator[Record]]

# The tables that are read if a query names them: the columns that they have anyway, the rows.
TABLES: Mapping[str, tuple[tuple[str, ...], _Rows]] = {
    "epochs": (("run", "folder", "epoch"), _epochs),
    "evaluations": (
        ("run", "folder", "evaluation", "name", "value", "standard_error", "words"),
        _evaluations,
    ),
    "left_out": (("folder", "reason"), _left_out),
}


def _may(action: int, *_: object) -> int:
    """Tells SQLite whether a query may do something: only read."""
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _different(names: Iterable[str], key: Callable[[str], str] = str) -> list[str]:
    """Returns names, of which those that are there already end with a number."""
    found: dict[str, str] = {}
    for name in names:
        number, new = 1, name
        while key(new) in found:
            number += 1
            new = f"{name} {number}"
        found[key(new)] = new
    return [*found.values()]


def _value(value: Any) -> Any:
    """Returns a value as SQLite holds it: what is not a number is null, a list is JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else float(value)
    if isinstance(value, list | dict):
        value = json.dumps(value, default=str)
    return printable(str(value))
