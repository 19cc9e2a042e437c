"""The entry point: `python -m vae_lab` and the script `vae-lab`.

Everything that can be checked is checked here, for every job, before the first one starts and
before torch is imported: the configuration, the data, the output folder. Then Hydra runs the jobs.
"""

import logging
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import configure_log
from hydra.types import RunMode
from omegaconf import DictConfig

from vae_lab.cli.command_lines import (
    CommandLine,
    command_of,
    command_to_resume,
    parse_words,
    quoted,
)
from vae_lab.cli.ensure_data import ensure_data
from vae_lab.cli.jobs import Jobs, jobs_of
from vae_lab.cli.launchers import as_lost_worker, is_parallel, mark_lost_runs
from vae_lab.cli.plan import Plan, plan
from vae_lab.cli.resume import Resumed, read_resumed
from vae_lab.cli.sweep_summary import close_sweep
from vae_lab.config.compose import Composer, conf_folder, key_of, register_resolvers
from vae_lab.config.job import choices_of
from vae_lab.config.resolve import resolved
from vae_lab.errors import JOB_FAILED, WRONG_INPUT, JobFailed, Stopped, UserError, describe_os_error
from vae_lab.files import check_writable, locked, write_text
from vae_lab.run_folder import COMMANDS, RunFolder, runs_in
from vae_lab.terminal import print_error
from vae_lab.training.distributed import join_run, joined_run
from vae_lab.training.signals import handle_signals, signals_as_keyboard_interrupt

# Set to 1 by those who want to see tracebacks.
FULL_ERROR = "HYDRA_FULL_ERROR"

# What FULL_ERROR was before Hydra was at work.
TRACEBACKS = "VAE_LAB_FULL_ERROR"

# A launcher may start `job` in a process that imports this file and composes nothing itself.
register_resolvers()


def main() -> None:
    """Runs the command line and exits.

    The codes: 0 done, 1 a job failed, 2 wrong input, 130 Ctrl-C, 143 SIGTERM.
    """
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
    """Runs one job for Hydra and returns its validation bound, or None where it failed.

    A failure is told here and recorded in the run's folder. It is not raised, so that a sweep goes
    on, whatever launches it. Optuna takes None for a trial that failed; NaN would end it.
    """
    context = HydraConfig.get()
    folder = Path(context.runtime.output_dir)
    command = command_of(context.overrides.task)
    choices = choices_of(context.runtime.choices)
    try:
        # A launcher may have started this in a process of its own.
        with handle_signals(), ExitStack() as stack:
            # The folder of a single run is locked before Hydra opens the log in it.
            if context.mode == RunMode.MULTIRUN:
                stack.enter_context(locked(folder))
            return _perform(
                config=resolved(config),
                choices=choices,
                folder=RunFolder(folder),
                command=command,
                trust=True,
            )
    except UserError as error:
        _tell(error)
        return None


def _perform(**request: Any) -> float | None:
    """Does the run of a `RunRequest` with these fields.

    Returns its validation bound, or None where it failed.
    """
    try:
        from vae_lab.training.run import RunRequest, run  # imports torch and Lightning
    except (ImportError, RuntimeError) as error:
        print_error(
            f"PyTorch cannot be imported ({error}): torch and torchvision must be of one release "
            f"pair and one origin; install both anew, with one command."
        )
        # No job of a sweep could do better.
        sys.exit(WRONG_INPUT)
    try:
        with _quiet_logging():
            result = run(RunRequest(**request))
    except JobFailed as error:
        _tell(error)
        return None
    return result.metrics.get("elbo/val")


def _tell(error: Exception) -> None:
    """Prints one line; the traceback before it for those who ask Hydra for tracebacks."""
    if os.environ.get(TRACEBACKS, os.environ.get(FULL_ERROR)) == "1":
        traceback.print_exception(error)
    print_error(error)


def _main(argv: Sequence[str]) -> int:
    """Does what a command line asks for, and returns the exit code."""
    line = parse_words(argv)
    if line.asks_hydra:
        _hydra(argv)
        return 0
    composer = Composer(
        config_path=conf_folder(), config_dir=line.config_dir, config_name=line.config_name
    )
    if line.asks_to_resume:
        return _resume(composer, read_resumed(composer, line))
    now = datetime.now()
    jobs = jobs_of(composer, line, now)
    if line.show:
        shown = [str(override.input_line) for override in composer.parse(line.overrides)]
        _hydra(line.for_hydra(shown, multirun=line.multirun))
        return 0
    fallback = ensure_data(jobs.jobs)
    if fallback is not None:
        kept = [override for override in line.overrides if key_of(override) != "data"]
        line = replace(line, overrides=(*kept, f"data={fallback}"))
        jobs = jobs_of(composer, line, now)
    planned = plan(composer, jobs)
    check_writable(planned.root)
    return _sweep(line, jobs, planned) if planned.is_sweep else _single(line, planned)


def _sweep(line: CommandLine, jobs: Jobs, planned: Plan) -> int:
    """Runs the jobs of a sweep and closes it, also where it was stopped."""
    again = line.repeat_sweep(planned.root)
    # A search keeps its study there from the start.
    planned.root.mkdir(parents=True, exist_ok=True)
    _keep_command(planned.root, again)
    runs: list[Path] = []
    with ExitStack() as stack:
        if is_parallel(jobs.jobs[0]):
            stack.enter_context(signals_as_keyboard_interrupt())
        try:
            _hydra(line.for_hydra(planned.overrides, multirun=True))
        except JobFailed as error:
            _tell(error)
        finally:
            # Sweepers that choose as they go, and folders named by the person, are found on disk.
            runs = planned.folders or []
            if planned.folders is None:
                runs = [run.path for run in runs_in(planned.root)]
            mark_lost_runs(runs)
            has_report = any(job.values.get("report") is not None for job in jobs.jobs)
            close_sweep(planned.root, runs, again=again, report=has_report)
    return 0 if all(RunFolder(run).is_finished for run in runs) else JOB_FAILED


def _keep_command(root: Path, command: str) -> None:
    """Writes the command line into the sweep's folder, below those that were there before."""
    path = root / COMMANDS
    try:
        before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if command not in before:
            write_text(path, "\n".join([*before, command]) + "\n")
    except OSError as error:
        raise UserError(describe_os_error(error, path)) from error


def _single(line: CommandLine, planned: Plan) -> int:
    # Who names a folder of options may name classes there, which a run's folder alone may not.
    again = command_to_resume(planned.root, trust=line.config_dir is not None)
    with _single_run(planned.root, again):
        _hydra(line.for_hydra(planned.overrides, multirun=False))
    return 0 if RunFolder(planned.root).is_finished else JOB_FAILED


def _resume(composer: Composer, resumed: Resumed) -> int:
    """Goes on with a run as its own `config.yaml` says.

    Nothing is downloaded: addresses and places in a file that somebody sent are not to be followed.
    """
    folder, result = resumed.run.path, resumed.run.require_result()
    if not resumed.run.is_finished:
        check_writable(folder)
    with _single_run(folder, command_to_resume(folder, trust=resumed.trust)):
        _open_log(composer, folder)
        _perform(
            config=resumed.config,
            choices=result.choices,
            folder=RunFolder(folder),
            command=result.command,
            trust=resumed.trust,
        )
    return 0 if RunFolder(folder).is_finished else JOB_FAILED


@contextmanager
def _single_run(folder: Path, again: str) -> Iterator[None]:
    """Holds the folder of a run, and says in the end how to go on with what is not finished."""
    with locked(folder):
        try:
            yield
        finally:
            if (run := RunFolder(folder)).exists and not run.is_finished:
                print("To go on:", again)


def _open_log(composer: Composer, folder: Path) -> None:
    """Opens the log in a run's folder as Hydra does."""
    own = composer.job([f"hydra.runtime.output_dir={quoted(folder.absolute())}"], RunMode.RUN).hydra
    try:
        configure_log(own.job_logging, own.verbose)
    except Exception as error:  # logging wraps what the disk refuses
        raise UserError(describe_os_error(error, folder)) from error


def _hydra(argv: Sequence[str]) -> None:
    """Hands a command line to Hydra, which reads it from sys.argv, and runs its jobs.

    Raises:
        UserError: for what Hydra cannot do itself, such as writing `.hydra/` on a full disk.
        JobFailed: where an engine lost a process.
    """
    # Hydra raises its errors instead of printing them. Jobs in other processes inherit both.
    asked = {FULL_ERROR: "1", TRACEBACKS: os.environ.get(FULL_ERROR, "0")}
    main_function = hydra.main(
        version_base="1.3", config_path=str(conf_folder()), config_name="config"
    )
    with _arguments(argv), _environment(asked):
        try:
            main_function(job)()
        except Exception as error:
            raise as_lost_worker(error) or UserError(
                describe_os_error(error, Path("outputs"))
            ) from error


@contextmanager
def _arguments(argv: Sequence[str]) -> Iterator[None]:
    """Replaces the arguments of this process."""
    before = sys.argv
    sys.argv = [before[0], *argv]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables, and sets them back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _quiet_logging() -> Iterator[None]:
    """Keeps the log from complaining of itself: on a full disk it fails too, one line is enough."""
    before = logging.raiseExceptions
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = before
