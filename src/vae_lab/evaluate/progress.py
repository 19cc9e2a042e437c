"""How far an evaluation is: one bar over the stages of all runs, with the time left."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from vae_lab.inference.images import Advance

# Seconds over which the speed is averaged: all of it, for stages differ.
_WHOLE = 1e9


class EvaluationProgress:
    """Shows the stages of runs on stderr: a bar on a terminal, a line per stage anywhere else."""

    def __init__(self, num_runs: int) -> None:
        self.num_runs, self.run, self.name = num_runs, 0, ""
        console = Console(stderr=True)
        self.is_silent = not console.is_terminal
        # The words come last: what a narrow terminal has no place for is cut off them.
        label = Column(no_wrap=True, overflow="ellipsis")
        columns = (
            BarColumn(bar_width=20),
            TimeRemainingColumn(),
            TextColumn("left"),
            TextColumn("{task.description}", table_column=label, markup=False),
        )
        self.bars = Progress(
            *columns,
            console=console,
            transient=True,
            disable=self.is_silent or not num_runs,
            speed_estimate_period=_WHOLE,
        )
        self._task = self.bars.add_task("", total=num_runs)

    def __enter__(self) -> "EvaluationProgress":
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def next_run(self, name: str) -> None:
        """Begins with a run; what the one before it left out counts as done."""
        done, self.run, self.name = self.run, self.run + 1, name
        self.bars.update(self._task, completed=done, description=self._label("data and weights"))

    @contextmanager
    def stage(self, name: str, costs: Mapping[str, float]) -> Iterator[Advance]:
        """Shows a stage of the run; `costs` are the parts that all its stages have in its time."""
        label = self._label(name.replace("_", " "))
        names, whole = list(costs), sum(costs.values())
        before = self.run - 1 + sum(costs[it] for it in names[: names.index(name)]) / whole
        self.bars.update(self._task, completed=before, description=label)

        def advance(done: int, total: int) -> None:
            share = costs[name] / whole * done / total
            self.bars.update(self._task, completed=before + share)

        start = time.monotonic()
        yield advance
        if self.is_silent:
            print(f"{label}: {time.monotonic() - start:.1f} s", file=sys.stderr, flush=True)

    def _label(self, words: str) -> str:
        return words if self.num_runs == 1 else f"{self.run}/{self.num_runs} {self.name}: {words}"
