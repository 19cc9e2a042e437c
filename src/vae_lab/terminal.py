"""What is printed on a terminal: errors and warnings of one line."""

import sys


def print_error(message: object) -> None:
    """Prints one line on stderr, whatever line breaks the message has."""
    print("vae-lab: error:", " ".join(str(message).split()), file=sys.stderr, flush=True)


def print_warning(message: object) -> None:
    """Prints one line on stderr between two rules, so that it is seen in a long log."""
    text = "vae-lab: warning: " + " ".join(str(message).split())
    rule = "!" * 79
    print(f"{rule}\n{text}\n{rule}", file=sys.stderr, flush=True)
