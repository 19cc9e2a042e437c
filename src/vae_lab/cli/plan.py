"""From checked jobs to a plan: which folder for each job, before Hydra makes any.

Hydra opens a job's folder and log before our code runs, so names are settled here: no two different
jobs share a folder, and no run is written over.
"""

import os
import re
import time
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from vae_lab.cli.jobs import Jobs
from vae_lab.cli.sweep_time import SweepTime, Work
from vae_lab.config.compose import TRIAL, Composer, key_of
from vae_lab.config.identity import (
    NOT_IN_NAME,
    NOT_IN_SINGLE_RUN_NAME,
    RECIPES,
    config_hash,
    is_volatile,
    run_name,
)
from vae_lab.config.job import Job
from vae_lab.config.overrides import quoted
from vae_lab.config.rules import stays_inside
from vae_lab.errors import UserError, first_line
from vae_lab.progress_files import PlannedJob, SweepPlan
from vae_lab.run_folder import RunFolder, runs_in


class PlannedRun(NamedTuple):
    """A job of a sweep, its folder, and its overrides with the names in them."""

    job: Job
    folder: Path
    overrides: list[str]


class Plan(NamedTuple):
    """Where each job goes, and the overrides for Hydra that make it so."""

    overrides: list[str]
    root: Path
    # The jobs of a sweep. None: a sweeper chooses them as it goes, to be looked for below `root`.
    runs: list[PlannedRun] | None = None


def plan(composer: Composer, jobs: Jobs) -> Plan:
    """Settles the name and folder of every job; UserError if two would share one."""
    return _plan_sweep(composer, jobs) if jobs.is_sweep else _plan_run(composer, jobs)


def time_of(runs: Sequence[PlannedRun]) -> SweepTime:
    """Returns the time of a sweep whose runs are done one after the other."""
    work = [
        Work.of(
            run.job.choices,
            run.job.values["trainer"]["max_epochs"],
            is_finished=RunFolder(run.folder).is_finished,
        )
        for run in runs
    ]
    return SweepTime(work)


def sweep_plan(planned: Plan, num_trials: int | None) -> SweepPlan:
    """Returns what a sweep tells other processes of its jobs; of a search, how many trials."""
    jobs = [
        PlannedJob(
            str(run.folder.relative_to(planned.root)),
            run.job.values["trainer"]["max_epochs"],
            run.job.choices,
        )
        for run in planned.runs or ()
    ]
    return SweepPlan(jobs, num_trials if planned.runs is None else len(jobs), time.time())


def _plan_run(composer: Composer, jobs: Jobs) -> Plan:
    (job,) = jobs.jobs
    quiet = [
        line for line in job.overrides if key_of(line).partition(".")[0] in NOT_IN_SINGLE_RUN_NAME
    ]
    lines = [*job.overrides, f"++run_name={quoted(_name(job, fixed=quiet))}"]
    # Of the same options: a copy with one value more, no second composition.
    job = composer.job(lines, RunMode.RUN)
    folder = _free(Path(job.hydra.run.dir).expanduser(), config_hash(job.values), taken={})
    return Plan([*lines, f"hydra.run.dir={quoted(folder)}"], folder)


def _plan_sweep(composer: Composer, jobs: Jobs) -> Plan:
    root = Path(jobs.jobs[0].hydra.sweep.dir).expanduser()
    check_place(root)
    pinned = [*jobs.overrides, f"hydra.sweep.dir={quoted(root)}"]
    if not jobs.is_complete:
        return Plan([*pinned, f"++run_name={quoted(TRIAL)}"], root)
    same = set.intersection(*(set(job.overrides) for job in jobs.jobs))
    earlier = _runs_by_hash(root)
    hashes: dict[Path, str] = {}
    runs: dict[Path, PlannedRun] = {}
    for number, job in enumerate(jobs.jobs):
        hash_, name = config_hash(job.values), _name(job, fixed=same)
        lines = [*job.overrides, f"++run_name={quoted(name)}"]
        if (subdir := _subdir(composer, lines, number)) is not None:
            folder = root / subdir
            _check_own(folder, hash_, hashes.get(folder))
        else:
            mine = (path for path in earlier.get(hash_, []) if _may_be_called(path, job))
            folder = next(mine, None) or _free(root / name, hash_, hashes)
            lines[-1] = f"++run_name={quoted(folder.name)}"
        lines.append(f"hydra.sweep.subdir={quoted(folder.relative_to(root))}")
        # A second job of the same configuration is the same run.
        hashes[folder] = hash_
        runs.setdefault(folder, PlannedRun(job, folder, lines))
    return Plan(pinned, root, [*runs.values()])


def _runs_by_hash(root: Path) -> dict[str, list[Path]]:
    runs: dict[str, list[Path]] = {}
    for run in runs_in(root):
        if run.result is not None:
            runs.setdefault(run.result.config_hash, []).append(run.path)
    return runs


def _may_be_called(folder: Path, job: Job) -> bool:
    """Tells whether a run of the job's configuration has a name that the user lets it have."""
    given = job.values["run_name"]
    return given is None or re.fullmatch(rf"{re.escape(given)}(-\d+)?", folder.name) is not None


def _subdir(composer: Composer, lines: Sequence[str], number: int) -> str | None:
    """Returns the folder below the sweep's that the user names for a job, None if there is none."""
    given = [line for line in lines if key_of(line) == "hydra.sweep.subdir"]
    if not given:
        return None
    context = HydraConfig.instance()
    before = context.cfg
    try:
        hydra = composer.job(lines, RunMode.MULTIRUN).hydra
        with open_dict(hydra):
            hydra.job.num = number
        whole = hydra._get_root()
        assert isinstance(whole, DictConfig)
        context.set_config(whole)  # where ${hydra:job.num} is looked up
        subdir = str(hydra.sweep.subdir)
    except OmegaConfBaseException as error:
        raise UserError(
            f"{given[-1]} cannot be known before the start ({first_line(error)}): use "
            "${hydra.job.num}, or leave it out."
        ) from error
    finally:
        context.cfg = before
    if not stays_inside(subdir):
        raise UserError(f"{given[-1]} is not a folder below the sweep's: name one, such as a/b.")
    return subdir


def _check_own(folder: Path, hash_: str, planned: str | None) -> None:
    """Raises UserError if a folder that the user names for a job is another run's."""
    check_place(folder)
    if planned not in (None, hash_):
        raise UserError(
            f"hydra.sweep.subdir puts different jobs into one folder, {folder}: leave it out, or "
            "add ${hydra.job.num}."
        )
    if (run := RunFolder(folder)).exists and not run.has_hash(hash_):
        raise _holds_another(folder)


def _holds_another(folder: Path) -> UserError:
    return UserError(f"{folder} holds a run of another configuration: choose another folder.")


def _free(folder: Path, hash_: str, taken: Mapping[Path, str]) -> Path:
    """Returns the folder, or the next with a number behind it that nothing else uses.

    A run of the same configuration is not in the way: the job resumes it, or finds it finished
    and has nothing to do. `taken` holds the hashes of the jobs that have a folder.

    Raises:
        UserError: if the folder has no name that a number could follow, and is in use.
    """
    check_place(folder)
    candidate, number = folder, 1
    while taken.get(candidate, hash_) != hash_ or (
        (run := RunFolder(candidate)).exists and not run.has_hash(hash_)
    ):
        if folder.name in ("", ".."):
            raise _holds_another(folder)
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


# The files of a run have paths this much longer than its folder's at most, hidden parts included.
_LONGEST_INSIDE = 80


def check_place(folder: Path) -> None:
    """Raises UserError for an output folder whose path cannot be one."""
    path = str(folder.absolute())
    longest = max((len(os.fsencode(part)) for part in folder.parts), default=0)
    # Linux: 4,096 bytes a path and 255 a name; no system that is used here allows more.
    if "${" in path:
        reason = "${ begins a variable there"
    elif len(os.fsencode(path)) + _LONGEST_INSIDE > 4096:
        reason = f"its path has {len(path)} characters"
    elif longest > 255:
        reason = f"a name in it has {longest} bytes"
    else:
        return
    shown = path if len(path) < 200 else f"{path[:200]}..."
    raise UserError(
        f"the output folder {shown} cannot be used ({reason}): choose another one with "
        f"hydra.run.dir=FOLDER or run_name=NAME, or for a sweep with hydra.sweep.dir=FOLDER or "
        f"sweep_name=NAME."
    )


def _name(job: Job, fixed: Container[str]) -> str:
    """Returns a job's name: the user's, or a name made of what differs between the jobs."""
    if given := job.values["run_name"]:
        return str(given)
    others = {
        key: _text(override)
        for line, override in zip(job.overrides, job.parsed, strict=True)
        if not ((key := key_of(line)) in NOT_IN_NAME or is_volatile(key) or key.startswith("hydra"))
        and line not in fixed
    }
    name = run_name(job.choices, job.values["latent_dim"], others)
    recipes = [str(recipe) for group in RECIPES if (recipe := _recipe(job, group, fixed))]
    return "-".join([*recipes, name])


def _recipe(job: Job, group: str, fixed: Container[str]) -> str | None:
    """Returns the option of a group of recipes, if it is not the same in all jobs."""
    in_common = any(key_of(line) == group and line in fixed for line in job.overrides)
    return None if in_common else job.composition.all_choices.get(group)


def _text(override: Override) -> str:
    """Returns the value of an override as a name shows it: numbers and texts as they are meant."""
    value = None if override.is_delete() else override.value()
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value) if plain else str(override.input_line).partition("=")[2]
