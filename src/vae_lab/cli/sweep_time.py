"""How long the rest of a sweep takes, by its runs so far.

A run to come takes as long per epoch as the last run whose options were the same (the model, the
data, ... chosen by name); the current run counts as one. The rest is not known as long as a run to
come has options that no run had yet. What was finished before the sweep began takes no time.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

# Seconds of a run -> those of all later ones, None if not known.
Rest = Callable[[float], float | None]


class Work(NamedTuple):
    """What a run has to do: its options, and its epochs, 0 if it is finished."""

    options: frozenset[tuple[str, str]]
    epochs: int

    @classmethod
    def of(cls, choices: Mapping[str, str], max_epochs: int | None, *, is_finished: bool) -> "Work":
        """Takes the option of each group; a run without a limit in epochs counts as one epoch."""
        return cls(frozenset(choices.items()), 0 if is_finished else max(1, max_epochs or 0))


class SweepTime:
    """The time of the runs of a sweep that are done one after the other."""

    def __init__(self, runs: Sequence[Work]) -> None:
        self._runs = runs
        self._seconds: dict[frozenset[tuple[str, str]], float] = {}  # per epoch

    def record(self, number: int, seconds: float) -> None:
        """Takes the time of a run that ended; runs are numbered from 0."""
        if epochs := self._runs[number].epochs:
            self._seconds[self._runs[number].options] = seconds / epochs

    def rest(self, number: int, seconds: float) -> float | None:
        """Returns the seconds of all runs after one that takes so many, None if not known."""
        options, epochs = self._runs[number]
        known = self._seconds | ({options: seconds / epochs} if epochs else {})
        to_come = [run for run in self._runs[number + 1 :] if run.epochs]
        if any(run.options not in known for run in to_come):
            return None
        return sum(known[run.options] * run.epochs for run in to_come)
