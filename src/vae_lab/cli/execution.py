"""What a checked command line asks for, done: a run, a sweep, or a run that is resumed.

The command line and `vae_lab.train` both come here.
"""

import math
import shlex
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hydra.core.utils import configure_log
from hydra.types import RunMode

from vae_lab.cli.checked_line import CheckedLine
from vae_lab.cli.command_lines import PROGRAM, CommandLine, words_to_resume
from vae_lab.cli.ensure_data import ensure_data
from vae_lab.cli.hydra_jobs import NUM_JOBS, launch, run_hydra, run_job
from vae_lab.cli.jobs import Jobs, jobs_of
from vae_lab.cli.launchers import is_parallel, mark_lost_runs
from vae_lab.cli.plan import Plan, check_place, plan, sweep_plan, time_of
from vae_lab.cli.resume import Resumed, can_resume, write_remarks
from vae_lab.cli.sweep_summary import close_sweep, open_sweep
from vae_lab.cli.task import job, perform, timed_job
from vae_lab.config.compose import Composer, key_of
from vae_lab.config.instantiate import needs_trust
from vae_lab.config.overrides import quoted
from vae_lab.environment import environment_variables
from vae_lab.errors import JobFailed, Stopped, Tell, UserError, describe_os_error
from vae_lab.files import check_writable, locked, locked_if_free
from vae_lab.ownership import check_run_folder
from vae_lab.run_folder import RunFolder, runs_in
from vae_lab.terminal import print_note
from vae_lab.training.request import RunRequest
from vae_lab.training.signals import signals_as_keyboard_interrupt


class Outcome(NamedTuple):
    """What became of a run or a sweep."""

    folder: Path  # of the run, or of the sweep
    runs: list[Path]  # the run's own folder, or that of each job of the sweep
    unfinished: list[str]  # the names of those that are not finished
    is_sweep: bool
    # Whether a sweep ended early, whatever became of its jobs.
    ended_early: bool = False
    trust: bool = False  # whether classes of other packages may be used to load the run

    @property
    def is_success(self) -> bool:
        """Whether all is finished."""
        return not self.unfinished and not self.ended_early


class PreparedTraining(NamedTuple):
    """A training of which all is ready: the data are there, and each job has its folder."""

    composer: Composer
    line: CommandLine
    jobs: Jobs | None = None
    planned: Plan | None = None
    resumed: Resumed | None = None  # in place of the two


def prepare(checked: CheckedLine) -> PreparedTraining:
    """Makes ready what a command line asks for: data and folders. No torch.

    Raises:
        UserError: if the data cannot be used, or a folder cannot be written.
    """
    composer, line, now, jobs, resumed = checked
    if resumed is not None:
        return PreparedTraining(composer, line, resumed=resumed)
    assert jobs is not None
    if fallback := ensure_data(jobs.jobs):
        kept = [override for override in line.overrides if key_of(override) != "data"]
        line = replace(line, overrides=(*kept, f"data={fallback}"))
        jobs = jobs_of(composer, line, now)
    planned = plan(composer, jobs)
    check_writable(planned.root)
    return PreparedTraining(composer, line, jobs, planned)


def execute(prepared: PreparedTraining, tell: Tell) -> Outcome:
    """Does what was prepared. `tell` takes the error of a run that fails, outside of a sweep."""
    composer, line, jobs, planned, resumed = prepared
    if resumed is not None:
        return _resume(composer, resumed, line, tell)
    assert jobs is not None and planned is not None
    if jobs.is_sweep:
        return _sweep(composer, line, jobs, planned, tell)
    # A command line may name classes of other packages; a run's folder may not.
    trust = line.config_dir is not None or needs_trust(jobs.jobs[0].values)
    return _single(composer, line, planned, tell, trust=trust)


def _sweep(composer: Composer, line: CommandLine, jobs: Jobs, planned: Plan, tell: Tell) -> Outcome:
    """Runs the jobs of a sweep and closes it, also if it was stopped."""
    again, runs = line.words_to_repeat(planned.root), planned.runs
    for run in runs or ():
        check_run_folder(run.folder)
    has_report = any(job.values.get("report") is not None for job in jobs.jobs)
    num_trials = jobs.jobs[0].hydra.sweeper.get("n_trials")
    announced = sweep_plan(planned, num_trials)
    open_sweep(planned.root, shlex.join([*PROGRAM, *again]), announced, report=has_report)
    if runs and (repeated := len(jobs.jobs) - len(runs)):
        print(f"{repeated} of {len(jobs.jobs)} jobs are the same as others: each is run once.")
    ended_early = False
    # Until the launcher has returned, no job is known to have failed.
    returned: list[float | None] = [math.nan] * len(runs or ())
    with locked_if_free(planned.root), ExitStack() as stack:
        if parallel := is_parallel(jobs.jobs[0]):
            stack.enter_context(signals_as_keyboard_interrupt())
        try:
            if runs is None:
                _search(line, planned, num_trials)
            else:
                lines = [run.overrides for run in runs]
                task = job if parallel else partial(timed_job, sweep_time=time_of(runs))
                returned = launch(composer, planned.overrides, lines, task)
        except JobFailed as error:
            ended_early = True
            tell(error)
        finally:
            # A sweeper that chooses as it goes has its runs on disk.
            found = [run.path for run in runs_in(planned.root)] if runs is None else []
            paths = found + [run.folder for run in runs or ()]
            mark_lost_runs(paths)
            # A finished run of something else may be in the place of a job that returned nothing.
            refused = [path for path, bound in zip(paths, returned, strict=False) if bound is None]
            typed = line.interface.typed(again)
            unfinished = close_sweep(
                planned.root, paths, refused=refused, again=typed, report=has_report
            )
    return Outcome(planned.root, paths, unfinished, is_sweep=True, ended_early=ended_early)


def _search(line: CommandLine, planned: Plan, num_trials: int | None) -> None:
    """Runs the trials of a sweeper that chooses them as it goes, so many if that is known.

    Raises:
        UserError: if it began none.
        JobFailed: if it ended early. In its end Optuna asks for the best trial: there may be none.
    """
    before = {run.path for run in runs_in(planned.root)}
    known = {} if num_trials is None else {NUM_JOBS: str(num_trials)}
    try:
        with environment_variables(known):
            run_hydra(line.for_hydra(planned.overrides, multirun=True), job)
    except UserError as error:
        trials = [run for run in runs_in(planned.root) if run.path not in before]
        if not trials:
            raise
        some = any(run.is_finished for run in trials)
        words = f"the search ended early ({error})" if some else "no trial of the search succeeded"
        raise JobFailed(f"{words}.") from error


def _single(
    composer: Composer, line: CommandLine, planned: Plan, tell: Tell, *, trust: bool
) -> Outcome:
    folder = planned.root
    check_run_folder(folder)
    again = line.interface.typed(words_to_resume(folder, trust=trust))

    task = partial(job, tell=tell)
    _run_in(folder, again, lambda: run_job(composer, planned.overrides, task))
    return _outcome_of(folder, trust=trust)


def _resume(composer: Composer, resumed: Resumed, line: CommandLine, tell: Tell) -> Outcome:
    """Resumes a run as its `config.yaml` says.

    Nothing is downloaded: addresses and places in a file that somebody sent are not to be followed.
    """
    run, config, data, trust, again, remarks, command = resumed
    folder, result = run.path, run.require_result()
    check_place(folder)
    if not run.is_finished or command:
        check_writable(folder)

    def go_on() -> None:
        if remarks:
            write_remarks(resumed)
            if run.is_finished and not command:
                return print_note(f"{folder}: {' and '.join(remarks)} changed, nothing else.")
        place = f"hydra.runtime.output_dir={quoted(folder.absolute())}"
        settings = composer.job([place], RunMode.RUN).hydra
        try:
            configure_log(settings.job_logging, settings.verbose)
        except Exception as error:  # logging wraps what the disk refuses
            raise UserError(describe_os_error(error, folder)) from error
        request = RunRequest(
            config=config,
            data=data,
            directory=result.directory,
            choices=result.choices,
            command=command or result.command,
            folder=RunFolder(folder),
            trust=trust,
            is_longer=command is not None,
        )
        perform(request, tell)

    _run_in(folder, line.interface.typed(again), go_on)
    return _outcome_of(folder, trust=trust)


def _outcome_of(folder: Path, *, trust: bool) -> Outcome:
    unfinished = [] if RunFolder(folder).is_finished else [folder.name]
    return Outcome(folder, [folder], unfinished, is_sweep=False, trust=trust)


def _may_be_resumed(run: RunFolder) -> bool:
    return run.exists and not run.is_finished and can_resume(run)


def _run_in(folder: Path, again: str, work: Callable[[], None]) -> None:
    """Locks the folder of a run during its work; says how to resume a run that is not finished.

    `again` is the line to type for that.
    """
    run = RunFolder(folder)
    with locked(folder):
        was_stopped = False
        try:
            work()
        except Stopped as stopped:
            was_stopped = True
            stopped.to_resume = again if _may_be_resumed(run) else ""
            raise
        finally:
            if not was_stopped and _may_be_resumed(run):
                print("To resume:", again)
