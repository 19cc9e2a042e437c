"""What is printed on a terminal: errors and warnings of one line, and progress."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


def print_error(message: object) -> None:
    """Prints one line on stderr, whatever line breaks the message has."""
    print("vae-lab: error:", " ".join(str(message).split()), file=sys.stderr, flush=True)


def print_warning(message: object) -> None:
    """Prints one line on stderr between two rules, so that it is seen in a long log."""
    text = "vae-lab: warning: " + " ".join(str(message).split())
    rule = "!" * 79
    print(f"{rule}\n{text}\n{rule}", file=sys.stderr, flush=True)


def progress(*, in_bytes: bool = False) -> "Progress":
    """Returns progress bars for stderr, which show nothing where stderr is no terminal."""
    # Imported here: what prints one line must not wait for it.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn()) if in_bytes else ()
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal)
