"""The pages themselves: `report.html`, `report.md` with its figures, and `summary.csv`."""

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vae_lab.environment import versions
from vae_lab.files import write_text
from vae_lab.report import tables
from vae_lab.report.chart_style import Drawing
from vae_lab.report.charts import draw_all
from vae_lab.report.conclusions import Topic
from vae_lab.report.conclusions_bound import topics_of_bounds
from vae_lab.report.conclusions_pictures import topics_of_pictures
from vae_lab.report.gallery import WHOLE, Gallery, gallery_of
from vae_lab.report.grouping import Part, parts_of
from vae_lab.report.picture_metrics import Seen
from vae_lab.report.runs import FIGURES, Skipped, find_runs
from vae_lab.report.summary import write_summary
from vae_lab.run_folder import RunFolder

TEMPLATES = Path(__file__).parent / "templates"


class Written(NamedTuple):
    """Where a report lies, and what it is of."""

    page: Path
    num_runs: int
    skipped: list[Skipped]


class Chapter(NamedTuple):
    """All there is to show of runs that can be compared."""

    name: str
    part: Part
    seen: Seen
    facts: list[tuple[str, list[str]]]
    commands: list[str]
    results: tables.Table
    every_run: tables.Table | None
    looks: tables.Table | None
    digits: tables.Table | None
    drawings: dict[str, Drawing]
    gallery: Gallery
    topics: list[Topic]
    warnings: list[tuple[str, str]]


def write_report(folders: Sequence[Path], target: Path) -> Written:
    """Writes the pages on the finished runs of some folders into another.

    Raises:
        UserError: where a folder does not exist, or there is no finished run.
    """
    runs, skipped = find_runs(folders)
    parts, reasons = parts_of(runs)
    chapters = [
        _chapter(part, f"part{number}" if len(parts) > 1 else "")
        for number, part in enumerate(parts, start=1)
    ]
    context = {
        "title": f"{target.resolve().name}: {len(runs)} run{'s' * (len(runs) != 1)} compared",
        "chapters": chapters,
        "reasons": reasons,
        "skipped": skipped,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": versions()["vae-lab"],
        "figures": FIGURES,
        "whole": WHOLE,
    }
    _write_figures(target / FIGURES, chapters)
    write_text(
        target / "report.md", _environment(markdown=True).get_template("report.md").render(context)
    )
    page = target / "report.html"
    write_text(page, _environment(markdown=False).get_template("report.html").render(context))
    if not (target / "summary.csv").exists() or len(folders) > 1:
        places = [*(run.folder for run in runs), *(one.folder for one in skipped)]
        begun = [folder for folder in places if RunFolder(folder).exists]
        write_summary(target, begun)
    return Written(page, len(runs), skipped)


def _chapter(part: Part, name: str) -> Chapter:
    seen = Seen(part.runs)
    several = len(part.runs) > len(part.settings)
    return Chapter(
        name=name,
        part=part,
        seen=seen,
        facts=tables.facts(part),
        commands=tables.reproduction(part),
        results=tables.results(part),
        every_run=tables.every_run(part) if several or part.keys else None,
        looks=tables.looks(part, seen),
        digits=tables.digits(part, seen),
        drawings=draw_all(part, seen),
        gallery=gallery_of(part, f"{name}-" if name else ""),
        topics=[*topics_of_bounds(part, seen), *topics_of_pictures(part, seen)],
        warnings=[(run.name, str(words)) for run in part.runs for words in run.result.warnings],
    )


def _write_figures(folder: Path, chapters: Sequence[Chapter]) -> None:
    """Writes the pictures of the Markdown page, and removes those of the page before."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for chapter in chapters:
        for name, drawing in chapter.drawings.items():
            (part / figure_file(chapter.name, name)).write_bytes(drawing.png)
        for picture in chapter.gallery.pictures():
            (part / picture.file).write_bytes(picture.data)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def figure_file(chapter: str, name: str) -> str:
    """Returns the name of a chart's file."""
    return f"{chapter}-{name}.png" if chapter else f"{name}.png"


def _environment(*, markdown: bool) -> Environment:
    # Markdown has no escaping of jinja2's own: every value goes through ours there.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=not markdown,
        finalize=_escaped if markdown else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["figure_file"] = figure_file
    environment.filters["raw"] = Markup
    environment.filters["line"] = lambda text: " ".join(text.split())
    return environment


def _escaped(value: Any) -> Any:
    """Returns a value as Markdown shows it letter by letter."""
    if isinstance(value, Markup):
        return value
    text = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", " ".join(text.split()))
