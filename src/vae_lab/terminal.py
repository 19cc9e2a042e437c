"""What is printed on a terminal: errors and warnings of one line, and progress."""

import io
import os
import shlex
import shutil
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class _Display(io.FileIO):
    """A stream's file that drops what it cannot write: a full disk, a pipe that nobody reads."""

    # The types of a buffer differ between typeshed's versions of the base class.
    def write(self, data, /):  # type: ignore[no-untyped-def]
        try:
            return super().write(data)
        except OSError:
            return len(data)


def keep_streams_writable() -> None:
    """Lets stdout and stderr of this process drop what cannot be written, in place of failing.

    A display that is closed, full or read by nobody takes no work with it. Streams that somebody
    else has put there stay.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed. Its number goes to the null device, before a file of a run gets it.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif stream is getattr(sys, f"__{name}__"):
            stream.flush()
            raw = _Display(stream.fileno(), "w", closefd=False)
            # Names of files and labels can be of any letters, and of none.
            text = io.TextIOWrapper(
                io.BufferedWriter(raw),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering or stream.write_through,  # python -u
            )
            setattr(sys, name, text)


def printable(text: str) -> str:
    """Returns a text whose control characters are escapes, such as `\\x1b`; lines and tabs stay.

    A text out of a file can hold commands to the terminal, which change its title or what was
    printed before, or what no encoding knows.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode() if _is_control(character) else character
        for character in text
    )


def _is_control(character: str) -> bool:
    # Control characters, those that turn the direction of writing, halves of a character.
    is_joiner = character in "\u200c\u200d"
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") and not (
        character in "\n\t" or is_joiner
    )


def print_error(message: object) -> None:
    """Prints one line on stderr, whatever line breaks the message has."""
    print_note(f"error: {message}")


def print_warning(message: object) -> None:
    """Prints one line on stderr, whatever line breaks the message has."""
    print_note(f"warning: {message}")


def print_note(message: object) -> None:
    """Prints one line on stderr that is neither an error nor a warning."""
    text = printable(" ".join(str(message).split()))
    print("vae-lab:", text, file=sys.stderr, flush=True)


def in_this_shell(command: str) -> str:
    """Returns a command line that begins with `python`, as it runs in the person's shell.

    Which may know this Python by its path only, as where make started it.
    """
    program, _, arguments = command.partition(" ")
    here, known = Path(sys.executable), shutil.which(program)
    if known is None or Path(known).absolute() != here:
        # A name without a slash would be looked for elsewhere.
        is_below = here.parent.is_relative_to(Path.cwd()) and here.parent != Path.cwd()
        program = shlex.quote(str(here.relative_to(Path.cwd()) if is_below else here))
    return f"{program} {arguments}"


def format_time(seconds: float) -> str:
    """Returns a time such as "0:09", "2:05" or "1:02:05"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def progress(*, in_bytes: bool = False) -> "Progress":
    """Returns progress bars for stderr, which show nothing if stderr is not a terminal."""
    # Imported here: what prints one line must not wait for it.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn()) if in_bytes else ()
    console = Console(stderr=True)
    # In a notebook rich would ask for widgets, which may not be there.
    is_shown = console.is_terminal and not console.is_jupyter
    return Progress(*columns, console=console, disable=not is_shown)
