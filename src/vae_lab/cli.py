"""The entry point: `python -m vae_lab` and the script `vae-lab`.

Everything that can be checked is checked here, for every job, before the first one starts and
before torch is imported: the configuration, the data, the output folder. Then Hydra runs the jobs.
"""

import argparse
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from vae_lab import config as configuration
from vae_lab.compose import Composer, Job, choices_of, key_of
from vae_lab.errors import INTERRUPTED, JOB_FAILED, WRONG_INPUT, JobFailed, UserError, print_error
from vae_lab.fallback import with_data
from vae_lab.plan import Plan, check_writable, jobs_of, plan
from vae_lab.results import SUCCESS, read_result, runs_in
from vae_lab.summary import close_sweep


def main() -> None:
    """Runs the command line and exits: 0 done, 1 a job failed, 2 wrong input, 130 Ctrl-C."""
    try:
        code = _main(sys.argv[1:])
    except UserError as error:
        _tell(error)
        code = WRONG_INPUT
    except KeyboardInterrupt:
        print_error("interrupted.")
        code = INTERRUPTED
    sys.exit(code)


def check(argv: Sequence[str]) -> list[Job]:
    """Returns the jobs of a command line, all of them composed and checked.

    Raises:
        UserError: for the first that is not valid.
    """
    arguments = _parse(argv)
    return jobs_of(Composer(config_path=conf_folder(), arguments=arguments), arguments)


def conf_folder() -> Path:
    """Returns the folder of the YAML files: inside an installed wheel, else the checkout's."""
    inside = Path(__file__).parent / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "conf"


def job(config: DictConfig) -> float:
    """Runs one job for Hydra and returns its validation bound, or NaN where it failed.

    A failure is told here and recorded in the run's folder. It is not raised, so that a sweep goes
    on, whatever launches it.
    """
    try:
        from vae_lab.run import run  # imports torch and Lightning
    except (ImportError, RuntimeError) as error:
        print_error(
            f"PyTorch cannot be imported ({error}): torch and torchvision must be of one release "
            f"pair and one origin; install both anew, with one command."
        )
        # No job of a sweep could do better.
        sys.exit(WRONG_INPUT)
    context = HydraConfig.get()
    folder = Path(context.runtime.output_dir)
    command = command_of(context.overrides.task)
    choices = choices_of(context.runtime.choices)
    try:
        result = run(configuration.resolved(config), choices, folder, command)
    except JobFailed as error:
        _tell(error)
        return float("nan")
    return float(result["metrics"].get("elbo/val", float("nan")))


def _tell(error: Exception) -> None:
    """Prints one line; the traceback before it for those who ask Hydra for tracebacks."""
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        traceback.print_exception(error)
    print_error(error)


def command_of(overrides: Sequence[str]) -> str:
    """Returns the command line that repeats one job, without the names that were made for it."""
    own = [line.lstrip("+") for line in overrides if key_of(line) not in ("run_name", "sweep_name")]
    return " ".join(["python -m vae_lab", *map(shlex.quote, own)])


def _main(argv: Sequence[str]) -> int:
    arguments = _parse(argv)
    if arguments.help or arguments.hydra_help or arguments.shell_completion:
        return _hydra(argv)
    composer = Composer(config_path=conf_folder(), arguments=arguments)
    jobs = jobs_of(composer, arguments)
    if arguments.cfg or arguments.info:
        lines = [str(override.input_line) for override in composer.parse(arguments.overrides)]
        return _hydra([word for word in argv if word not in arguments.overrides] + lines)
    arguments.overrides = with_data(composer, jobs, arguments)
    planned = plan(composer, arguments)
    check_writable(planned.root)
    try:
        _hydra(_rebuilt(arguments, planned))
    finally:
        # Sweepers that choose as they go, and folders named by the person, are found on the disk.
        runs = planned.folders or runs_in(planned.root)
        if planned.is_sweep:
            wanted = any(one.config.get("report") is not None for one in jobs)
            close_sweep(planned.root, runs, report=wanted)
    results = [read_result(folder) for folder in runs]
    succeeded = all(result is not None and result["status"] == SUCCESS for result in results)
    return 0 if succeeded else JOB_FAILED


def _hydra(argv: Sequence[str]) -> int:
    """Hands a command line to Hydra, which reads it from sys.argv."""
    before = sys.argv
    sys.argv = [before[0], *argv]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(job)()
    finally:
        sys.argv = before
    return 0


def _rebuilt(arguments: argparse.Namespace, planned: Plan) -> list[str]:
    """Returns the command line for Hydra: the person's own, with what was decided for it."""
    argv = ["--multirun"] if planned.is_sweep else []
    for flag in ("config_dir", "config_name"):
        if getattr(arguments, flag) is not None:
            argv += [f"--{flag.replace('_', '-')}", getattr(arguments, flag)]
    return argv + planned.overrides


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = get_args_parser()

    def refuse(message: str) -> Any:
        raise UserError(f"{message}: see python -m vae_lab --help.")

    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_intermixed_args(list(argv))
