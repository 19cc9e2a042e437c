"""What a person is told when something is wrong: one line, and an exit code for scripts."""

import signal
import sys
from collections.abc import Callable, Sequence

JOB_FAILED = 1
WRONG_INPUT = 2
# What shells report for a program that Ctrl-C ended: 128 + SIGINT.
INTERRUPTED = 130


class UserError(ValueError):
    """Wrong input. The message is one line: what was given, what is allowed, what to do."""


class JobFailed(RuntimeError):
    """A run that started and did not finish. Its folder holds the log and a `result.json`."""


class Stopped(BaseException):
    """A signal asked the program to end: Ctrl-C (SIGINT) or SIGTERM.

    No `Exception`, so that nothing on the way takes it for a failure and goes on.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def code(self) -> int:
        """The exit code that shells report for a program that the signal ended: 130 or 143."""
        return 128 + self.number

    def __str__(self) -> str:
        return "interrupted" if self.number == signal.SIGINT else "terminated"


def answer(work: Callable[[Sequence[str]], None]) -> None:
    """Gives a command line to what works on it; exits with 2 for wrong input, 130 at Ctrl-C."""
    try:
        work(sys.argv[1:])
    except UserError as error:
        print_error(error)
        sys.exit(WRONG_INPUT)
    except KeyboardInterrupt:
        print_error("interrupted.")
        sys.exit(INTERRUPTED)


def first_line(error: Exception) -> str:
    """Returns the first line of what an error says, or its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__).strip()


def print_error(message: object) -> None:
    """Prints one line on stderr, whatever line breaks the message has."""
    print("vae-lab: error:", " ".join(str(message).split()), file=sys.stderr, flush=True)


def print_warning(message: object) -> None:
    """Prints one line on stderr between two rules, so that it is seen in a long log."""
    text = "vae-lab: warning: " + " ".join(str(message).split())
    rule = "!" * 79
    print(f"{rule}\n{text}\n{rule}", file=sys.stderr, flush=True)
