"""The task that Hydra calls for each job, in this process or in one that a launcher started."""

import logging
import math
import os
import sys
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from hydra import version
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from vae_lab.cli.command_lines import command_of
from vae_lab.cli.hydra_jobs import NUM_JOBS
from vae_lab.cli.launchers import at_work
from vae_lab.cli.resume import placed
from vae_lab.cli.sweep_time import Rest, SweepTime
from vae_lab.config.compose import register_resolvers
from vae_lab.config.job import choices_of
from vae_lab.config.resolve import resolved
from vae_lab.errors import WRONG_INPUT, JobFailed, Tell, UserError, tell
from vae_lab.files import locked
from vae_lab.imports import large_imports
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import keep_streams_writable, print_error
from vae_lab.training.request import RunRequest, SweepPlace
from vae_lab.training.signals import handle_signals

# A launcher may start `job` in a process that imports this file and composes nothing itself.
version.setbase("1.3")
register_resolvers()


def job(config: DictConfig, rest: Rest | None = None, tell: Tell = tell) -> float | None:
    """Runs one job for Hydra and returns its validation bound (NaN: none), or None if it failed.

    A failure is printed here and recorded in the run's folder. It is not raised, so that a sweep
    continues, whatever launches it. Optuna takes None for a trial that failed. `rest`: see
    `SweepPlace`. `tell` takes the failure in place of printing it.
    """
    context = HydraConfig.get()
    folder = Path(context.runtime.output_dir)
    # A launcher may have started this in a process of its own.
    keep_streams_writable()
    title = ""
    if total := os.environ.get(NUM_JOBS):
        print(f"run {context.job.num + 1} of {total}: {folder.name}", flush=True)
        title = f"run {context.job.num + 1}/{total}"
    try:
        with handle_signals(), at_work(), ExitStack() as stack:
            # The folder of a single run is locked before Hydra opens the log in it.
            if context.mode == RunMode.MULTIRUN:
                stack.enter_context(locked(folder))
            values = resolved(config, Path(context.runtime.cwd))
            # Hydra may have left for the job's folder (hydra.job.chdir=true).
            moved = not Path.cwd().samefile(context.runtime.cwd)
            request = RunRequest(
                config=values,
                data=placed(values["data"], Path(context.runtime.cwd)) if moved else None,
                choices=choices_of(context.runtime.choices),
                folder=RunFolder(folder),
                command=command_of(context.overrides.task),
                directory=context.runtime.cwd,
                trust=True,
                place=SweepPlace(title, rest),
            )
            return perform(request, tell)
    except UserError as error:
        tell(error)
        return None


def timed_job(config: DictConfig, *, sweep_time: SweepTime) -> float | None:
    """Runs one job as `job` does, and takes its time."""
    number, began = HydraConfig.get().job.num, time.monotonic()
    bound = job(config, partial(sweep_time.rest, number))
    if bound is not None:
        sweep_time.record(number, time.monotonic() - began)
    return bound


def perform(request: RunRequest, tell: Tell) -> float | None:
    """Does a run and returns its validation bound, or None if it failed; `tell` takes the error."""
    try:
        with large_imports("vae_lab.training.run"):
            from vae_lab.training.run import run  # imports torch and Lightning
    except (ImportError, RuntimeError) as error:
        print_error(
            f"PyTorch cannot be imported ({error}): torch and torchvision must be of one release "
            f"pair and one origin; install both again, with one command."
        )
        # No job of a sweep could do better.
        sys.exit(WRONG_INPUT)
    complains = logging.raiseExceptions
    logging.raiseExceptions = False  # on a full disk the log fails too, and one line is enough
    try:
        return run(request).metrics.get("elbo/val", math.nan)
    except JobFailed as error:
        tell(error)
        return None
    finally:
        logging.raiseExceptions = complains
