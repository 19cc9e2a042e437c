"""What every bench shares: interleaved timings, their medians and spread, and the file they go to.

Machines are noisy, so a figure is only worth its counterpart of the same minute: every round times
each variant once, one after the other, and ratios are taken within a round.
"""

import json
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vae_lab import environment
from vae_lab.cli.jobs import compose_jobs
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.training.request import RunRequest

# Does so much work and returns the seconds it took, start-up not counted.
Timed = Callable[[], float]


class Spread(NamedTuple):
    """The median of some repeats, and the smallest and largest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def spread(values: list[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def interleaved(
    variants: Mapping[str, Timed], *, rounds: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Returns the seconds of each variant in each round, after a first round that is not counted.

    Every other round goes backwards, so that none always follows the same neighbour. Processes need
    no round to warm up: each starts cold every time.
    """
    names = list(variants)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name in names if number % 2 else reversed(names):
            seconds = variants[name]()
            if number:
                found[name].append(seconds)
    return found


def ratios(seconds: Mapping[str, list[float]], name: str, to: str) -> Spread:
    """Returns how many times as long a variant takes as another, round by round."""
    return spread([a / b for a, b in zip(seconds[name], seconds[to], strict=True)])


def write(path: Path, question: str, settings: Mapping[str, Any], found: Any) -> None:
    """Writes what was found with the machine, the versions and the load behind it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "question": question,
        "settings": dict(settings),
        "machine": environment.machine(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
        "found": found,
    }
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def train(*overrides: str) -> RunResult:
    """Runs one job in a folder that is deleted afterwards, and returns its result."""
    from vae_lab.training.run import run  # imports torch

    (job,) = compose_jobs(overrides)
    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(
            config=job.values,
            choices=job.choices,
            folder=RunFolder(Path(folder)),
            command="bench",
            trust=True,
        )
        return run(request)
