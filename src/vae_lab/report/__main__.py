"""`python -m vae_lab.report FOLDER [FOLDER ...]`: the page that compares runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_lab.errors import ArgumentParser, command
from vae_lab.imports import large_imports
from vae_lab.ownership import LATEX, MARKDOWN, NUMBERS, SUMMARY
from vae_lab.terminal import printable


def main() -> None:
    """Runs the command line and exits: 0 done, 2 wrong input, 130 Ctrl-C."""
    command(_main)


def argument_parser() -> ArgumentParser:
    """Returns the parser of the command line."""
    parser = ArgumentParser(
        prog="python -m vae_lab.report",
        description="Compares finished runs: report.html, report.md, report.json, summary.csv.",
        examples={
            "python -m vae_lab.report outputs/sweeps/NAME": "the runs of a sweep",
            "python -m vae_lab.report outputs/runs/A outputs/runs/B --to compared": "two runs",
        },
    )
    parser.add_argument(
        "folders", metavar="FOLDER", nargs="+", type=Path, help="a sweep, a run, or several"
    )
    parser.add_argument(
        "--to", metavar="FOLDER", type=Path, help="where to write. Default: the first folder."
    )
    parser.add_argument(
        "--latex", action="store_true", help="write the table of results as LaTeX too: results.tex"
    )
    return parser


def _main(argv: Sequence[str]) -> Mapping[str, Any]:
    arguments = argument_parser().parse_args(argv)
    # The page of many runs takes a while.
    print(printable(f"reading {', '.join(map(str, arguments.folders))}"), flush=True)
    with large_imports("vae_lab.report.page"):
        from vae_lab.report.page import write_report  # imports matplotlib
        from vae_lab.report.wording import counted

    target = arguments.to or arguments.folders[0]
    page, num_runs, skipped = write_report(arguments.folders, target, latex=arguments.latex)
    for path, reason in skipped:
        print(printable(f"left out {path}: {reason}"))
    print(printable(f"{counted(num_runs, 'run')} compared: {page}"))
    if arguments.latex:
        print(printable(f"The results for a paper: {target / LATEX}"))
    return {
        "page": page,
        "markdown": target / MARKDOWN,
        "numbers": target / NUMBERS,
        "summary": target / SUMMARY,
        "latex": target / LATEX if arguments.latex else None,
        "num_runs": num_runs,
        "left_out": [{"folder": path, "reason": reason} for path, reason in skipped],
    }


if __name__ == "__main__":
    main()
