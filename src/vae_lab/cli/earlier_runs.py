"""How long runs took on this machine, for an estimate of those to come."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from vae_lab.config.identity import options_of
from vae_lab.config.job import Job
from vae_lab.environment import machine
from vae_lab.run_folder import RESULT, SUCCESS, RunFolder, RunResult

OUTPUTS = Path("outputs")


class TimeOfRun(NamedTuple):
    """The seconds of a run, and the number of earlier runs that tell it."""

    seconds: float
    num_runs: int


class EarlierRuns:
    """The finished runs of this machine, below `outputs` and some other folders."""

    def __init__(self, roots: Iterable[Path] = ()) -> None:
        self._runs = [
            run
            for run in _results([OUTPUTS / "runs", *OUTPUTS.glob("sweeps/*"), *roots])
            if run.machine == machine() and run.status == SUCCESS and _is_timed(run)
        ]

    def estimate(self, job: Job, *, num_parameters: int | None, epochs: int) -> TimeOfRun | None:
        """Returns how long so many epochs of a run take, with what comes before and after them.

        By the median of the earlier runs of the same options, data and threads, if there are some,
        by those of the same number of weights. None if there are none.
        """
        alike = [
            run
            for run in self._runs
            if options_of(run.choices) == options_of(job.choices)
            and run.threads == job.values["threads"]
            and run.data.get("name") == job.values["data"]["name"]
        ]
        alike = [run for run in alike if run.num_parameters == num_parameters] or alike
        if not alike:
            return None
        per_epoch = median(run.seconds["per_epoch"] for run in alike)
        around = median(run.seconds["total"] - run.seconds["fit"] for run in alike)
        return TimeOfRun(per_epoch * epochs + around, len(alike))


def _is_timed(run: RunResult) -> bool:
    return bool(run.epochs) and {"total", "fit", "per_epoch"} <= run.seconds.keys()


def _results(folders: Iterable[Path]) -> Iterator[RunResult]:
    """Yields the results of the runs directly below some folders, each run once."""
    paths = {path.resolve() for folder in folders for path in folder.glob(f"*/{RESULT}")}
    for path in sorted(paths):
        if (result := RunFolder(path.parent).result) is not None:
            yield result
