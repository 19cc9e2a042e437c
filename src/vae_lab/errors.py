"""What a person is told when something is wrong: one line, and an exit code for scripts."""

import argparse
import difflib
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from vae_lab.help_layout import page, table
from vae_lab.outcome import JSON_FLAG, Ended, Ongoing, name_of_command, run_command
from vae_lab.terminal import keep_streams_writable, print_error, print_note

if TYPE_CHECKING:
    from torch import Tensor


class NonFiniteError(RuntimeError):
    """The bound is no longer a number: training on would only hide it.

    `facts` are numbers, by name; `images` (B, C, H, W) and their rows `index` (B,) the batch, or
    None if the bound is one of many batches.
    """

    def __init__(
        self,
        split: str,
        *,
        terms: Mapping[str, float],
        facts: Mapping[str, float | None],
        images: "Tensor | None" = None,
        index: "Tensor | None" = None,
    ) -> None:
        values = ", ".join(f"{name} {value:g}" for name, value in terms.items())
        where = ", ".join(
            f"{name.replace('_', ' ')} {value:g}"
            for name, value in facts.items()
            if value is not None
        )
        super().__init__(
            f"the {split} bound is not finite any more ({values}; {where}): lower optimizer.lr, or "
            f"add optimizer=adam +trainer.gradient_clip_val=1."
        )
        self.facts = {"split": split, **facts, **terms}
        self.images, self.index = images, index


JOB_FAILED, WRONG_INPUT = 1, 2

# Set to 1 by those who want to see tracebacks, and what it was before Hydra started.
FULL_ERROR, TRACEBACKS = "HYDRA_FULL_ERROR", "VAE_LAB_FULL_ERROR"


class UserError(ValueError):
    """Wrong input. The message is one line: what was given, what is allowed, what to do."""


class JobFailed(RuntimeError):
    """A run that started and did not finish. Its folder holds the log and a `result.json`.

    `outcome` is what is known of the work all the same, for `--json`.
    """

    def __init__(self, message: str, outcome: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome or {}


class Stopped(BaseException):
    """A signal asked the program to end: Ctrl-C (SIGINT) or SIGTERM.

    No `Exception`, so that nothing on the way takes it for a failure and continues.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        # The command line that resumes what was stopped; "": there is none.
        self.to_resume = ""

    @property
    def code(self) -> int:
        """The exit code that shells report for a program that the signal ended: 130 or 143."""
        return 128 + self.number

    def __str__(self) -> str:
        word = "interrupted" if self.number == signal.SIGINT else "terminated"
        return f"{word}. To resume: {self.to_resume}" if self.to_resume else f"{word}."


class ArgumentParser(argparse.ArgumentParser):
    """A parser of command lines with the errors and the help of this project."""

    def __init__(self, *, prog: str, description: str, examples: Mapping[str, str]) -> None:
        """Takes the command, what it does, and command lines with what each does."""
        super().__init__(prog=prog, description=description)
        self._examples = examples

    def format_help(self) -> str:
        rows = [
            (" ".join([*it.option_strings, str(it.metavar or "")]).strip(), _help_of(it))
            for it in self._actions
            if it.dest != "help"
        ]
        rows.append((JSON_FLAG, "print the outcome as one JSON document, and nothing else"))
        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        arguments = {"Arguments": table(rows)}
        return page(usage, str(self.description), self._examples, arguments) + "\n"

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}: see {self.prog} --help.")


def _help_of(action: argparse.Action) -> str:
    """Returns what is said about an argument, with its default filled in."""
    return (action.help or "") % vars(action)


# What works on the arguments of a command line, and returns its outcome.
CommandWork = Callable[[Sequence[str]], Mapping[str, Any] | Ongoing | None]


def command(work: CommandWork) -> None:
    """Gives a command line to what works on it; exits with 2 for wrong input, 130 at Ctrl-C.

    An unexpected error is one line too; HYDRA_FULL_ERROR=1 adds its traceback. With `--json` the
    outcome, which is what `work` returns, is printed as one JSON document (docs/reference/json.md).
    An `exit_code` in it is that of the command.
    """
    keep_streams_writable()
    if code := run_command(name_of_command(sys.argv[0]), sys.argv[1:], partial(_ended, work)):
        sys.exit(code)


def _ended(work: CommandWork, arguments: Sequence[str]) -> Ended:
    """Returns what a command ended with, after its error, if any, was told."""
    try:
        outcome = work(arguments)
    except Exception as error:
        tell(error)
        known = {"error": in_one_line(error), **getattr(error, "outcome", {})}
        return Ended(exit_code(error), known)
    except KeyboardInterrupt:
        words = "interrupted."
        print_note(words)
        return Ended(128 + signal.SIGINT, {"error": words})  # as shells report it
    except SystemExit as ended:  # help, or a signal that is an ordinary end
        return Ended(int(ended.code or 0), {})
    if isinstance(outcome, Ongoing):
        stay = outcome.stay
        return Ended(0, outcome.outcome, lambda: _ended(lambda _: stay(), ()))
    found = outcome or {}
    return Ended(found.get("exit_code", 0), found)


def exit_code(error: Exception) -> int:
    """Returns the exit code of a command that ended with an error."""
    return WRONG_INPUT if isinstance(error, UserError) else JOB_FAILED


# What becomes of an error whose work ends with it: it is printed, or kept for somebody.
Tell = Callable[[Exception], None]


def tell(error: Exception) -> None:
    """Prints one line; the traceback before it for those who ask Hydra for tracebacks."""
    if os.environ.get(TRACEBACKS, os.environ.get(FULL_ERROR)) == "1":
        traceback.print_exception(error)
    print_error(in_one_line(error))


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Makes a UserError of any failure inside: a made-up file can fail anywhere.

    `what` names the file, and what cannot be done with it.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{what}: {type(error).__name__}: {first_line(error)}.") from error


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """Returns which of the names resembles a wrong one, as a whole or in its last part, or None."""
    # Of two names with one last part the shorter is meant.
    ordered = sorted(names, key=len, reverse=True)
    last_parts = {other.rpartition(".")[2]: other for other in ordered}
    last = name.rpartition(".")[2]
    # A group in common is not enough.
    wholes = {
        other: other
        for part, other in ((other.rpartition(".")[2], other) for other in ordered)
        if difflib.SequenceMatcher(None, part, last).ratio() >= 0.6
    }
    for wrong, candidates in ((name, wholes), (last, last_parts)):
        if close := difflib.get_close_matches(wrong, candidates, n=1, cutoff=0.75):
            return candidates[close[0]]
    return None


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says, or its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__).strip()


_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.ENAMETOOLONG: "choose a shorter folder or run_name",
    errno.EROFS: "choose a folder on another disk",
    errno.EACCES: "make it writable for you, or choose another folder",
    errno.EPERM: "make it writable for you, or choose another folder",
    errno.EIO: "look after the disk",
    errno.ESTALE: "the network folder was changed elsewhere: start again",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs, which have too many files open",
    errno.ENOMEM: "free some memory",
}


def in_one_line(error: Exception) -> str:
    """Returns an error in words; of one that nobody thought of, how to see where it was."""
    if isinstance(error, UserError | JobFailed):
        return str(error)
    if isinstance(error, OSError):
        return describe_os_error(error, Path.cwd())
    return (
        f"{type(error).__name__}: {first_line(error)}. This looks like a fault of VAE Lab: "
        f"HYDRA_FULL_ERROR=1 before the command shows where."
    )


def describe_os_error(error: BaseException, folder: Path) -> str:
    """Returns an error in words; for what the disk refused, the path and the remedy."""
    if isinstance(error.__cause__, OSError) and not isinstance(error, UserError):
        error = error.__cause__  # logging wraps it, without its words
    if not isinstance(error, OSError) or error.errno not in _REMEDIES:
        return f"{error}" or type(error).__name__
    path = error.filename or folder
    return f"cannot write {path}: {error.strerror}. Remedy: {_REMEDIES[error.errno]}."
