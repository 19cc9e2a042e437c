"""The layout of help texts, the same for all commands: paragraphs, tables of two columns, pages."""

import shutil
import textwrap
from collections.abc import Iterable, Mapping, Sequence

# Longer lines are hard to read.
WIDEST = 100


def page(
    usage: str, sentence: str, examples: Mapping[str, str], sections: Mapping[str, Sequence[str]]
) -> str:
    """Returns the help of a command.

    Args:
        usage: the form of its command line.
        sentence: what it does.
        examples: command lines, and what each does.
        sections: lines of text by their headings.
    """
    lines = [f"usage: {usage}", "", *paragraph(sentence)]
    for heading, body in {"Examples": table(examples.items()), **sections}.items():
        lines += ["", heading, *body]
    return "\n".join(lines)


def paragraph(text: str, *, indent: int = 0) -> list[str]:
    """Returns the lines of a text as wide as the terminal."""
    blanks = " " * indent
    return textwrap.wrap(
        text,
        _width(),
        initial_indent=blanks,
        subsequent_indent=blanks,
        break_long_words=False,
        break_on_hyphens=False,
    )


def table(rows: Iterable[tuple[str, str]], *, left: int | None = None) -> list[str]:
    """Returns lines of names on the left and texts beside them.

    The texts begin in column `left`, by default behind the longest name. A longer name has a line
    of its own.
    """
    pairs = [*rows]
    start = left or max((len(name) for name, _ in pairs), default=0) + 4
    lines: list[str] = []
    for name, text in pairs:
        beside = paragraph(text, indent=start)
        first = f"  {name}"
        if beside and len(first) + 2 <= start:
            beside[0] = first.ljust(start) + beside[0][start:]
            lines += beside
        else:
            lines += [first, *beside]
    return lines


def _width() -> int:
    # A pipe or a file has no width.
    return max(60, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))
