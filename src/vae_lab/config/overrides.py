"""Overrides as the shell hands them over, and as Hydra's grammar wants them.

Hydra's grammar takes many characters of a file's name for its own: `~ ( ) [ = ,` and every letter
beyond ASCII. A value that is a path or a text is quoted here; lists, sweeps and functions stay.
"""

import re
from collections.abc import Callable
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from vae_lab.errors import UserError

# Keys whose value is a text, whatever it looks like.
TEXTS = frozenset(
    """
    data.path data.root run_name sweep_name note resume hydra.run.dir hydra.sweep.dir
    hydra.sweep.subdir
    """.split()
)

# Of these those that are not paths: a tilde is a tilde.
_PROSE = frozenset({"note"})

# Of these those that a sweep cannot change: a comma is part of the text.
_ONE = frozenset("sweep_name note resume hydra.run.dir hydra.sweep.dir hydra.sweep.subdir".split())

_QUOTED = r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
_FUNCTION = re.compile(r"(choice|glob|shuffle|sort|tag|str)\s*\(.*\)")


def quoted(value: object) -> str:
    """Returns a text as a value of Hydra's grammar, in quotes."""
    return QuotedString(str(value), Quote.single).with_quotes()


def as_hydra(line: str, parses: Callable[[str], bool], *, sweep: bool) -> str:
    """Returns an override with its value quoted where Hydra's grammar needs it.

    `parses` tells whether Hydra reads a line. In a sweep commas separate values.

    Raises:
        UserError: if a text is empty, as a variable of the shell is that is not set.
    """
    start, equals, value = line.partition("=")
    key = start.lstrip("+")
    is_text, sweep = key in TEXTS, sweep and key not in _ONE
    if not equals or key.startswith("~") or (value.startswith(("[", "{")) and not is_text):
        return line
    if is_text and not value.strip(" '\""):
        raise UserError(
            f"{key}= is empty: write {key}=VALUE (is a variable of the shell not set?), or leave "
            f"it out."
        )
    if sweep and _FUNCTION.fullmatch(value):
        return line
    if not is_text and not re.search(r"(^|,)~", value) and parses(line):
        return line
    pieces = _pieces(value) if sweep else [value]
    return f"{start}=" + ",".join(_as_text(piece, f"{start}=", parses, is_text) for piece in pieces)


def _pieces(value: str) -> list[str]:
    """Splits a value at the commas outside of quotes."""
    return [
        piece.strip()
        for piece in re.findall(rf"\s*({_QUOTED}|(?:\$\{{[^}}]*\}}|\\,|[^,])+)", value)
    ]


def _as_text(value: str, start: str, parses: Callable[[str], bool], is_text: bool) -> str:
    if value == "null":
        return value  # none, as in the YAML files
    if re.fullmatch(_QUOTED, value) and parses(start + value):
        return value
    # An escaped comma or bracket is Hydra's; a double backslash is a path of Windows.
    escaped = re.search(r"\\[()\[\]{}:=, ]", value) and "\\\\" not in value
    is_path = start.lstrip("+").removesuffix("=") not in _PROSE
    at_home = is_path and (value == "~" or value.startswith("~/"))
    expanded = str(Path(value).expanduser()) if at_home else value
    if expanded == value and (escaped or not is_text) and parses(start + value):
        return value
    return quoted(expanded)
