"""The pages themselves: `report.html`, `report.md` with its figures, and `summary.csv`."""

import hashlib
import html
import re
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from vae_lab.files import atomic, write_text
from vae_lab.ownership import (
    FIGURES,
    MARKDOWN,
    PAGE,
    REPORT,
    SUMMARY,
    WRITTEN_BY,
    check_replaceable,
)
from vae_lab.report.blocks import Chart, PagePicture, Section
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.grouping import Group, group_runs
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import Skipped, find_runs
from vae_lab.report.sections import sections_of
from vae_lab.report.summary import write_summary
from vae_lab.report.wording import counted
from vae_lab.run_folder import RunFolder


class Written(NamedTuple):
    """Where a report lies, and what it is of."""

    page: Path
    num_runs: int
    skipped: list[Skipped]


class Chapter(NamedTuple):
    """What is shown of a group of runs; `prefix` begins its names of files and of links."""

    title: str
    prefix: str
    sections: list[Section]


def write_report(folders: Sequence[Path], target: Path) -> Written:
    """Writes the pages on the finished runs of some folders into another.

    Raises:
        UserError: A folder does not exist, there is no finished run, or a file of somebody else is
            in the place of a page.
    """
    # A sweep wrote its table at its end, with its jobs in their order: that stays.
    has_summary = len(folders) == 1 and (target / SUMMARY).exists()
    check_replaceable(target, REPORT if has_summary else [*REPORT, SUMMARY])
    runs, skipped = find_runs(folders)
    groups, reasons = group_runs(runs)
    skipped += [repeated for group in groups for repeated in group.repeated]
    num_runs = sum(len(group.runs) for group in groups)
    content = {
        "title": f"{target.resolve().name}: {counted(num_runs, 'run')} compared",
        "chapters": _chapters(groups),
        "reasons": reasons,
        "skipped": skipped,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "written_by": f"{WRITTEN_BY} {version('vae-lab')}",
    }
    figures: dict[str, bytes] = {}
    templates = _templates(figures)
    texts = {name: templates.get_template(name).render(content) for name in (MARKDOWN, PAGE)}
    _write_figures(target / FIGURES, figures)
    for name, text in texts.items():
        write_text(target / name, text)
    _remove_figures(target / FIGURES, kept=figures)
    if not has_summary:
        paths = dict.fromkeys([*(run.path for run in runs), *(it.path for it in skipped)])
        write_summary(target, [path for path in paths if RunFolder(path).exists])
    return Written(target / PAGE, num_runs, skipped)


def _chapters(groups: Sequence[Group]) -> list[Chapter]:
    """Returns what is shown of each group; the comparisons of all are corrected together."""
    metrics = [PictureMetrics(group) for group in groups]
    comparisons = Comparisons(metrics)
    chapters = []
    for number, of_group in enumerate(metrics, start=1):
        prefix = f"part{number}-" if len(groups) > 1 else ""
        sections = sections_of(of_group, comparisons, prefix)
        chapters.append(Chapter(of_group.group.title, prefix, sections))
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
        if path.name not in kept and path.name == _name_of(path.stem[:-13], path.read_bytes()):
            path.unlink()


def _name_of(title: str, picture: bytes) -> str:
    """Returns a name that holds a digest of the picture: a file of that name is ours."""
    return f"{title}-{hashlib.sha256(picture).hexdigest()[:12]}.png"


def _templates(figures: dict[str, bytes]) -> Environment:
    """Returns the templates; `figures` gets the pictures that a page names as files."""

    def file_of(picture: Chart | PagePicture) -> str:
        name = _name_of(Path(picture.file).stem, picture.data)
        figures[name] = picture.data
        return f"{FIGURES}/{name}"

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=_escaped_for_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The macro that draws a block has the name of the block's class.
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["on_one_line"] = lambda text: " ".join(text.split())
    environment.filters["file"] = file_of
    return environment


@pass_context
def _escaped_for_markdown(context: Context, value: Any) -> Any:
    """Returns a value as Markdown shows it letter by letter. For HTML, jinja2 itself escapes."""
    if context.name != MARKDOWN or isinstance(value, Markup):
        return value
    text = html.escape(" ".join(str(value).split()), quote=False)
    return Markup(re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", text))
