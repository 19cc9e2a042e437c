"""The pages themselves: `report.html`, `report.md` with its figures, and `summary.csv`."""

import html
import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from vae_lab.environment import versions
from vae_lab.files import write_text
from vae_lab.report.blocks import Section
from vae_lab.report.grouping import group_runs
from vae_lab.report.runs import FIGURES, Run, Skipped, find_runs
from vae_lab.report.sections import sections_of
from vae_lab.report.summary import SUMMARY, write_summary
from vae_lab.report.wording import plural
from vae_lab.run_folder import RunFolder

TEMPLATES = Path(__file__).parent / "templates"

PAGE, MARKDOWN = "report.html", "report.md"


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
        UserError: A folder does not exist, or there is no finished run.
    """
    runs, skipped = find_runs(folders)
    groups, reasons = group_runs(runs)
    prefixes = [f"part{number}-" if len(groups) > 1 else "" for number, _ in enumerate(groups, 1)]
    chapters = [
        Chapter(group.title, prefix, sections_of(group, prefix))
        for group, prefix in zip(groups, prefixes, strict=True)
    ]
    content = {
        "title": f"{target.resolve().name}: {len(runs)} {plural('run', len(runs))} compared",
        "chapters": chapters,
        "reasons": reasons,
        "skipped": skipped,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": versions()["vae-lab"],
        "figures": FIGURES,
    }
    _write_figures(target / FIGURES, chapters)
    templates = _templates()
    for name in (MARKDOWN, PAGE):
        write_text(target / name, templates.get_template(name).render(content))
    # A sweep wrote its table at its end, with its jobs in their order: that stays.
    if len(folders) > 1 or not (target / SUMMARY).exists():
        _write_summary(target, runs, skipped)
    return Written(target / PAGE, len(runs), skipped)


def _write_figures(folder: Path, chapters: Sequence[Chapter]) -> None:
    """Writes the pictures of the Markdown page, in place of those of an earlier one."""
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for chapter in chapters:
        for block in (block for section in chapter.sections for block in section.blocks):
            for name, content in block.files.items():
                (partial / name).write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)


def _write_summary(target: Path, runs: Sequence[Run], skipped: Sequence[Skipped]) -> None:
    folders = [*(run.path for run in runs), *(it.path for it in skipped)]
    write_summary(target, [folder for folder in folders if RunFolder(folder).exists])


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_escaped_for_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The macro that draws a block has the name of the block's class.
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["on_one_line"] = lambda text: " ".join(text.split())
    return environment


@pass_context
def _escaped_for_markdown(context: Context, value: Any) -> Any:
    """Returns a value as Markdown shows it letter by letter. For HTML, jinja2 itself escapes."""
    if context.name != MARKDOWN or isinstance(value, Markup):
        return value
    text = html.escape(" ".join(str(value).split()), quote=False)
    return Markup(re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", text))
