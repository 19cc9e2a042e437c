"""What a command tells other programs: with `--json`, one JSON document on standard output."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple

from vae_lab.imports import begin_command

JSON_FLAG = "--json"


class Ended(NamedTuple):
    """What a command ended with; `then` is what it does after its outcome was printed."""

    code: int
    outcome: Mapping[str, Any]
    then: Callable[[], "Ended"] | None = None


class Ongoing(NamedTuple):
    """The outcome of a command that stays, such as a server, and what keeps it going."""

    outcome: Mapping[str, Any]
    stay: Callable[[], None]


def run_command(name: str, argv: Sequence[str], work: Callable[[Sequence[str]], Ended]) -> int:
    """Gives a command line to what works on it, and returns the exit code.

    With `--json`, the outcome is printed as one JSON document, and all other lines go to standard
    error: docs/reference/json.md.
    """
    begin_command()
    arguments = [word for word in argv if word != JSON_FLAG]
    with ExitStack() as stack:
        write: Callable[[str], None] | None = None
        if len(arguments) < len(argv):
            write = stack.enter_context(prints_on_stderr())
        ended = work(arguments)
        if write:
            document = {"command": name, "exit_code": ended.code, "error": None, **ended.outcome}
            write(as_json(document))
        while ended.then:
            ended = ended.then()
    return ended.code


@contextmanager
def prints_on_stderr() -> Iterator[Callable[[str], None]]:
    """Sends what is printed inside to standard error; yields what writes to standard output.

    Also what processes print that are started inside.
    """
    sys.stdout.flush()
    stdout = os.dup(1)

    def write(text: str) -> None:
        left = text.encode()
        with suppress(OSError):  # a full disk, a pipe that nobody reads
            while left:
                left = left[os.write(stdout, left) :]

    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield write
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def name_of_command(program: str) -> str:
    """Returns the word for a command by the file that runs: `report` of `report/__main__.py`."""
    path = Path(program)
    return path.parent.name if path.stem == "__main__" else path.stem


def as_json(outcome: Mapping[str, Any]) -> str:
    """Returns an outcome as one JSON document; NaN and infinity, which JSON has not, are null."""
    return json.dumps(_plain(outcome), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
