"""The jobs of a command line, each composed and checked before the first one starts."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from vae_lab.cli import launchers
from vae_lab.config.check import check
from vae_lab.config.compose import Composer, Job, conf_folder, parse_words, split_sweep
from vae_lab.config.resolve import resolved
from vae_lab.errors import UserError
from vae_lab.loggers import hparams

BASIC_SWEEPER = "BasicSweeper"


def compose_jobs(argv: Sequence[str]) -> list[Job]:
    """Returns the jobs of a command line, all of them composed and checked.

    Raises:
        UserError: for the first that is not valid.
    """
    arguments = parse_words(argv)
    return jobs_of(Composer(config_path=conf_folder(), arguments=arguments), arguments)


def jobs_of(composer: Composer, arguments: argparse.Namespace) -> list[Job]:
    """Returns the jobs of a command line, all of them composed and checked.

    Raises:
        UserError: for the first that is not valid; in a sweep it says which job that is.
    """
    overrides = composer.parse(arguments.overrides)
    if not arguments.multirun and not _asks_for_sweep(overrides):
        _refuse_values_without_sweep(overrides)
        jobs = [composer.job(_lines(overrides), RunMode.RUN)]
    else:
        jobs = [composer.job(lines, RunMode.MULTIRUN) for lines in _expand(composer, overrides)]
    swept = {override.get_key_element() for override in overrides if override.is_sweep_override()}
    for number, job in enumerate(jobs, start=1):
        try:
            check(job.config, job.known, job.choices)
        except UserError as error:
            if len(jobs) == 1:
                raise
            values = " ".join(
                line.lstrip("+") for line in job.overrides if line.partition("=")[0] in swept
            )
            raise UserError(f"job {number} of {len(jobs)} ({values}): {error}") from error
    for job in jobs:
        launchers.check_installed(job.config)
    hparams.check([(resolved(job.config), job.choices) for job in jobs])
    return jobs


def _expand(composer: Composer, overrides: Sequence[Override]) -> list[list[str]]:
    """Returns the overrides of each job; for sweepers that choose as they go, of one job."""
    job = _without_values(composer, overrides)
    config = job.config
    if not _expandable(config):
        return [job.overrides]
    params: Mapping[str, Any] = config.hydra.sweeper.params or {}
    own = composer.parse([f"{key}={value}" for key, value in params.items()])
    return split_sweep([*own, *overrides])


def _without_values(composer: Composer, overrides: Sequence[Override]) -> Job:
    """Returns what all jobs of a sweep have in common, the values left out that they differ in."""
    lines = _lines([override for override in overrides if not override.is_sweep_override()])
    return composer.job(lines, RunMode.MULTIRUN)


def _expandable(config: Any) -> bool:
    return str(config.hydra.sweeper._target_).endswith(BASIC_SWEEPER)


def _asks_for_sweep(overrides: Sequence[Override]) -> bool:
    return any(
        override.key_or_group == "hydra.mode" and str(override.value()).endswith("MULTIRUN")
        for override in overrides
    )


def _refuse_values_without_sweep(overrides: Sequence[Override]) -> None:
    for override in overrides:
        if override.is_sweep_override():
            line = str(override.input_line).lstrip("+")
            raise UserError(f"{line} names several values: add -m to run them all as a sweep.")


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [str(override.input_line) for override in overrides]
