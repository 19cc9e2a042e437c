"""The entry point: `python -m vae_lab` and the script `vae-lab`.

Everything that can be checked is checked here, for every job, before the first one starts and
before torch is imported: the configuration, the data, the output folder. Then Hydra runs the jobs.
"""

import argparse
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from vae_lab.cli.command_lines import command_of, command_to_go_on, command_to_resume, flags, quoted
from vae_lab.cli.ensure_data import with_data
from vae_lab.cli.jobs import jobs_of
from vae_lab.cli.launchers import as_lost_worker, is_parallel, mark_lost_runs
from vae_lab.cli.plan import Plan, plan
from vae_lab.cli.resume import Resumed, asks_to_resume, read_resumed
from vae_lab.cli.sweep_summary import close_sweep
from vae_lab.config.compose import Composer, choices_of, conf_folder, parse_words
from vae_lab.config.resolve import resolved
from vae_lab.errors import JOB_FAILED, WRONG_INPUT, JobFailed, Stopped, UserError, describe_os_error
from vae_lab.files import check_writable, locked
from vae_lab.run_folder import RunFolder, runs_in
from vae_lab.terminal import print_error
from vae_lab.training.distributed import join_run, joined_run
from vae_lab.training.signals import handle_signals, signals_as_keyboard_interrupt

# Set by those who want to see tracebacks; and what it was, while Hydra is at work.
FULL_ERROR, TRACEBACKS = "HYDRA_FULL_ERROR", "VAE_LAB_FULL_ERROR"


def main() -> None:
    """Runs the command line and exits.

    The codes: 0 done, 1 a job failed, 2 wrong input, 130 Ctrl-C, 143 SIGTERM.
    """
    try:
        with handle_signals():
            joined = joined_run()
            code = join_run(joined) if joined else _main(sys.argv[1:])
    except UserError as error:
        _tell(error)
        code = WRONG_INPUT
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
    in_sweep = context.mode == RunMode.MULTIRUN
    try:
        # A launcher may have started this in a process of its own.
        with handle_signals(), locked(folder) if in_sweep else nullcontext():
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
    # On a full disk the log fails too, and one line is enough.
    logging.raiseExceptions = False
    try:
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
    arguments = parse_words(argv)
    if arguments.help or arguments.hydra_help or arguments.shell_completion:
        return _hydra(argv, job)
    composer = Composer(config_path=conf_folder(), arguments=arguments)
    if asks_to_resume(arguments.overrides):
        return _resume(read_resumed(composer, arguments))
    jobs = jobs_of(composer, arguments)
    if arguments.cfg or arguments.info:
        lines = [str(override.input_line) for override in composer.parse(arguments.overrides)]
        return _hydra([word for word in argv if word not in arguments.overrides] + lines, job)
    arguments.overrides = with_data(composer, jobs, arguments)
    planned = plan(composer, arguments)
    check_writable(planned.root)
    if planned.is_sweep:
        wanted = any(one.config.get("report") is not None for one in jobs)
        with signals_as_keyboard_interrupt() if is_parallel(jobs[0].config) else nullcontext():
            return _sweep(arguments, planned, report=wanted)
    # Who names a folder of options may name classes there, which a run's folder alone may not.
    again = command_to_resume(planned.root, trust=arguments.config_dir is not None)
    return _single(planned.root, _for_hydra(arguments, planned), job, again)


def _sweep(arguments: argparse.Namespace, planned: Plan, *, report: bool) -> int:
    # A search keeps its study there from the start.
    planned.root.mkdir(parents=True, exist_ok=True)
    try:
        _hydra(_for_hydra(arguments, planned), job)
    except JobFailed as error:
        _tell(error)
    finally:
        # Sweepers that choose as they go, and folders named by the person, are found on the disk.
        runs = planned.folders or [run.path for run in runs_in(planned.root)]
        mark_lost_runs(runs)
        try:
            close_sweep(
                planned.root, runs, again=command_to_go_on(arguments, planned.root), report=report
            )
        except OSError as error:
            print_error(describe_os_error(error, planned.root))
    return 0 if all(RunFolder(run).is_finished for run in runs) else JOB_FAILED


def _single(
    folder: Path, argv: Sequence[str], task: Callable[[DictConfig], float | None], again: str
) -> int:
    with locked(folder):
        try:
            _hydra(argv, task)
        finally:
            if (run := RunFolder(folder)).exists and not run.is_finished:
                print("To go on:", again)
    return 0 if RunFolder(folder).is_finished else JOB_FAILED


def _resume(resumed: Resumed) -> int:
    """Goes on with a run as its own `config.yaml` says; Hydra only opens the log.

    Nothing is downloaded: addresses and places in a file that somebody sent are not to be followed.
    """
    folder, result = resumed.run.path, resumed.run.require_result()
    if not resumed.run.is_finished:
        check_writable(folder)

    def task(_: DictConfig) -> float | None:
        return _perform(
            config=resumed.config,
            choices=result.choices,
            folder=RunFolder(folder),
            command=result.command,
            trust=resumed.trust,
        )

    argv = [f"hydra.run.dir={quoted(folder)}", "hydra.output_subdir=null"]
    return _single(folder, argv, task, command_to_resume(folder, trust=resumed.trust))


def _hydra(argv: Sequence[str], task: Callable[[DictConfig], float | None]) -> int:
    """Hands a command line to Hydra, which reads it from sys.argv.

    Raises:
        UserError: for what Hydra cannot do itself, such as writing `.hydra/` on a full disk.
        JobFailed: where an engine lost a process.
    """
    before, asked = sys.argv, os.environ.get(FULL_ERROR)
    sys.argv = [before[0], *argv]
    # Hydra raises its errors instead of printing them. Jobs in other processes inherit both.
    os.environ[FULL_ERROR], os.environ[TRACEBACKS] = "1", asked or "0"
    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(task)()
    except Exception as error:
        raise as_lost_worker(error) or UserError(
            describe_os_error(error, Path("outputs"))
        ) from error
    finally:
        sys.argv = before
        del os.environ[TRACEBACKS], os.environ[FULL_ERROR]
        if asked is not None:
            os.environ[FULL_ERROR] = asked
    return 0


def _for_hydra(arguments: argparse.Namespace, planned: Plan) -> list[str]:
    """Returns the command line for Hydra: the person's own, with what was decided for it."""
    return [*(["--multirun"] if planned.is_sweep else []), *flags(arguments), *planned.overrides]
