"""The pages themselves: `report.html`, `report.md` with its figures, their numbers, the table."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vae_lab.errors import UserError, first_line
from vae_lab.files import atomic, check_writable, write_text
from vae_lab.ownership import (
    FIGURES,
    LATEX,
    MARKDOWN,
    NUMBERS,
    PAGE,
    REPORT,
    SUMMARY,
    check_replaceable,
)
from vae_lab.report import numbers
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.findings import FEW, MOST
from vae_lab.report.grouping import group_runs
from vae_lab.report.latex import results
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.rendering import figure_name, page_templates, written_now
from vae_lab.report.runs import Run, Skipped, find_runs
from vae_lab.report.sections import Content, content_of, without_repeats
from vae_lab.report.summary import write_summary
from vae_lab.report.wording import counted
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import printable


class Written(NamedTuple):
    """Where a report lies, and what it is of."""

    page: Path
    num_runs: int
    skipped: list[Skipped]


class Chapter(NamedTuple):
    """What is shown of a group of runs; `prefix` begins its names of files and of links."""

    title: str
    prefix: str
    content: Content


class Pages(NamedTuple):
    """The pages of a report, not written yet: texts and pictures by the names of their files."""

    texts: dict[str, str]
    figures: dict[str, bytes]
    runs: Sequence[Run]
    num_runs: int
    skipped: list[Skipped]


def write_report(folders: Sequence[Path], target: Path, *, latex: bool = False) -> Written:
    """Writes the pages on the finished runs of some folders into another, with `latex` a table.

    Raises:
        UserError: A folder does not exist, there is no finished run, nothing can be written, or a
            file of somebody else is in the place of a page.
    """
    found = find_runs(folders)  # first: a name that is not a folder cannot be the output folder
    check_writable(target, "choose another with --to FOLDER")
    check_replaceable(target, [*REPORT, SUMMARY, *[LATEX] * latex])
    pages = _without_broken(*found, target)
    _write_figures(target / FIGURES, pages.figures)
    for name, text in pages.texts.items():
        if name != LATEX or latex:
            write_text(target / name, text)
    _remove_figures(target / FIGURES, kept=pages.figures)
    paths = [*(run.path for run in pages.runs), *(it.path for it in pages.skipped)]
    paths = [path for path in dict.fromkeys(paths) if RunFolder(path).exists]
    # A sweep wrote its table at its end, with its jobs in their order, which stays.
    write_summary(target, paths, folders[0] / SUMMARY if len(folders) == 1 else None)
    return Written(target / PAGE, pages.num_runs, pages.skipped)


def _without_broken(runs: Sequence[Run], skipped: Sequence[Skipped], target: Path) -> Pages:
    """Returns the pages of all runs that a page can be made of.

    What a run's files hold can fail anywhere in a page, and must not end the page of the others.
    """
    try:
        return _pages(runs, skipped, target)
    except Exception as error:
        broken = _broken(runs, target)
        if not broken or len(broken) == len(runs):
            reason = f"{type(error).__name__}: {first_line(error)}"
            raise UserError(f"no page can be made of these runs: {reason}.") from error
    kept = [run for run in runs if run not in broken]
    left_out = [Skipped(run.path, reason) for run, reason in broken.items()]
    return _without_broken(kept, [*skipped, *left_out], target)


def _broken(runs: Sequence[Run], target: Path) -> dict[Run, str]:
    """Returns the runs that fail by themselves, else the one without which the others do not.

    Each with the reason.
    """
    alone = {run: reason for run in runs if (reason := _reason([run], target))}
    if alone:
        return {run: f"no page can be made of it: {reason}" for run, reason in alone.items()}
    for run in reversed(runs):
        others = [other for other in runs if other is not run]
        if others and not _reason(others, target):
            return {run: f"no page can be made with the others: {_reason(runs, target)}"}
    return {}


def _reason(runs: Sequence[Run], target: Path) -> str:
    """Returns why no page can be made of some runs; empty if one can."""
    try:
        _pages(runs, [], target)
    except Exception as error:
        return f"{type(error).__name__}: {first_line(error)}"
    return ""


def _pages(runs: Sequence[Run], skipped: Sequence[Skipped], target: Path) -> Pages:
    groups, reasons = group_runs(runs)
    left_out = [*skipped, *(repeated for group in groups for repeated in group.repeated)]
    num_runs = sum(len(group.runs) for group in groups)
    metrics = [PictureMetrics(group) for group in groups]
    # Those of all groups are corrected together.
    comparisons = Comparisons(metrics)
    chapters = _chapters(metrics, comparisons)
    written = written_now()
    content = written | {
        "title": printable(f"{target.resolve().name}: {counted(num_runs, 'run')}"),
        "chapters": chapters,
        "reasons": reasons,
        "skipped": [Skipped(it.path, printable(it.reason)) for it in left_out],
    }
    figures: dict[str, bytes] = {}
    pages = page_templates(target, figures)
    texts = {name: pages.get_template(name).render(content) for name in (MARKDOWN, PAGE)}
    parts = [
        numbers.part(of_group, comparisons, chapter.content.answer)
        for of_group, chapter in zip(metrics, chapters, strict=True)
    ]
    texts[LATEX] = results(groups, written)
    texts[NUMBERS] = numbers.to_json(written, parts, comparisons, left_out)
    return Pages(texts, figures, runs, num_runs, left_out)


def _chapters(metrics: Sequence[PictureMetrics], comparisons: Comparisons) -> list[Chapter]:
    """Returns what is shown of each group."""
    chapters: list[Chapter] = []
    explanations: set[str] = set()
    most = FEW if len(metrics) > 1 else MOST
    for number, of_group in enumerate(metrics, start=1):
        prefix = f"part{number}-" if len(metrics) > 1 else ""
        content = content_of(of_group, comparisons, prefix, most)
        content = without_repeats(content, explanations)
        chapters.append(Chapter(of_group.group.title, prefix, content))
    return chapters


def _write_figures(folder: Path, figures: Mapping[str, bytes]) -> None:
    """Writes the pictures of the Markdown page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in figures.items():
        with atomic(folder / name) as partial:
            partial.write_bytes(content)


def _remove_figures(folder: Path, kept: Container[str]) -> None:
    """Removes the pictures of an earlier page, and nothing else that lies beside them."""
    for path in folder.glob("*.png"):
        if path.name not in kept and path.name == figure_name(path.stem[:-13], path.read_bytes()):
            path.unlink()
