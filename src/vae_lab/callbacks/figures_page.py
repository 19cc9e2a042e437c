"""The page of a run's pictures, `figures/index.html`: of each kind the last, and all epochs."""

import re
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from vae_lab.errors import UserError
from vae_lab.files import write_text
from vae_lab.ownership import EXPLORER, FIGURES_PAGE, WRITTEN_BY, is_ours
from vae_lab.reading import MOST_TEXT, read_inside
from vae_lab.run_folder import RunFolder

FILM = "evolution.gif"

_EXPLORER_LINK = (
    f'<p><a href="../{EXPLORER}">explorer</a>: the page that computes with this model.</p>'
)


class Kind(NamedTuple):
    """A kind of pictures: its name, and a text about it in Markdown."""

    name: str
    description: str


def write_page(folder: RunFolder, kinds: Iterable[Kind], *, title: str, epochs_done: int) -> None:
    """Writes the page again; a file of its name that this program did not write is left alone.

    Pictures of later epochs, which an earlier run left in the folder, are not shown.
    """
    path = folder.path / "figures" / FIGURES_PAGE
    sections = []
    for kind in kinds:
        if files := _files(folder, kind, epochs_done):
            sections.append(_section(kind, files))
    if (film := path.with_name(FILM)).exists():
        sections.append(_film(film))
    if not sections or not is_ours(path):
        return
    links = [_link(name) for name, _ in sections]
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        f'<meta name="generator" content="{WRITTEN_BY} {version("vae-lab")}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}: pictures</title>",
        f"<style>\n{_styles()}</style>",
        "<header>",
        f"<h1>{escape(title)}</h1>",
        "<p>The pictures of this run. Click an epoch to see its picture, and a picture to see its "
        "file.</p>",
        f"<nav>{' '.join(links)}</nav>",
        "</header>",
        "<main>",
        *(text for _, text in sections),
        "</main>",
    ]
    write_text(path, "\n".join(lines) + "\n")


def link_explorer(explorer: Path) -> None:
    """Adds a link to the explorer, which is there now, to the page of the same run's pictures.

    Without such a page of ours, or if the disk refuses, the explorer has no link there.
    """
    page = explorer.parent / "figures" / FIGURES_PAGE
    with suppress(OSError, UserError):
        if not (explorer.name == EXPLORER and page.is_file() and is_ours(page)):
            return
        text = read_inside(page, explorer.parent, most=MOST_TEXT).decode()
        if _EXPLORER_LINK not in text:
            write_text(page, text.replace("</header>", f"{_EXPLORER_LINK}\n</header>", 1))


def show_on_page(folder: RunFolder, kind: Kind, *, epochs_done: int) -> None:
    """Shows a kind of pictures on the page of the run, in place of what the page shows of it.

    Without such a page of ours, or without pictures of the kind, nothing is written.
    """
    page, files = folder.path / "figures" / FIGURES_PAGE, _files(folder, kind, epochs_done)
    if not (files and page.is_file() and is_ours(page)):
        return
    text = folder.read(page).decode()
    name, section = _section(kind, files)
    known = re.compile(rf'<section id="{re.escape(name)}">.*?</section>', re.DOTALL)
    if known.search(text):
        text = known.sub(lambda _: section, text, count=1)
    else:
        text = text.replace("</nav>", f" {_link(name)}</nav>", 1)
        text = text.replace("</main>", f"{section}\n</main>", 1)
    write_text(page, text)


def _files(folder: RunFolder, kind: Kind, epochs_done: int) -> dict[int, Path]:
    """Returns the pictures of a kind by their epoch, none of a later one than the last."""
    return {n: file for n, file in folder.figures(kind.name).items() if n <= epochs_done}


def _link(name: str) -> str:
    return f'<a href="#{name}">{name}</a>'


def _section(kind: Kind, files: dict[int, Path]) -> tuple[str, str]:
    """Returns the name of a section, and the section: a choice of epochs, and their pictures."""
    name, last = escape(kind.name), max(files)
    lines = [f'<section id="{name}">', f"<h2>{name}</h2>", f"<p>{_plain(kind.description)}"]
    vectors = files[last].with_name(f"{kind.name}.svg")
    if vectors.exists():
        lines.append(f'The last one is also there <a href="{quote(vectors.name)}">as SVG</a>.')
    lines += ["</p>", "<fieldset>", "<legend>epoch</legend>"]
    for epoch, file in files.items():
        place, checked = f"{name}-{epoch}", " checked" if epoch == last else ""
        lines += [
            f'<input type="radio" name="{name}" id="{place}"{checked}>'
            f'<label for="{place}">{epoch}</label>'
            f'<a href="{quote(file.name)}"><img src="{quote(file.name)}" loading="lazy" '
            f'alt="{name} after {epoch} epochs"></a>'
        ]
    return name, "\n".join([*lines, "</fieldset>", "</section>"])


def _film(file: Path) -> tuple[str, str]:
    text = "The training as a film."
    picture = f'<a href="{FILM}"><img src="{FILM}" loading="lazy" alt="{text}"></a>'
    name = file.stem
    return name, f'<section id="{name}">\n<h2>{name}</h2>\n<p>{text}</p>\n{picture}\n</section>'


def _plain(markdown: str) -> str:
    """Returns a description in HTML: its Markdown has escaped letters only."""
    return escape(re.sub(r"\\(.)", r"\1", markdown))


def _styles() -> str:
    return Path(__file__).with_name("figures.css").read_text(encoding="utf-8")
