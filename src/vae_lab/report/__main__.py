"""`python -m vae_lab.report FOLDER [FOLDER ...]`: the page that compares runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vae_lab.errors import ArgumentParser, command


def main() -> None:
    """Runs the command line and exits: 0 done, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def _main(argv: Sequence[str]) -> None:
    arguments = _parse(argv)
    from vae_lab.report.page import write_report  # imports matplotlib

    target = arguments.to or arguments.folders[0]
    written = write_report(arguments.folders, target)
    for one in written.skipped:
        print(f"left out {one.folder}: {one.reason}")
    print(f"{written.num_runs} run{'s' * (written.num_runs != 1)} compared: {written.page}")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = ArgumentParser(
        prog="python -m vae_lab.report",
        description="Writes report.html, report.md and summary.csv: finished runs, compared.",
    )
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="+", type=Path, help="a sweep, a run, or any of them"
    )
    parser.add_argument(
        "--to", metavar="FOLDER", type=Path, help="where to write (default: the first folder)"
    )
    return parser.parse_args(list(argv))


if __name__ == "__main__":
    main()
