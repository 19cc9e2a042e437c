"""What an evaluation shows: its progress, and the card with every number and its protocol."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def stage(name: str) -> Iterator[Callable[[int, int], None]]:
    """Shows one stage on stderr: a bar on a terminal, one line when it ends anywhere else."""
    start = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
    if not console.is_terminal:
        print(f"{name}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


# What is said below the numbers, once, and not beside each.
FOOTNOTES = ("features", "classifier")


def card(evaluation: Mapping[str, Any]) -> str:
    """Returns an evaluation as lines of text: the common protocol, then a line per number."""
    common = evaluation["protocol"]
    head = [
        f"{evaluation['run']}: {common['data']}, {common['split']} split; {common['weights']} "
        f"weights, {common['weights_epoch']} epochs",
        f"targets: {common['targets']}",
        f"evaluation seed {common['seed']}; log-likelihoods in nats per image, higher is better; "
        f"± standard error over images",
    ]
    numbers = {**evaluation["numbers"], **evaluation["gaps"]}
    width = max(map(len, [*numbers, *evaluation["findings"]]))
    lines = [_line(name.ljust(width), number, common) for name, number in numbers.items()]
    notes = {
        f"{key}: {number['protocol'][key]}": None
        for number in numbers.values()
        for key in FOOTNOTES
        if key in number["protocol"]
    }
    findings = [
        f"{name.ljust(width)}  {_shown(number):>16}"
        for name, number in evaluation["findings"].items()
        if isinstance(number["value"], float)
    ]
    seen = ["", "pictures and interpolations, for the report:", *findings] if findings else []
    return "\n".join([*head, "", *lines, "", *notes, *seen]).rstrip()


def _line(name: str, number: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    own = {key: note for key, note in number["protocol"].items() if key not in common}
    notes = ", ".join(f"{key} {note}" for key, note in own.items() if key not in FOOTNOTES)
    return f"{name}  {_shown(number):>16}  {notes}".rstrip()


def _shown(number: Mapping[str, Any]) -> str:
    value, error = number["value"], number["standard_error"]
    shown = f"{value:.2f}" if isinstance(value, float) and abs(value) >= 10 else f"{value:.4g}"
    return shown if error is None else f"{shown} ± {error:.2g}"
