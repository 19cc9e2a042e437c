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

# Where Hydra writes a run's files: elsewhere they would replace those of somebody else.
_PLACES = ("hydra.output_subdir", "hydra.job_logging.handlers.file.filename")

# So many jobs take seconds to check, and somebody waits.
MANY = 100


class Jobs(NamedTuple):
    """The jobs of a command line."""

    jobs: list[Job]
    # What Hydra is given for all of them: of a complete sweep without the values that differ.
    overrides: list[str]
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
    overrides = composer.parse(line.overrides, sweep=line.is_sweep)
    swept = [override for override in overrides if override.is_sweep_override()]
    if line.is_sweep:
        jobs = _sweep(composer, overrides, now)
    elif swept:
        (first,) = _lines(swept[:1])
        raise UserError(
            f"{first.lstrip('+')} names several values: {line.interface.to_sweep} to run "
            f"them all as a sweep."
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
    fixed = [*decided, *common_lines, *stamp]
    lines = [*decided, *_lines(overrides), *stamp]
    if not common.composition.sweeper.endswith(BASIC_SWEEPER):
        job = composer.job(fixed, RunMode.MULTIRUN)
        _check_search(job)
        return Jobs([job], lines, is_sweep=True, is_complete=False)
    params: Mapping[str, Any] = common.hydra.sweeper.params or {}
    chosen = [f"{key}={value}" for key, value in params.items()]
    # Once: what is shuffled comes in another order the next time.
    expanded = split_sweep(composer.parse([*chosen, *lines], sweep=True))
    if not expanded:
        empty = ", ".join(str(each.input_line).lstrip("+") for each in overrides if _is_empty(each))
        raise UserError(f"the sweep is empty: {empty} names no value.")
    if len(expanded) > MANY:
        print(f"checking {len(expanded)} jobs before the first one starts", flush=True)
    jobs = [composer.job(each, RunMode.MULTIRUN) for each in expanded]
    return Jobs(jobs, fixed, is_sweep=True, is_complete=True)


def _is_empty(override: Override) -> bool:
    return override.is_discrete_sweep() and not [*override.sweep_string_iterator()]


def _check_search(job: Job) -> None:
    """Raises UserError for what makes no sense if a sweeper chooses the values as it goes."""
    for key in ("run_name", "hydra.sweep.subdir"):
        if key in {key_of(line) for line in job.overrides}:
            raise UserError(
                f"{key} cannot be chosen in a search: each trial is named by what it computes. "
                f"Leave {key} out; sweep_name names the search."
            )
    for key in ("n_trials", "n_jobs"):
        value = job.hydra.sweeper.get(key, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UserError(
                f"hydra.sweeper.{key}={value} is not allowed: give a whole number of at least 1."
            )
    if job.values["data"].get("num_val") == 0:
        raise UserError(
            "a search chooses by the validation bound, and data.num_val=0 leaves no images for it: "
            "leave data.num_val out."
        )


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
        _check_places(job)
        launchers.check_installed(job)
    hparams.check([(job.values, job.choices) for job in jobs])


def _check_places(job: Job) -> None:
    """Raises UserError where Hydra would write files of a run outside the run's own folder."""
    for override in job.parsed:
        key = override.key_or_group
        if key in _PLACES and (override.is_delete() or override.value() not in (None, ".hydra")):
            raise UserError(
                f"{key} cannot be changed: Hydra's files of a run belong into the run's folder. "
                f"Leave it out."
            )


def _lines(overrides: Sequence[Override]) -> list[str]:
    return [str(override.input_line) for override in overrides]
