"""The entry point: `python -m vae_lab` and the script `vae-lab`.

Everything that can be checked is checked here, for every job, before the first one starts and
before torch is imported: the configuration, the data, the output folder. Then Hydra runs the jobs.
"""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.types import RunMode
from omegaconf import DictConfig

from vae_lab.cli import command_lines
from vae_lab.cli.command_lines import CommandLine, command_to_resume
from vae_lab.cli.ensure_data import ensure_data
from vae_lab.cli.jobs import Jobs, jobs_of
from vae_lab.cli.launchers import as_lost_worker, is_parallel, mark_lost_runs
from vae_lab.cli.plan import Plan, plan
from vae_lab.cli.resume import read_resumed
from vae_lab.cli.sweep_summary import close_sweep, open_sweep
from vae_lab.config.compose import CONFIG_NAME, Composer, conf_folder, key_of, register_resolvers
from vae_lab.config.job import choices_of
from vae_lab.config.resolve import resolved
from vae_lab.environment import environment_variables
from vae_lab.errors import JOB_FAILED, WRONG_INPUT, JobFailed, Stopped, UserError, describe_os_error
from vae_lab.files import check_writable, locked
from vae_lab.ownership import check_run_folder
from vae_lab.run_folder import RunFolder, runs_in
from vae_lab.terminal import print_error
from vae_lab.training.distributed import join_run, joined_run
from vae_lab.training.signals import handle_signals, signals_as_keyboard_interrupt

# Set to 1 by those who want to see tracebacks, and what it was before Hydra was at work.
FULL_ERROR, TRACEBACKS = "HYDRA_FULL_ERROR", "VAE_LAB_FULL_ERROR"

# A launcher may start `job` in a process that imports this file and composes nothing itself.
register_resolvers()


def main() -> None:
    """Runs the command line and exits: 0 done, 1 a job failed, 2 wrong input, 130, 143 stopped."""
    code = 0
    try:
        with handle_signals():
            if joined := joined_run():
                join_run(joined)
            else:
                code = _main(sys.argv[1:])
    except (UserError, JobFailed) as error:
        _tell(error)
        code = WRONG_INPUT if isinstance(error, UserError) else JOB_FAILED
    except Stopped as stopped:
        print_error(f"{stopped}.")
        code = stopped.code
    sys.exit(code)


def job(config: DictConfig) -> float | None:
    """Runs one job for Hydra and returns its validation bound, or None if it failed.

    A failure is printed here and recorded in the run's folder. It is not raised, so that a sweep
    goes on, whatever launches it. Optuna takes None for a trial that failed; NaN would end it.
    """
    context = HydraConfig.get()
    folder = Path(context.runtime.output_dir)
    try:
        # A launcher may have started this in a process of its own.
        with handle_signals(), ExitStack() as stack:
            # The folder of a single run is locked before Hydra opens the log in it.
            if context.mode == RunMode.MULTIRUN:
                stack.enter_context(locked(folder))
            return _perform(
                config=resolved(config),
                choices=choices_of(context.runtime.choices),
                folder=RunFolder(folder),
                command=command_lines.command_of(context.overrides.task),
                trust=True,
            )
    except UserError as error:
        _tell(error)
        return None


def _perform(**request: Any) -> float | None:
    """Does a `RunRequest` of these fields; returns the validation bound, or None if it failed."""
    try:
        from vae_lab.training.run import RunRequest, run  # imports torch and Lightning
    except (ImportError, RuntimeError) as error:
        print_error(
            f"PyTorch cannot be imported ({error}): torch and torchvision must be of one release "
            f"pair and one origin; install both anew, with one command."
        )
        # No job of a sweep could do better.
        sys.exit(WRONG_INPUT)
    complains = logging.raiseExceptions
    logging.raiseExceptions = False  # on a full disk the log fails too, and one line is enough
    try:
        return run(RunRequest(**request)).metrics.get("elbo/val")
    except JobFailed as error:
        _tell(error)
        return None
    finally:
        logging.raiseExceptions = complains


def _tell(error: Exception) -> None:
    """Prints one line; the traceback before it for those who ask Hydra for tracebacks."""
    if os.environ.get(TRACEBACKS, os.environ.get(FULL_ERROR)) == "1":
        traceback.print_exception(error)
    print_error(error)


def _main(argv: Sequence[str]) -> int:
    """Does what a command line asks for, and returns the exit code."""
    line = command_lines.parse_words(argv)
    if line.asks_hydra:
        _hydra(argv)
        return 0
    composer = Composer(config_dir=line.config_dir, config_name=line.config_name)
    if any(key_of(override) == command_lines.RESUME for override in line.overrides):
        return _resume(composer, line)
    now = datetime.now()
    jobs = jobs_of(composer, line, now)
    if line.show:
        shown = [str(override.input_line) for override in composer.parse(line.overrides)]
        _hydra(line.for_hydra(shown, multirun=line.multirun))
        return 0
    if fallback := ensure_data(jobs.jobs):
        kept = [override for override in line.overrides if key_of(override) != "data"]
        line = replace(line, overrides=(*kept, f"data={fallback}"))
        jobs = jobs_of(composer, line, now)
    planned = plan(composer, jobs)
    check_writable(planned.root)
    return _sweep(line, jobs, planned) if jobs.is_sweep else _single(line, planned)


def _sweep(line: CommandLine, jobs: Jobs, planned: Plan) -> int:
    """Runs the jobs of a sweep and closes it, also if it was stopped."""
    again = line.repeat_sweep(planned.root)
    for folder in planned.folders or ():
        check_run_folder(folder)
    has_report = any(job.values.get("report") is not None for job in jobs.jobs)
    open_sweep(planned.root, again, report=has_report)
    with ExitStack() as stack:
        if is_parallel(jobs.jobs[0]):
            stack.enter_context(signals_as_keyboard_interrupt())
        try:
            _hydra(line.for_hydra(planned.overrides, multirun=True))
        except JobFailed as error:
            _tell(error)
        finally:
            # Sweepers that choose as they go, and folders named by the user, are found on disk.
            runs = planned.folders or [run.path for run in runs_in(planned.root)]
            mark_lost_runs(runs)
            close_sweep(planned.root, runs, again=again, report=has_report)
    return 0 if all(RunFolder(run).is_finished for run in runs) else JOB_FAILED


def _single(line: CommandLine, planned: Plan) -> int:
    check_run_folder(planned.root)
    # Who names a folder of options may name classes there, which a run's folder alone may not.
    again = command_to_resume(planned.root, trust=line.config_dir is not None)
    return _run_in(
        planned.root, again, lambda: _hydra(line.for_hydra(planned.overrides, multirun=False))
    )


def _resume(composer: Composer, line: CommandLine) -> int:
    """Goes on with a run as its `config.yaml` says.

    Nothing is downloaded: addresses and places in a file that somebody sent are not to be followed.
    """
    run, config, trust = read_resumed(composer, line)
    folder, result = run.path, run.require_result()
    if not run.is_finished:
        check_writable(folder)

    def perform() -> None:
        place = f"hydra.runtime.output_dir={command_lines.quoted(folder.absolute())}"
        settings = composer.job([place], RunMode.RUN).hydra
        try:
            configure_log(settings.job_logging, settings.verbose)
        except Exception as error:  # logging wraps what the disk refuses
            raise UserError(describe_os_error(error, folder)) from error
        request = {"config": config, "choices": result.choices, "command": result.command}
        _perform(folder=RunFolder(folder), trust=trust, **request)

    return _run_in(folder, command_to_resume(folder, trust=trust), perform)


def _run_in(folder: Path, again: str, work: Callable[[], None]) -> int:
    """Holds the folder of a run at work, and tells how to go on with it if it is not finished."""
    with locked(folder):
        try:
            work()
        finally:
            if (run := RunFolder(folder)).exists and not run.is_finished:
                print("To go on:", again)
    return 0 if run.is_finished else JOB_FAILED


def _hydra(argv: Sequence[str]) -> None:
    """Hands a command line to Hydra, which runs its jobs.

    Raises UserError for what Hydra cannot do, JobFailed if an engine lost a process.
    """
    version.setbase("1.3")
    parser = get_args_parser()
    # Hydra raises its errors instead of printing them. Jobs in other processes inherit both.
    asked = {FULL_ERROR: "1", TRACEBACKS: os.environ.get(FULL_ERROR, "0")}
    with environment_variables(asked):
        try:
            _run_hydra(parser.parse_args(argv), parser, job, str(conf_folder()), CONFIG_NAME)
        except Exception as error:
            refused = UserError(describe_os_error(error, Path("outputs")))
            raise as_lost_worker(error) or refused from error
