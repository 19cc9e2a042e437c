"""`vae-lab query "select ..."`: all runs as a table, asked in SQL."""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_lab.errors import ArgumentParser, UserError, command
from vae_lab.terminal import print_note, print_warning

if TYPE_CHECKING:
    from vae_lab.desk.tables.database import QueryResult

# Where runs are if no folder is named.
FOLDERS = (Path("outputs/runs"), Path("outputs/sweeps"))

PROGRAM = "python -m vae_lab query"

BEST = "select run, elbo_test from runs order by 2"


def main() -> None:
    """Runs the command line and exits: 0 done, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description="Asks all finished runs in SQL, and prints the answer. The table runs has a "
        "row for each run. Write a column such as elbo/test as elbo_test, each sign as _, or with "
        'its own name in double quotes: "elbo/test". More tables: epochs, evaluations, left_out.',
        examples={
            PROGRAM: "the columns in which the runs differ",
            f"{PROGRAM} '{BEST}'": "the best run last",
            f"{PROGRAM} 'select * from runs' --csv > runs.csv": "a file for other programs",
        },
    )
    parser.usage = "%(prog)s [QUERY] [OPTIONS]"
    parser.add_argument("query", metavar="QUERY", nargs="?", help="one select, in quotes")
    words = "where the runs are; may be repeated. Default: outputs/runs and outputs/sweeps."
    parser.add_argument(
        "--in", dest="folders", metavar="FOLDER", action="append", type=Path, help=words
    )
    parser.add_argument("--columns", action="store_true", help="list all columns of runs")
    parser.add_argument("--csv", action="store_true", help="print the answer as CSV")
    return parser


def _main(argv: Sequence[str]) -> Mapping[str, Any]:
    arguments = argument_parser().parse_args(argv)
    if arguments.columns and arguments.query:
        raise UserError("--columns answers no query: leave out one of them.")
    from vae_lab.desk.tables.columns import columns_of
    from vae_lab.desk.tables.database import RunDatabase  # imports scipy
    from vae_lab.desk.tables.printing import print_answer, print_columns
    from vae_lab.report.wording import counted

    repeated = [word for folder in arguments.folders or () for word in ("--in", str(folder))]
    database = RunDatabase(_folders(arguments.folders), repeated)
    outcome: dict[str, Any] = {"num_runs": len(database.runs)}
    if arguments.query is None:
        columns = columns_of(database.rows)
        print_columns(columns, len(database.runs), every=arguments.columns)
        outcome["columns"] = [column._asdict() for column in columns]
    else:
        answer = database.select(arguments.query)
        if arguments.csv:
            _print_csv(answer)
        else:
            print_answer(answer)
        outcome |= {"columns": answer.columns, "rows": answer.records()}
        outcome["is_complete"] = answer.is_complete
        if not answer.is_complete:
            print_warning(f"only the first {len(answer.rows):,} rows are shown: add limit N.")
    if database.left_out:
        path, reason = database.left_out[0]
        folders = counted(len(database.left_out), "folder")
        print_note(f"left out {folders} (the table left_out lists them); {path}: {reason}")
    left_out = [{"folder": it.path, "reason": it.reason} for it in database.left_out]
    return outcome | {"left_out": left_out}


def _folders(named: Sequence[Path] | None) -> list[Path]:
    """Returns the folders that were named, or those of the default that exist."""
    if named:
        return [folder.expanduser() for folder in named]
    folders = [folder for folder in FOLDERS if folder.is_dir()]
    if not folders:
        raise UserError(
            f"there is no folder {' and no '.join(map(str, FOLDERS))}: train first, or name a "
            f"folder of runs with --in FOLDER."
        )
    return folders


def _print_csv(answer: "QueryResult") -> None:
    from vae_lab.report.summary import without_formula

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow([without_formula(it) if isinstance(it, str) else it for it in row])


if __name__ == "__main__":
    main()
