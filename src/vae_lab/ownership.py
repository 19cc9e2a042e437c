"""What is ours in a folder that a person names: nothing else is overwritten or removed."""

import re
from collections.abc import Iterable
from pathlib import Path

from vae_lab.errors import UserError, describe_os_error
from vae_lab.files import LOCK, PARTIAL
from vae_lab.reading import check_inside
from vae_lab.run_folder import COMMANDS, RESULT, RunFolder

# What a report writes beside the runs: pages, their numbers, and a folder of pictures, which may
# hold others too.
PAGE, MARKDOWN, NUMBERS, FIGURES = REPORT = (
    *("report.html", "report.md", "report.json"),
    "report_figures",
)
# In the folder of a sweep: the pictures of all its runs, as one run of TensorBoard's.
COMPARISON = "comparison"
SUMMARY = "summary.csv"  # of a sweep, or of a report
LATEX = "results.tex"  # of a report, if it is asked for
FIGURES_PAGE = "index.html"  # in the folder of a run's pictures: shows them
EXPLORER = "explorer.html"  # in the folder of a run, or of a sweep: what its models learned
WRITTEN_BY = "Written by VAE Lab"
# What is near the beginning of each file, or at the very beginning (\A).
_MARKS = {
    PAGE: WRITTEN_BY,
    MARKDOWN: WRITTEN_BY,
    FIGURES_PAGE: WRITTEN_BY,
    EXPLORER: WRITTEN_BY,
    NUMBERS: rf'\A{{\s*"written_by": "{WRITTEN_BY}',
    SUMMARY: r"\Arun,status,[^\n]*elbo/test",
    COMMANDS: r"\Apython -m vae_lab ",
    LATEX: rf"\A% {WRITTEN_BY}",
}
# The styles of a page come before its mark.
_BEGINNING = 100_000  # bytes

_REMEDY = "name a new or an empty folder with hydra.run.dir=FOLDER, or hydra.sweep.dir=FOLDER"


def check_run_folder(folder: Path) -> None:
    """Raises UserError if a run may not begin in a folder: it holds something else than a run.

    Nor if a link in the run's folder leads out of it.
    """
    try:
        if not folder.exists():
            return
        if RunFolder(folder).result is not None:
            # A link in a stranger's folder may lead what is written elsewhere.
            return check_inside(folder)
        if not folder.is_dir():
            raise UserError(f"{folder} is a file: {_REMEDY} for a sweep.")
        names = {path.name for path in folder.iterdir()}
        others = sorted(names - _names_of_a_start(folder))
    except OSError as error:
        raise UserError(describe_os_error(error, folder)) from error
    if others:
        named = ", ".join([*others[:3], *["..."] * (len(others) > 3)])
        raise UserError(
            f"{folder} holds other files than those of a run ({named}): {_REMEDY} for a sweep."
        )


def _names_of_a_start(folder: Path) -> set[str]:
    """Returns the names of what a start wrote that ended before the first `result.json`."""
    names = {path.name for path in folder.glob(f".{RESULT}.*.{PARTIAL}")}
    hydra = folder / ".hydra" / "config.yaml"
    if hydra.is_file() and _holds(hydra, r"\A\Z|vae_lab\."):
        names |= {".hydra", "run.log"}
    # Hydra opens the log before it writes its own files.
    for path in (folder / "run.log", folder / LOCK):
        if path.is_file() and path.stat().st_size == 0:
            names.add(path.name)
    return names


def check_replaceable(folder: Path, names: Iterable[str]) -> None:
    """Raises UserError if one of these files is in a folder and this program did not write it."""
    try:
        others = [path for name in names if not is_ours(path := folder / name)]
    except OSError as error:
        raise UserError(describe_os_error(error, folder)) from error
    if others:
        raise UserError(
            f"{others[0]} was not written by VAE Lab and would be replaced: move it away, or name "
            f"another folder."
        )


def is_ours(path: Path) -> bool:
    """Tells whether a path is free, or this program wrote what is there."""
    if path.is_symlink():
        return False
    if not path.exists():
        return True
    if path.name == FIGURES:
        return path.is_dir()
    return path.is_file() and _holds(path, _MARKS.get(path.name, WRITTEN_BY))


def _holds(path: Path, mark: str) -> bool:
    with path.open("rb") as file:
        return re.search(mark.encode(), file.read(_BEGINNING)) is not None
