"""The entry point: `python -m vae_lab` and the script `vae-lab`.

Everything that can be checked is checked here, for every job, before the first one starts and
before torch is imported: the configuration, the data, the output folder. Then Hydra runs the jobs.
"""

import argparse
import logging
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from vae_lab.compose import Composer, Job, choices_of, key_of, parse_words
from vae_lab.config import resolved
from vae_lab.engines import is_parallel, lost, settle
from vae_lab.errors import JOB_FAILED, WRONG_INPUT, JobFailed, Stopped, UserError, print_error
from vae_lab.fallback import with_data
from vae_lab.faults import explained
from vae_lab.follow import follow
from vae_lab.leader import leaders_folder
from vae_lab.locks import held
from vae_lab.plan import Plan, check_writable, jobs_of, plan, quoted
from vae_lab.results import holds_run, is_success, runs_in
from vae_lab.resume import Resumed, asks_to_resume, command_to_resume, read_resumed
from vae_lab.stops import as_keyboard_interrupt, stoppable
from vae_lab.summary import close_sweep

# Set by those who want to see tracebacks; and what it was, while Hydra is at work.
FULL_ERROR, TRACEBACKS = "HYDRA_FULL_ERROR", "VAE_LAB_FULL_ERROR"


def main() -> None:
    """Runs the command line and exits.

    The codes: 0 done, 1 a job failed, 2 wrong input, 130 Ctrl-C, 143 SIGTERM.
    """
    try:
        with stoppable():
            led = leaders_folder()
            code = follow(led) if led else _main(sys.argv[1:])
    except UserError as error:
        _tell(error)
        code = WRONG_INPUT
    except Stopped as stopped:
        print_error(f"{stopped}.")
        code = stopped.code
    sys.exit(code)


def check(argv: Sequence[str]) -> list[Job]:
    """Returns the jobs of a command line, all of them composed and checked.

    Raises:
        UserError: for the first that is not valid.
    """
    arguments = parse_words(argv)
    return jobs_of(Composer(config_path=conf_folder(), arguments=arguments), arguments)


def conf_folder() -> Path:
    """Returns the folder of the YAML files: inside an installed wheel, else the checkout's."""
    inside = Path(__file__).parent / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "conf"


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
        with stoppable(), held(folder) if in_sweep else nullcontext():
            return _perform(resolved(config), choices, folder, command, trust=True)
    except UserError as error:
        _tell(error)
        return None


def _perform(
    config: Mapping[str, Any], choices: Mapping[str, str], folder: Path, command: str, trust: bool
) -> float | None:
    """Runs one job and returns its validation bound, or None where it failed."""
    try:
        from vae_lab.run import run  # imports torch and Lightning
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
        result = run(config, choices, folder, command, trust=trust)
    except JobFailed as error:
        _tell(error)
        return None
    bound: float | None = result["metrics"].get("elbo/val")
    return bound


def _tell(error: Exception) -> None:
    """Prints one line; the traceback before it for those who ask Hydra for tracebacks."""
    if os.environ.get(TRACEBACKS, os.environ.get(FULL_ERROR)) == "1":
        traceback.print_exception(error)
    print_error(error)


def command_of(overrides: Sequence[str]) -> str:
    """Returns the command line that repeats one job, without the names that were made for it."""
    own = [line.lstrip("+") for line in overrides if key_of(line) not in ("run_name", "sweep_name")]
    return " ".join(["python -m vae_lab", *map(shlex.quote, own)])


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
        with as_keyboard_interrupt() if is_parallel(jobs[0].config) else nullcontext():
            return _sweep(arguments, planned, report=wanted)
    # Who names a folder of options may name classes there, which a run's folder alone may not.
    again = command_to_resume(planned.root, trust=arguments.config_dir is not None)
    return _single(planned.root, _rebuilt(arguments, planned), job, again)


def _sweep(arguments: argparse.Namespace, planned: Plan, *, report: bool) -> int:
    # A search keeps its study there from the start.
    planned.root.mkdir(parents=True, exist_ok=True)
    try:
        _hydra(_rebuilt(arguments, planned), job)
    except JobFailed as error:
        _tell(error)
    finally:
        # Sweepers that choose as they go, and folders named by the person, are found on the disk.
        runs = planned.folders or runs_in(planned.root)
        settle(runs)
        try:
            close_sweep(planned.root, runs, again=_again(arguments, planned), report=report)
        except OSError as error:
            print_error(explained(error, planned.root))
    return 0 if all(map(is_success, runs)) else JOB_FAILED


def _single(
    folder: Path, argv: Sequence[str], task: Callable[[DictConfig], float | None], again: str
) -> int:
    with held(folder):
        try:
            _hydra(argv, task)
        finally:
            if holds_run(folder) and not is_success(folder):
                print("To go on:", again)
    return 0 if is_success(folder) else JOB_FAILED


def _again(arguments: argparse.Namespace, planned: Plan) -> str:
    """Returns the command line that goes on with a sweep."""
    words = ["python", "-m", "vae_lab", *_flags(arguments), "-m", *arguments.overrides]
    if not {"sweep_name", "hydra.sweep.dir"} & {key_of(line) for line in arguments.overrides}:
        words.append(f"sweep_name={planned.root.name}")
    return shlex.join(words)


def _resume(resumed: Resumed) -> int:
    """Goes on with a run as its own `config.yaml` says; Hydra only opens the log.

    Nothing is downloaded: addresses and places in a file that somebody sent are not to be followed.
    """
    config, result, folder = resumed.run.config, resumed.run.result, resumed.run.folder
    if not is_success(folder):
        check_writable(folder)

    def task(_: DictConfig) -> float | None:
        choices, command = result.get("choices", {}), result.get("command", "")
        return _perform(config, choices, folder, command, resumed.trust)

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
        raise lost(error) or UserError(explained(error, Path("outputs"))) from error
    finally:
        sys.argv = before
        del os.environ[TRACEBACKS], os.environ[FULL_ERROR]
        if asked is not None:
            os.environ[FULL_ERROR] = asked
    return 0


def _rebuilt(arguments: argparse.Namespace, planned: Plan) -> list[str]:
    """Returns the command line for Hydra: the person's own, with what was decided for it."""
    return [*(["--multirun"] if planned.is_sweep else []), *_flags(arguments), *planned.overrides]


def _flags(arguments: argparse.Namespace) -> list[str]:
    flags = []
    for flag in ("config_dir", "config_name"):
        if getattr(arguments, flag) is not None:
            flags += [f"--{flag.replace('_', '-')}", getattr(arguments, flag)]
    return flags
