"""What a page is made of: sections of blocks, the same for `report.html` and `report.md`.

Each template has a macro for each class of blocks, named as the class.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

Block = tuple[Any, ...]


class Section(NamedTuple):
    """A heading with its blocks, folded up unless `is_open`; `name` is for links.

    `short_title` is for the table of contents.
    """

    name: str
    title: str
    blocks: Sequence[Block]
    short_title: str = ""
    is_open: bool = False


class Subheading(NamedTuple):
    """A heading within a section."""

    text: str


class Note(NamedTuple):
    """An explanation in small print."""

    text: str


class Facts(NamedTuple):
    """Names, and for each what is known: the answers of the runs, if they differ."""

    facts: list[tuple[str, list[str]]]


class Commands(NamedTuple):
    """Command lines to copy."""

    lines: list[str]


class PageLink(NamedTuple):
    """A link to a page on this machine: what stands there, and what is read out in its place."""

    text: str
    path: Path
    label: str


class Cell(NamedTuple):
    """What stands in a table, and what it is sorted by; a share has a background of its size.

    A cell of `links` shows them in place of its text, if there are any.
    """

    text: str
    key: str | float
    is_share: bool = False
    links: Sequence[PageLink] | None = None


class Table(NamedTuple):
    """Headings and rows of cells; of each row its mark, `best`, `tie` or none, by its place.

    A table with a `summary` is folded up in the page, below that text. The `colours` are those of
    each row's setting in charts, on the light page and on the dark one.
    """

    headings: list[str]
    rows: list[list[Cell]]
    marks: Sequence[str] = ()
    summary: str = ""
    colours: Sequence[tuple[str, str]] = ()


class Chart(NamedTuple):
    """A chart in the colour of the page's text, and as a PNG on white, `file`, for Markdown."""

    svg: Markup
    data: bytes
    alt: str
    file: str
    caption: str


class PagePicture(NamedTuple):
    """A PNG, how large it is drawn in pixels, and its name beside the Markdown page, `file`."""

    label: str
    data: bytes
    width: int
    height: int
    alt: str
    file: str
    colours: tuple[str, str] | None = None  # of its setting, on the light page and on the dark one
    overlay: Markup = Markup()  # an SVG image of the same size, to lie above it

    @property
    def uri(self) -> str:
        """The whole picture as an address."""
        return f"data:image/png;base64,{base64.b64encode(self.data).decode('ascii')}"


class Cards(NamedTuple):
    """Whole pictures side by side."""

    pictures: list[PagePicture]
    is_large: bool = False


class Strips(NamedTuple):
    """Strips under one another, by title; the first can be the originals of the others."""

    blocks: list[tuple[str, list[PagePicture]]]
    originals_first: bool = False


class Finding(NamedTuple):
    """One of the few things that a page says first.

    `subject` names it for programs, `numbers` are what the text says, in nats per image or shares.
    `evidence` is the section that shows more; each of the `remedies` is an override to try.
    """

    subject: str
    title: str
    text: str
    evidence: str
    numbers: Mapping[str, Any]
    remedies: Sequence[str] = ()


class Answer(NamedTuple):
    """What a page says first: the result, how sure it is, why, and what does not differ."""

    headline: str
    certainty: str
    findings: list[Finding]
    ties: str
    numbers: Mapping[str, Any]
