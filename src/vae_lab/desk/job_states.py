"""How far the jobs of a sweep are, by what lies in their folders. No job is asked, none is changed.

A job is alive as long as its process holds the lock of its folder, and a sweep as long as the
command that began it holds that of the sweep's folder.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from vae_lab.errors import UserError
from vae_lab.files import is_locked
from vae_lab.progress_files import PlannedJob, RunProgress, SweepPlan
from vae_lab.run_folder import (
    CONFIG,
    DIVERGED,
    FAILED,
    INTERRUPTED,
    RESULT,
    RUNNING,
    SUCCESS,
    RunFolder,
    RunResult,
    runs_in,
)

WAITING, STARTING, TRAINING, TESTING = "waiting", "starting", "training", "testing"
FINISHED, KILLED, NOT_STARTED = "finished", "killed", "not started"

ACTIVE = (STARTING, TRAINING, TESTING)
# What is not finished, and becomes nothing else by itself.
ENDED = (FAILED, DIVERGED, INTERRUPTED, KILLED, NOT_STARTED)


@dataclass(frozen=True, kw_only=True)
class JobState:
    """How far a job is. What is not known is None.

    Attributes:
        job: its name.
        folder: its folder.
        state: one of the states above.
        options: the option of each config group.
        epochs: how many are done.
        max_epochs: how many there are at most.
        share: the share of the training that is done, from 0 to 1.
        elbo: the bound of the last epoch, or that of the tested weights, in nats per image.
        elbo_split: the images that it is of: `val` or `train`.
        elbo_test: the bound of the test images, in nats per image.
        seconds_per_epoch: of the epochs so far.
        seconds_left: of the training.
        error: why it failed.
    """

    job: str
    folder: str
    state: str
    options: Mapping[str, str] = field(default_factory=dict)
    epochs: int | None = None
    max_epochs: int | None = None
    share: float | None = None
    elbo: float | None = None
    elbo_split: str | None = None
    elbo_test: float | None = None
    seconds_per_epoch: float | None = None
    seconds_left: float | None = None
    error: str | None = None


class Sweep(NamedTuple):
    """The jobs of a folder, whether the command that began them works, and how many there are."""

    folder: Path
    jobs: Sequence[JobState]
    is_alive: bool
    num_jobs: int

    @property
    def is_done(self) -> bool:
        """Whether nothing more is going to happen."""
        is_open = any(job.state in (*ACTIVE, WAITING) for job in self.jobs)
        return not is_open and (not self.is_alive or len(self.jobs) >= self.num_jobs)

    @property
    def ended(self) -> list[JobState]:
        """The jobs that are not finished, and will not be by themselves."""
        return [job for job in self.jobs if job.state in ENDED]

    @property
    def seconds_left(self) -> float | None:
        """About how many seconds the sweep takes from now on, None if not known.

        A job that waits takes as long per epoch as those with the same options, and as many run at
        a time as do now.
        """
        active = [job for job in self.jobs if job.state in ACTIVE]
        left = [0.0 if job.state == TESTING else job.seconds_left for job in active]
        left += [self._seconds_of(job) for job in self.jobs if job.state == WAITING]
        known = [seconds for seconds in left if seconds is not None]
        if not active or len(known) < len(left):
            return None
        return max(max(known[: len(active)]), sum(known) / len(active))

    def _seconds_of(self, job: JobState) -> float | None:
        """Returns the seconds of a job that waits, by those with the same options."""
        alike = [it.seconds_per_epoch for it in self.jobs if it.options == job.options]
        rates = [seconds for seconds in alike if seconds is not None]
        if not rates or job.max_epochs is None:
            return None
        return job.max_epochs * sum(rates) / len(rates)


def sweep_in(folder: Path) -> Sweep:
    """Returns the state of a sweep, of a folder of runs, or of one run.

    Raises:
        UserError: if the folder holds none of them.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: name a sweep's, such as outputs/sweeps/NAME.")
    is_alive = is_locked(folder)
    if (folder / RESULT).exists():
        job = _state(folder, JobState(job=folder.name, folder=str(folder), state=WAITING), None)
        return Sweep(folder, [job], is_alive, 1)
    plan = SweepPlan.read(folder)
    planned = {folder / job.folder: job for job in plan.jobs} if plan else {}
    runs: dict[Path, PlannedJob | None] = {run.path: None for run in runs_in(folder)}
    if plan is None and not runs:
        raise UserError(
            f"{folder} holds no run and no plan of a sweep: name the folder of a sweep or of a "
            f"run, such as outputs/sweeps/NAME."
        )
    began = plan.written if plan and is_alive else None
    # Those of other commands first.
    others = {path: None for path in runs if path not in planned}
    jobs = [
        _state(path, _unknown(path, folder, job), began if job else None)
        for path, job in {**others, **planned}.items()
    ]
    num_trials = plan.num_jobs if plan and not plan.jobs else None
    return Sweep(folder, jobs, is_alive, max(len(jobs), num_trials or 0))


def _unknown(path: Path, folder: Path, job: PlannedJob | None) -> JobState:
    """Returns a job of which only the plan is known."""
    options, max_epochs = (job.options, job.max_epochs) if job else ({}, None)
    return JobState(
        job=str(path.relative_to(folder)),
        folder=str(path),
        state=WAITING,
        options=options,
        max_epochs=max_epochs,
    )


def _state(path: Path, unknown: JobState, began: float | None) -> JobState:
    """Returns the state of one job.

    `began` is when the sweep began that does the job if nobody has; None if there is none.
    """
    if (result := RunFolder(path).result) is None:
        return unknown if began is not None else replace(unknown, state=NOT_STARTED)
    known = replace(unknown, options=result.choices)
    if result.status == SUCCESS:
        return _finished(known, result)
    progress = RunProgress.read(path)
    state = _of_unfinished(path, result, progress)
    # A sweep that runs does again what an earlier attempt left.
    if state in ENDED and began is not None and _changed(path / RESULT) < began:
        return known
    known = replace(known, state=state, error=result.error)
    return known if progress is None or state == STARTING else _trained(known, progress)


def _of_unfinished(path: Path, result: RunResult, progress: RunProgress | None) -> str:
    """Returns the state of a run that is not finished."""
    if result.status != RUNNING:
        return result.status
    if not is_locked(path):
        return KILLED
    # Each attempt writes the configuration first. What an earlier one told is not about this one.
    if progress is None or progress.written < _changed(path / CONFIG):
        return STARTING
    return TESTING if progress.share >= 1 or result.epochs is not None else TRAINING


def _changed(path: Path) -> float:
    """Returns when a file was written, in seconds since 1970; 0 if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _finished(known: JobState, result: RunResult) -> JobState:
    return replace(
        known,
        state=FINISHED,
        epochs=result.epochs,
        max_epochs=result.epochs,
        share=1.0,
        elbo=result.metrics.get("elbo/val"),
        elbo_split="val",
        elbo_test=result.metrics.get("elbo/test"),
        seconds_per_epoch=result.seconds.get("per_epoch"),
    )


def _trained(known: JobState, progress: RunProgress) -> JobState:
    left = progress.seconds_left
    if left is not None:
        left = max(0.0, left - max(0.0, time.time() - progress.written))
    return replace(
        known,
        epochs=progress.epochs,
        max_epochs=progress.max_epochs,
        share=progress.share,
        elbo=progress.elbo,
        elbo_split=progress.elbo_split,
        seconds_per_epoch=progress.seconds_per_epoch,
        seconds_left=left if known.state == TRAINING else None,
    )
