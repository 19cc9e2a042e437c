"""What runs the jobs of a sweep besides this process: launchers and sweepers that are extras.

An engine is one of Hydra's plugins, chosen by `hydra/launcher=` or `hydra/sweeper=`. Here stands
only what makes its jobs the same as those of a serial sweep.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from omegaconf import OmegaConf

from vae_lab.config.job import Job
from vae_lab.environment import available_cores, lacks_accelerator
from vae_lab.errors import JOB_FAILED, JobFailed, UserError, first_line
from vae_lab.files import locked
from vae_lab.imports import begin_command
from vae_lab.run_folder import INTERRUPTED, RUNNING, RunFolder

SERIAL = "BasicLauncher"

# Those whose jobs run on this machine.
LOCAL = (SERIAL, "JoblibLauncher", "LocalLauncher")

# The package of a plugin -> the extra that brings it.
EXTRAS = {
    "hydra_joblib_launcher": "joblib",
    "hydra_submitit_launcher": "submitit",
    "hydra_ray_launcher": "ray",
    "hydra_optuna_sweeper": "optuna",
}

# The class of a logger -> its package, which is the extra's name too.
LOGGERS = {"MlflowRunLogger": "mlflow", "WandbRunLogger": "wandb"}

# Where the errors of engines are defined that have lost a process, by the beginning of the module.
LOST = ("concurrent.futures.process", "submitit.", "ray.")


def check_installed(job: Job) -> None:
    """Raises UserError if a launcher, sweeper or logger is chosen whose package is missing."""
    needed: list[tuple[str, str, str | None]] = []  # the choice, its module, its extra
    for name, logger in (job.values["logger"] or {}).items():
        package = LOGGERS.get(str(logger.get("_target_")).rpartition(".")[2])
        needed.append((f"logger={name}", str(package), package))
    composition = job.composition
    for group, target in (("launcher", composition.launcher), ("sweeper", composition.sweeper)):
        module = target.rpartition(".")[0]
        option = composition.all_choices[f"hydra/{group}"]
        package = EXTRAS.get(module.removeprefix("hydra_plugins.").partition(".")[0])
        needed.append((f"hydra/{group}={option}", module, package))
    for choice, module, extra in needed:
        if extra and not _is_installed(module):
            raise UserError(
                f"{choice} needs a package that is not installed: pip install 'vae-lab[{extra}]'."
            )


def check_machine(jobs: Sequence[Job]) -> None:
    """Raises UserError if the jobs run on this machine and one needs what it lacks."""
    for job in jobs:
        trainer, cores = job.values["trainer"], available_cores()
        name, devices = trainer["accelerator"], trainer["devices"]
        if not job.composition.launcher.endswith(LOCAL):
            continue
        if lacks_accelerator(name):
            raise UserError(
                f"trainer.accelerator={name} needs a device that this machine does not show: use "
                f"trainer=auto for the best one there is, or trainer=default for the processor."
            )
        # Two are allowed even on one core: to try out how several processes work.
        if name == "cpu" and isinstance(devices, int) and devices > max(2, cores):
            raise UserError(
                f"trainer.devices={devices} is more than the {cores} cores of this machine: "
                f"trainer.devices={max(2, cores)} or less."
            )


def is_parallel(job: Job) -> bool:
    """Tells whether the jobs of a sweep such as this one may run side by side."""
    return not job.composition.launcher.endswith(SERIAL)


def jobs_at_a_time(job: Job) -> int | None:
    """Returns how many jobs of a sweep such as this one run at a time, None if not known here."""
    if not is_parallel(job):
        return 1
    number = job.hydra.launcher.get("n_jobs")
    if not isinstance(number, int) or number == 0:
        return None
    # -1 are all cores, -2 all but one.
    return number if number > 0 else max(1, available_cores() + 1 + number)


def parallel_overrides(job: Job) -> list[str]:
    """Returns the overrides that jobs side by side get if the user chose nothing else.

    One thread each: two jobs of two threads on two cores take many times as long. The number enters
    the hash, so it is settled here, once, and not in each job by the machine that it is on.
    """
    if not is_parallel(job):
        return []
    config = job.config
    chosen = config.threads is not None and not OmegaConf.is_interpolation(config, "threads")
    lines = [] if chosen else ["++threads=1"]
    # Several bars on one terminal overwrite one another.
    return [*lines, "++trainer.enable_progress_bar=false"]


# Held while this process does a job.
_at_work = threading.Lock()


@contextmanager
def at_work() -> Iterator[None]:
    """Does a job inside. A worker of joblib ends after it if its launcher was killed.

    By itself such a worker waits for ever, with all its memory, for jobs that nobody sends. It does
    nothing but such jobs, and imports what they need as a command does.
    """
    parent = multiprocessing.parent_process()
    is_worker = "loky" in type(multiprocessing.current_process()).__module__
    watch = threading.Thread(
        target=_end_without, args=(parent.pid if parent else None,), name="launcher", daemon=True
    )
    if is_worker and not any(thread.name == watch.name for thread in threading.enumerate()):
        watch.start()
        begin_command()
    with _at_work:
        yield


def _end_without(launcher: int | None) -> None:
    """Ends this process when its launcher is gone and its job, if it has one, is done."""
    while os.getppid() == launcher:
        time.sleep(1)
    with _at_work:
        os._exit(JOB_FAILED)


def mark_lost_runs(runs: Sequence[Path]) -> None:
    """Records the end of runs whose process is gone: engines end their processes silently.

    A run that some process is computing, perhaps on another machine, stays as it is.
    """
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        ray.shutdown()  # its workers would hold their folders a little longer
    for folder in runs:
        run = RunFolder(folder)
        if run.result is None or run.result.status != RUNNING:
            continue
        try:
            with locked(folder):
                run.write_result(replace(run.result, status=INTERRUPTED))
        except (UserError, OSError):
            continue


def as_lost_worker(error: Exception) -> JobFailed | None:
    """Returns an engine's error in words if one of its processes was ended from outside."""
    modules = [cls.__module__ for cls in type(error).__mro__]
    if not any(module.startswith(LOST) for module in modules):
        return None
    return JobFailed(
        f"a process with a job in it was ended from outside, perhaps for want of memory, and the "
        f"others with it ({type(error).__name__}: {first_line(error)})"
    )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
