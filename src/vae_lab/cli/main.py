"""The entry point: `python -m vae_lab` and the script `vae-lab`.

Everything that can be checked is checked here, for every job, before the first one starts and
before torch is imported: the configuration, the data, the output folder. Then Hydra runs the jobs.
"""

import math
import runpy
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from hydra.core.utils import configure_log
from hydra.types import RunMode

from vae_lab.cli import command_lines
from vae_lab.cli.command_lines import CommandLine, command_to_resume, print_commands_to_look
from vae_lab.cli.ensure_data import ensure_data
from vae_lab.cli.help import print_help
from vae_lab.cli.hydra_jobs import NUM_JOBS, launch, run_hydra
from vae_lab.cli.jobs import Jobs, jobs_of
from vae_lab.cli.launchers import check_machine, is_parallel, mark_lost_runs
from vae_lab.cli.plan import Plan, check_place, plan, time_of
from vae_lab.cli.resume import Resumed, can_resume, read_resumed
from vae_lab.cli.suggestions.answer import with_line_to_type
from vae_lab.cli.sweep_summary import close_sweep, open_sweep
from vae_lab.cli.task import job, perform, timed_job
from vae_lab.config.compose import Composer, key_of
from vae_lab.config.instantiate import needs_trust
from vae_lab.config.overrides import quoted
from vae_lab.environment import environment_variables
from vae_lab.errors import (
    JOB_FAILED,
    WRONG_INPUT,
    JobFailed,
    Stopped,
    UserError,
    describe_os_error,
    tell,
)
from vae_lab.files import check_writable, locked
from vae_lab.ownership import FIGURES_PAGE, check_run_folder
from vae_lab.run_folder import RunFolder, runs_in
from vae_lab.terminal import in_this_shell, keep_streams_writable, print_note
from vae_lab.training.distributed import join_run, joined_run
from vae_lab.training.request import RunRequest
from vae_lab.training.signals import handle_signals, signals_as_keyboard_interrupt

# `vae-lab report FOLDER` is `python -m vae_lab.report FOLDER`; a first word that is none of these
# is a setting of a training.
COMMANDS = {
    name: f"vae_lab.{name}"
    for name in ("apply", "board", "evaluate", "explore", "export", "report")
} | {name: f"vae_lab.desk.{name}" for name in ("compare", "query", "schema", "watch")}


def main() -> None:
    """Runs the command line and exits: 0 done, 1 a job failed, 2 wrong input, 130, 143 stopped."""
    if sys.argv[1:2] and sys.argv[1] in COMMANDS:
        runpy.run_module(COMMANDS[sys.argv.pop(1)], run_name="__main__", alter_sys=True)
        return
    keep_streams_writable()
    code = 0
    try:
        with handle_signals():
            if joined := joined_run():
                join_run(joined)
            else:
                code = _main(sys.argv[1:])
    except Exception as error:
        tell(error)
        code = WRONG_INPUT if isinstance(error, UserError) else JOB_FAILED
    except Stopped as stopped:
        print_note(stopped)  # no error: the person asked for it
        code = stopped.code
    sys.exit(code)


def _main(argv: Sequence[str]) -> int:
    """Does what a command line asks for, and returns the exit code."""
    # A line that is corrected is checked once more, with the same files.
    composer_of, now = cache(Composer), datetime.now()
    check = partial(_checked, composer_of=composer_of, now=now)
    try:
        composer, line, jobs, resumed = check(argv)
    except UserError as error:
        raise with_line_to_type(argv, error, composer_of, check) from error
    if line.asks_hydra:
        run_hydra(argv, job)
        return 0
    if line.asks_help:
        print_help(line)
        return 0
    if resumed is not None:
        return _resume(composer, resumed)
    assert jobs is not None  # what is left is trained or shown
    if line.show:
        return _show(composer, line)
    if fallback := ensure_data(jobs.jobs):
        kept = [override for override in line.overrides if key_of(override) != "data"]
        line = replace(line, overrides=(*kept, f"data={fallback}"))
        jobs = jobs_of(composer, line, now)
    planned = plan(composer, jobs)
    check_writable(planned.root)
    if jobs.is_sweep:
        return _sweep(composer, line, jobs, planned)
    # A command line may name classes of other packages; a run's folder may not.
    trust = line.config_dir is not None or needs_trust(jobs.jobs[0].values)
    return _single(line, planned, trust=trust)


class _Checked(NamedTuple):
    """What a command line asks for, all of it checked."""

    composer: Composer
    line: CommandLine
    jobs: Jobs | None = None  # None: nothing new is trained
    resumed: Resumed | None = None


def _checked(
    argv: Sequence[str], *, composer_of: Callable[[str | None, str | None], Composer], now: datetime
) -> _Checked:
    """Returns what a command line asks for; UserError for the first thing that is wrong."""
    line = command_lines.parse_words(argv)
    composer = composer_of(line.config_dir, line.config_name)
    if line.asks_hydra or line.asks_help:
        return _Checked(composer, line)
    if any(key_of(override) == command_lines.RESUME for override in line.overrides):
        return _Checked(composer, line, resumed=read_resumed(composer, line))
    jobs = jobs_of(composer, line, now)
    if not line.show:
        check_machine(jobs.jobs)
    return _Checked(composer, line, jobs)


def _show(composer: Composer, line: CommandLine) -> int:
    """Lets Hydra show the configuration."""
    parsed = composer.parse(line.overrides, sweep=line.is_sweep)
    lines = [str(override.input_line) for override in parsed]
    run_hydra(line.for_hydra(lines, multirun=line.multirun), job)
    return 0


def _sweep(composer: Composer, line: CommandLine, jobs: Jobs, planned: Plan) -> int:
    """Runs the jobs of a sweep and closes it, also if it was stopped."""
    again, runs = line.repeat_sweep(planned.root), planned.runs
    for run in runs or ():
        check_run_folder(run.folder)
    has_report = any(job.values.get("report") is not None for job in jobs.jobs)
    open_sweep(planned.root, again, report=has_report)
    if runs and (repeated := len(jobs.jobs) - len(runs)):
        print(f"{repeated} of {len(jobs.jobs)} jobs are the same as others: each is run once.")
    failed = False
    # Until the launcher has returned, no job is known to have failed.
    returned: list[float | None] = [math.nan] * len(runs or ())
    with ExitStack() as stack:
        if parallel := is_parallel(jobs.jobs[0]):
            stack.enter_context(signals_as_keyboard_interrupt())
        try:
            if runs is None:
                _search(line, planned, jobs.jobs[0].hydra.sweeper.get("n_trials"))
            else:
                lines = [run.overrides for run in runs]
                task = job if parallel else partial(timed_job, sweep_time=time_of(runs))
                returned = launch(composer, planned.overrides, lines, task)
        except JobFailed as error:
            failed = True
            tell(error)
        finally:
            # A sweeper that chooses as it goes has its runs on disk.
            found = [run.path for run in runs_in(planned.root)] if runs is None else []
            paths = found + [run.folder for run in runs or ()]
            mark_lost_runs(paths)
            # A finished run of something else may be in the place of a job that returned nothing.
            refused = [path for path, bound in zip(paths, returned, strict=False) if bound is None]
            unfinished = close_sweep(
                planned.root, paths, refused=refused, again=again, report=has_report
            )
    return JOB_FAILED if failed or unfinished else 0


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


def _single(line: CommandLine, planned: Plan, *, trust: bool) -> int:
    check_run_folder(planned.root)
    again = command_to_resume(planned.root, trust=trust)
    return _run_in(
        planned.root,
        again,
        lambda: run_hydra(line.for_hydra(planned.overrides, multirun=False), job),
    )


def _resume(composer: Composer, resumed: Resumed) -> int:
    """Resumes a run as its `config.yaml` says.

    Nothing is downloaded: addresses and places in a file that somebody sent are not to be followed.
    """
    run, config, data, trust, again = resumed
    folder, result = run.path, run.require_result()
    check_place(folder)
    if not run.is_finished:
        check_writable(folder)

    def go_on() -> None:
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
            command=result.command,
            folder=RunFolder(folder),
            trust=trust,
        )
        perform(request)

    return _run_in(folder, again, go_on)


def _may_be_resumed(run: RunFolder) -> bool:
    return run.exists and not run.is_finished and can_resume(run)


def _run_in(folder: Path, again: str, work: Callable[[], None]) -> int:
    """Locks the folder of a run during its work; says how to resume a run that is not finished."""
    run = RunFolder(folder)
    with locked(folder):
        was_stopped = False
        try:
            work()
        except Stopped as stopped:
            was_stopped = True
            stopped.to_resume = in_this_shell(again) if _may_be_resumed(run) else ""
            raise
        finally:
            if not was_stopped and _may_be_resumed(run):
                print("To resume:", in_this_shell(again))
    if run.is_finished:
        if (page := folder / "figures" / FIGURES_PAGE).exists():
            print("Pictures:    ", page)
        print_commands_to_look(folder)
    return 0 if run.is_finished else JOB_FAILED
