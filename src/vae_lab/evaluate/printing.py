"""What an evaluation prints: its progress, then every number with its protocol."""

import sys
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vae_lab.run_folder import Number


@contextmanager
def progress_stage(name: str) -> Iterator[Callable[[int, int], None]]:
    """Shows one stage on stderr: a bar on a terminal, one line when it ends anywhere else."""
    start, console = time.monotonic(), Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TimeRemainingColumn())
    silent = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
    if silent:
        print(f"{name}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)


# What is printed below the numbers, once, and not beside each.
_FOOTNOTES = ("features", "classifier")

_NO_LIKELIHOODS = (
    "the targets are grey values, taken as means of binary draws: these are no likelihoods, and do "
    "not compare with published ones"
)


def format_evaluation(evaluation: Mapping[str, Any]) -> str:
    """Returns an evaluation as lines of text: the common protocol, then a line per number."""
    common = evaluation["protocol"]
    head = [
        f"{evaluation['run']}: {common['data']}, {common['split']} split; {common['weights']} "
        f"weights, {common['weights_epoch']} epochs",
        f"targets: {common['targets']}",
        f"evaluation seed {common['seed']}; log-likelihoods in nats per image, higher is better; "
        f"± standard error over images",
    ]
    numbers, pictures = evaluation["numbers"], evaluation["picture_metrics"]
    width = max(map(len, [*numbers, *pictures]))
    # Beside each number, what its protocol adds to the common one and to the notes below.
    hidden = {*common, *_FOOTNOTES, "targets_are_means"}
    lines = [_line(name.ljust(width), number, hidden) for name, number in numbers.items()]
    notes = _footnotes(numbers | pictures)
    title = "pictures and interpolations, for the report:"
    of_pictures = [
        f"{name.ljust(width)}  {_value(number):>16}" for name, number in pictures.items()
    ]
    return "\n".join([*head, "", *lines, "", *notes, "", title, *of_pictures])


def _line(name: str, number: Mapping[str, Any], hidden: Container[str]) -> str:
    protocol = [(key, note) for key, note in number["protocol"].items() if key not in hidden]
    # The details of a number are what it has beside the fields of all. Its warning is a footnote.
    details = [
        (key.replace("_", " "), _digits(it) if isinstance(it, float) else it)
        for key, it in number.items()
        if key not in {*Number._fields, "warning"} and it is not None
    ]
    notes = ", ".join(f"{key} {note}" for key, note in [*protocol, *details])
    return f"{name}  {_value(number):>16}  {notes}".rstrip()


def _footnotes(numbers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    protocols = {name: number["protocol"] for name, number in numbers.items()}
    common = [(key, protocol.get(key)) for protocol in protocols.values() for key in _FOOTNOTES]
    notes = [f"{key}: {note}" for key, note in dict.fromkeys(common) if note is not None]
    grey = [name for name, protocol in protocols.items() if protocol.get("targets_are_means")]
    if grey:
        notes.append(f"{', '.join(grey)}: {_NO_LIKELIHOODS}")
    return [
        *notes,
        *(f"{it}: {numbers[it]['warning']}" for it in numbers if "warning" in numbers[it]),
    ]


def _value(number: Mapping[str, Any]) -> str:
    value, error = number["value"], number["standard_error"]
    if isinstance(value, dict):
        return ", ".join(f"{label}: {_digits(part)}" for label, part in value.items())
    return _digits(value) if error is None else f"{_digits(value)} ± {error:.2g}"


def _digits(value: float | int | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.2f}" if isinstance(value, float) and abs(value) >= 10 else f"{value:.4g}"
