"""The prose of the project's files: what a person reads, without code, with line numbers."""

import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from repository import ROOT

PATTERNS = (
    "*.md",
    "Makefile",
    "bench/*.md",
    "tests/*.md",
    "docs/**/*.md",
    "docs/**/*.py",
    "tools/*.py",
    "src/**/*.py",
    "src/**/*.html",
    "src/**/*.js",
    "conf/**/*.yaml",
)
# Between two pieces of prose: no phrase reaches over it.
GAP = "¶"


class Prose(NamedTuple):
    """A text with one blank between words. Word i begins at `starts[i]`, in line `lines[i]`."""

    text: str
    starts: list[int]
    lines: list[int]

    def line(self, offset: int) -> int:
        """Returns the line of the file that a place of the text stands in."""
        return self.lines[bisect_right(self.starts, offset) - 1]


def prose_files() -> list[Path]:
    """Returns every file whose prose is checked."""
    return sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)})


def prose_of(path: Path) -> Prose:
    """Returns the prose of a file: of a program its comments and strings."""
    text = path.read_text(encoding="utf-8")
    pieces = {".py": python_prose, ".md": markdown_prose}.get(path.suffix, plain_prose)(text)
    return joined(pieces)


def joined(pieces: Iterator[tuple[int, str]]) -> Prose:
    """Joins pieces of text, each with the number of its first line."""
    words, starts, lines, offset = [], [], [], 0
    for first, piece in pieces:
        for number, line in enumerate(piece.splitlines(), start=first):
            for word in line.split():
                words.append(word)
                starts.append(offset)
                lines.append(number)
                offset += len(word) + 1
    return Prose(" ".join(words), starts, lines)


def plain_prose(text: str) -> Iterator[tuple[int, str]]:
    """Yields a YAML file, a Makefile or a template without the marks of its comments."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield number, re.sub(r"(?:^|\s)(?:#+|//)(?=\s|$)", " ", line) if line.strip() else GAP


def markdown_prose(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines of a page; a blank line, a cell of a table and a heading end a phrase."""
    text = re.sub(r"`[^`\n]+`", lambda code: f"`{GAP}`", text)
    for number, line in enumerate(text.splitlines(), start=1):
        ends = not line.strip() or line.startswith("#")
        yield number, f"{line.replace('|', f' {GAP} ')} {GAP}" if ends else line.replace("|", GAP)


def python_prose(source: str) -> Iterator[tuple[int, str]]:
    """Yields comments and strings with a blank in them; code between two ends a phrase."""
    skipped = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    texts = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#%| ")
        elif token.type in texts and " " in token.string:
            inner = re.sub(r"^[a-zA-Z]*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$", "", token.string)
            yield (
                token.start[0],
                re.sub(r"`[^`]+`", f"`{GAP}`", inner.replace("\n\n", f"\n{GAP}\n")),
            )
        elif token.type not in skipped:
            yield token.start[0], GAP
