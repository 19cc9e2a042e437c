"""What a page is made of: sections of blocks, the same for `report.html` and `report.md`.

Each template has a macro for each class of blocks, named as the class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Block:
    """A piece of a section."""

    @property
    def files(self) -> dict[str, bytes]:
        """Its pictures, which lie in files beside the Markdown page, by name."""
        return {}


class Section(NamedTuple):
    """A heading with its blocks; `name` is for links, `short_title` for the table of contents."""

    name: str
    title: str
    short_title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Subheading(Block):
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Note(Block):
    """An explanation in small print."""

    text: str


@dataclass(frozen=True)
class Facts(Block):
    """Names, and for each what is known: the answers of the runs, if they differ."""

    facts: list[tuple[str, list[str]]]


@dataclass(frozen=True)
class Commands(Block):
    """Command lines to copy."""

    lines: list[str]


class Cell(NamedTuple):
    """What stands in a table, and what it is sorted by; a share has a background of its size."""

    text: str
    key: str | float
    is_share: bool = False


@dataclass(frozen=True)
class Table(Block):
    """Headings and rows of cells; of each row its mark, `best`, `tie` or none, by its place.

    A table with a `summary` is folded up in the page, below that text. Markdown leaves it out.
    """

    headings: list[str]
    rows: list[list[Cell]]
    marks: Sequence[str] = ()
    summary: str = ""
