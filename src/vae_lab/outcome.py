"""What a command tells other programs: with `--json`, one JSON document on standard output."""

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

JSON_FLAG = "--json"


@contextmanager
def prints_on_stderr() -> Iterator[TextIO]:
    """Sends what is printed inside to standard error, and yields the standard output.

    Also what processes print that are started inside.
    """
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stdout:
        os.dup2(2, 1)
        try:
            with redirect_stdout(sys.stderr):
                yield stdout
        finally:
            os.dup2(stdout.fileno(), 1)


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
