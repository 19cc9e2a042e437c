"""The templates of pages, and what they do with blocks, addresses and texts."""

import hashlib
import os
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from vae_lab.ownership import FIGURES, MARKDOWN, WRITTEN_BY
from vae_lab.report.blocks import Chart, PagePicture
from vae_lab.report.wording import markdown_escaped


def figure_name(title: str, picture: bytes) -> str:
    """Returns a name that holds a digest of the picture: a file of that name is ours."""
    return f"{title}-{hashlib.sha256(picture).hexdigest()[:12]}.png"


def written_now() -> dict[str, str]:
    """Returns by whom and when a page is written."""
    return {
        "written_by": f"{WRITTEN_BY} {version('vae-lab')}",
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def page_templates(target: Path, figures: dict[str, bytes], *more: Path) -> Environment:
    """Returns the templates of pages in the folder `target`, and those of `more` folders.

    `figures` gets the pictures that a page names as files.
    """

    def file_of(picture: Chart | PagePicture) -> str:
        name = figure_name(Path(picture.file).stem, picture.data)
        figures[name] = picture.data
        return f"{FIGURES}/{name}"

    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent / "templates", *more]),
        autoescape=True,
        finalize=_escaped_for_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The macro that draws a block has the name of the block's class.
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["unbroken"] = _unbroken
    environment.filters["on_one_line"] = lambda text: " ".join(text.split())
    environment.filters["file"] = file_of
    environment.filters["address"] = lambda path: _address(path, target)
    return environment


def _address(path: Path, folder: Path) -> str:
    """Returns the address of a file in a page of a folder: a relative one, if there is any."""
    try:
        relative = Path(os.path.relpath(path, folder))
    except ValueError:  # on another drive
        return path.absolute().as_uri()
    # Names of files may hold bytes that are not letters.
    return "/".join(quote(os.fsencode(part), safe="") for part in relative.parts)


def _unbroken(text: str) -> str:
    """Returns a sentence in which no line ends within a number with its error or its unit."""
    return re.sub(
        r"(?<=[\d±\]]) (?=%|±|nats|\d)|(?<=\d) (?=to -?\d)|(?<=to) (?=-?\d)", "\u00a0", text
    )


@pass_context
def _escaped_for_markdown(context: Context, value: Any) -> Any:
    """Returns a value as Markdown shows it letter by letter. For HTML, jinja2 itself escapes."""
    if context.name != MARKDOWN or isinstance(value, Markup):
        return value
    return Markup(markdown_escaped(str(value)))
