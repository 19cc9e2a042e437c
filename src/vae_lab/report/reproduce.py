"""The command line that repeats some runs: one sweep where they are one, else each by itself."""

import shlex
from collections.abc import Sequence
from itertools import product

from vae_lab.report.runs import Run

PROGRAM = "python -m vae_lab"


def commands(runs: Sequence[Run]) -> list[str]:
    """Returns one command that makes all the runs, or one for each."""
    own = [str(run.result.get("command", "")) for run in runs]
    return as_sweep(own) or own


def as_sweep(commands: Sequence[str]) -> list[str]:
    """Returns the sweep that consists of the commands; nothing where they are none, or one.

    They are one sweep where each names the same keys, and every combination of the values is there.
    """
    lines = [command.removeprefix(PROGRAM).strip() for command in commands]
    if len(lines) < 2 or not all(command.startswith(PROGRAM) for command in commands):
        return []
    rows = [dict(word.split("=", 1) for word in shlex.split(line) if "=" in word) for line in lines]
    keys = list(rows[0])
    if any(list(row) != keys for row in rows):
        return []
    values = {key: list(dict.fromkeys(row[key] for row in rows)) for key in keys}
    there = {tuple(row.values()) for row in rows}
    if there != set(product(*values.values())) or len(there) != len(rows):
        return []
    words = [shlex.quote(f"{key}={','.join(found)}") for key, found in values.items()]
    return [" ".join([PROGRAM, "-m", *words])]
