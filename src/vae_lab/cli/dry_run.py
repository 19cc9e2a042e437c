"""`--dry-run`: which runs a command line would do, what is there of them, and how long they take.

All is checked as for the command itself. Nothing is written and nothing is downloaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vae_lab.cli.checked_line import CheckedLine
from vae_lab.cli.earlier_runs import EarlierRuns, TimeOfRun
from vae_lab.cli.ensure_data import absent_data, image_shapes
from vae_lab.cli.jobs import Jobs
from vae_lab.cli.launchers import jobs_at_a_time
from vae_lab.cli.plan import Plan, plan
from vae_lab.config.job import Job
from vae_lab.files import check_writable, is_locked
from vae_lab.imports import large_imports
from vae_lab.ownership import check_run_folder
from vae_lab.progress_files import RunProgress
from vae_lab.run_folder import INTERRUPTED, RUNNING, SUCCESS, RunFolder

NEW, FINISHED = "new", "finished"


@dataclass(frozen=True, kw_only=True)
class RunToDo:
    """A run of a command line. What is not known is None.

    Attributes:
        run: its name.
        folder: its folder.
        state: new, finished, running (another process does it now), or how it ended earlier.
        num_parameters: the number of weights.
        epochs: how many are left to do.
        seconds: about how long they take on this machine, 0 if the run is finished.
        earlier_runs: how many runs tell this.
    """

    run: str
    folder: str
    state: str
    num_parameters: int | None
    epochs: int | None
    seconds: float | None
    earlier_runs: int


@dataclass(frozen=True, kw_only=True)
class WorkToDo:
    """What a command line would do.

    Attributes:
        folder: that of the run, or of the sweep.
        is_sweep: whether it is a sweep.
        runs: the runs; of a search none, since it chooses them as it goes.
        num_trials: how many runs a search does, None if it is none or not known.
        seconds_per_trial: about how long one of them takes.
        jobs_at_a_time: how many runs are done at a time, None if not known.
        seconds: about how long all takes, None if that of a run is not known. One after the other
            if nothing tells how many are done at a time.
        downloads: the data sets that are downloaded first, each with its folder.
    """

    folder: str
    is_sweep: bool
    runs: list[RunToDo]
    num_trials: int | None
    seconds_per_trial: float | None
    jobs_at_a_time: int | None
    seconds: float | None
    downloads: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Returns it as plain values."""
        return {"dry_run": True, **asdict(self)}


def work_to_do(checked: CheckedLine) -> WorkToDo:
    """Returns what a checked command line would do.

    Raises:
        UserError: for what the command itself would refuse: images, folders, a network.
    """
    composer, jobs = checked.composer, checked.jobs
    assert jobs is not None
    shapes = image_shapes(jobs.jobs)
    planned = plan(composer, jobs)
    check_writable(planned.root)
    known = _Known(EarlierRuns([planned.root]), dict(zip(map(id, jobs.jobs), shapes, strict=True)))
    runs = [known.run(job, folder, planned.root) for job, folder in _runs(jobs, planned)]
    first, is_search = jobs.jobs[0], jobs.is_sweep and planned.runs is None
    trial = known.estimate(first, None) if is_search else None
    num_trials = first.hydra.sweeper.get("n_trials") if is_search else None
    seconds_per_trial = trial.seconds if trial else None
    seconds = [seconds_per_trial] * (num_trials or 1) if is_search else [it.seconds for it in runs]
    at_a_time = jobs_at_a_time(first) if jobs.is_sweep else 1
    return WorkToDo(
        folder=str(planned.root),
        is_sweep=jobs.is_sweep,
        runs=runs,
        num_trials=num_trials,
        seconds_per_trial=seconds_per_trial,
        jobs_at_a_time=at_a_time,
        seconds=_together(seconds, at_a_time or 1),
        downloads={name: str(path) for name, path in absent_data(jobs.jobs).items()},
    )


def _runs(jobs: Jobs, planned: Plan) -> list[tuple[Job, Path]]:
    """Returns the jobs with their folders; none of a search."""
    if not jobs.is_sweep:
        return [(jobs.jobs[0], planned.root)]
    return [(run.job, run.folder) for run in planned.runs or ()]


def _together(seconds: Sequence[float | None], at_a_time: int) -> float | None:
    """Returns the seconds of all runs, so many at a time, None if those of one are not known."""
    known = [it for it in seconds if it is not None]
    if len(known) < len(seconds):
        return None
    return max([*known, sum(known) / at_a_time], default=0.0)


class _Known:
    """What is known of the runs before they start: sizes and times, each found out once."""

    def __init__(self, earlier: EarlierRuns, shapes: Mapping[int, tuple[int, ...] | None]) -> None:
        self._earlier, self._shapes = earlier, shapes
        self._sizes: dict[str, int | None] = {}

    def run(self, job: Job, folder: Path, root: Path) -> RunToDo:
        """Returns what is to be done of a job in its folder."""
        check_run_folder(folder)
        run, result = RunFolder(folder), RunFolder(folder).result
        state = _state(run)
        size = result.num_parameters if result else None
        size = self._num_parameters(job) if size is None else size
        epochs = _epochs_left(job, run)
        estimate = None if state == RUNNING else self.estimate(job, size, epochs)
        return RunToDo(
            run=folder.name if folder == root else str(folder.relative_to(root)),
            folder=str(folder),
            state=state,
            num_parameters=size,
            epochs=epochs,
            seconds=0.0 if state == FINISHED else estimate and estimate.seconds,
            earlier_runs=estimate.num_runs if estimate and state != FINISHED else 0,
        )

    def estimate(self, job: Job, size: int | None, epochs: int | None = None) -> TimeOfRun | None:
        """Returns how long a run takes, by those of its size if that is known."""
        left = job.values["trainer"]["max_epochs"] if epochs is None else epochs
        return self._earlier.estimate(job, num_parameters=size, epochs=left)

    def _num_parameters(self, job: Job) -> int | None:
        """Returns the number of weights of a job's model, None if its images are not known."""
        shape = self._shapes[id(job)]
        parts = ("model", "prior", "posterior", "likelihood", "objective", "latent_dim")
        key = repr([shape, *(job.values.get(part) for part in parts)])
        if shape is not None and key not in self._sizes:
            with large_imports("vae_lab.cli.model_size"):
                from vae_lab.cli.model_size import num_parameters  # imports torch

            self._sizes[key] = num_parameters(job.values, shape)
        return self._sizes.get(key)


def _state(run: RunFolder) -> str:
    if run.result is None:
        return NEW
    if run.result.status == SUCCESS:
        return FINISHED
    if run.result.status == RUNNING and not is_locked(run.path):
        return INTERRUPTED  # its process is gone
    return run.result.status


def _epochs_left(job: Job, run: RunFolder) -> int | None:
    """Returns how many epochs a job still has to do, None if another limit ends it."""
    epochs = job.values["trainer"]["max_epochs"]
    if run.is_finished:
        return 0
    done = RunProgress.read(run.path)
    return epochs - done.epochs if done and run.result else epochs
