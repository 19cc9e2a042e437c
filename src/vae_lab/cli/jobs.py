"""The jobs of a command line, each composed and checked before the first one starts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from vae_lab.cli import launchers
from vae_lab.cli.command_lines import CommandLine, parse_words
from vae_lab.config.check import check
from vae_lab.config.compose import Composer, key_of, split_sweep
from vae_lab.config.job import Job
from vae_lab.errors import UserError
from vae_lab.loggers import hparams

BASIC_SWEEPER = "BasicSweeper"


class Jobs(NamedTuple):
    """The jobs of a command line."""

    jobs: list[Job]
    overrides: list[str]  # of all jobs, with what was decided for them
    is_sweep: bool
    # Whether each job is there. A sweeper that chooses values as it goes has one, without them.
    is_complete: bool


def compose_jobs(argv: Sequence[str]) -> list[Job]:
    """Returns the jobs of a command line; see `jobs_of`."""
    line = parse_words(argv)
    composer = Composer(config_dir=line.config_dir, config_name=line.config_name)
    return jobs_of(composer, line, datetime.now()).jobs


def jobs_of(composer: Composer, line: CommandLine, now: datetime) -> Jobs:
    """Returns the jobs of a command line, all of them composed and checked.

    Raises:
        UserError: for the first that is not valid; in a sweep it says which job that is.
    """
    overrides = composer.parse(line.overrides)
    swept = [override for override in overrides if override.is_sweep_override()]
    if line.multirun or any(
        override.key_or_group == "hydra.mode" and str(override.value()).endswith("MULTIRUN")
        for override in overrides
    ):
        jobs = _sweep(composer, overrides, now)
    elif swept:
        (first,) = _lines(swept[:1])
        raise UserError(
            f"{first.lstrip('+')} names several values: add -m to run them all as a sweep."
        )
    else:
        lines = _lines(overrides)
        jobs = Jobs([composer.job(lines, RunMode.RUN)], lines, is_sweep=False, is_complete=True)
    _check(jobs.jobs, swept)
    return jobs


def _sweep(composer: Composer, overrides: Sequence[Override], now: datetime) -> Jobs:
    # What all jobs have in common: without the values in which they differ.
    common_lines = _lines([each for each in overrides if not each.is_sweep_override()])
    common = composer.job(common_lines, RunMode.MULTIRUN)
    decided = launchers.parallel_overrides(common)
    named = any(key_of(line) == "sweep_name" for line in common_lines)
    stamp = [] if named else [f"++sweep_name={now:%Y-%m-%d_%H-%M-%S}"]
    # The user's come later and win.
    lines = [*decided, *_lines(overrides), *stamp]
    is_complete = common.composition.sweeper.endswith(BASIC_SWEEPER)
    if is_complete:
        params: Mapping[str, Any] = common.hydra.sweeper.params or {}
        chosen = [f"{key}={value}" for key, value in params.items()]
        expanded = split_sweep([*composer.parse(chosen), *composer.parse(lines)])
    else:
        expanded = [[*decided, *common_lines, *stamp]]
    jobs = [composer.job(each, RunMode.MULTIRUN) for each in expanded]
    return Jobs(jobs, lines, is_sweep=True, is_complete=is_complete)


def _check(jobs: Sequence[Job], swept: Sequence[Override]) -> None:
    keys = {override.get_key_element() for override in swept}
    for number, job in enumerate(jobs, start=1):
        try:
            check(job.values, job.composition.defaults, job.choices)
        except UserError as error:
            if len(jobs) == 1:
                raise
            values = " ".join(
                line.lstrip("+") for line in job.overrides if line.partition("=")[0] in keys
            )
            raise UserError(f"job {number} of {len(jobs)} ({values}): {error}") from error
    for job in jobs:
        launchers.check_installed(job)
    hparams.check([(job.values, job.choices) for job in jobs])


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [str(override.input_line) for override in overrides]
