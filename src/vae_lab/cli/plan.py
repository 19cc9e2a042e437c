"""From checked jobs to a plan: which folder for each job, before Hydra makes any.

Hydra opens a job's folder and log before our code runs, so names are settled here: no two different
jobs share a folder, and no run is written over.
"""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

from hydra.types import RunMode

from vae_lab.cli.command_lines import quoted
from vae_lab.cli.jobs import Jobs
from vae_lab.config.compose import TRIAL, Composer, key_of, pick
from vae_lab.config.identity import (
    NOT_IN_NAME,
    NOT_IN_SINGLE_RUN_NAME,
    config_hash,
    is_volatile,
    run_name,
)
from vae_lab.config.job import Job
from vae_lab.errors import UserError
from vae_lab.run_folder import RunFolder


class Plan(NamedTuple):
    """Where each job goes, and the command line for Hydra that makes it so."""

    overrides: list[str]
    root: Path
    folders: list[Path] | None  # None: to be looked for below `root` when the sweep ends


def plan(composer: Composer, jobs: Jobs) -> Plan:
    """Settles the name and folder of every job, and pins them on the command line for Hydra."""
    return _plan_sweep(jobs) if jobs.is_sweep else _plan_run(composer, jobs)


def _plan_run(composer: Composer, jobs: Jobs) -> Plan:
    (job,) = jobs.jobs
    quiet = [
        line for line in job.overrides if key_of(line).partition(".")[0] in NOT_IN_SINGLE_RUN_NAME
    ]
    lines = [*job.overrides, f"++run_name={_name(job, fixed=quiet)}"]
    # Of the same options: a copy with one value more, no second composition.
    job = composer.job(lines, RunMode.RUN)
    folder = _free(Path(job.hydra.run.dir), config_hash(job.values), taken=set())
    return Plan([*lines, f"hydra.run.dir={quoted(folder)}"], folder, [folder])


def _plan_sweep(jobs: Jobs) -> Plan:
    root = Path(jobs.jobs[0].hydra.sweep.dir)
    _check_length(root)
    pinned = [*jobs.overrides, f"hydra.sweep.dir={quoted(root)}"]
    if any(key_of(line) == "hydra.sweep.subdir" for line in jobs.overrides):
        return Plan(pinned, root, None)
    if not jobs.is_complete:
        return Plan([*pinned, f"++run_name={quoted(TRIAL)}"], root, None)
    names: dict[str, None] = {}
    for job in jobs.jobs:
        folder = root / _name(job, fixed=jobs.overrides)
        names[_free(folder, config_hash(job.values), taken=names).name] = None
    # Each job picks its own name by its number.
    pinned.append(f"++run_name={quoted(pick(names))}")
    return Plan(pinned, root, [root / name for name in names])


def _free(folder: Path, hash_: str, taken: Container[str]) -> Path:
    """Returns the folder, or the next with a number behind it that nothing else uses.

    A run of the same configuration is not in the way: the job goes on with it, or finds it finished
    and has nothing to do.
    """
    _check_length(folder)
    candidate, number = folder, 1
    while candidate.name in taken or (
        (run := RunFolder(candidate)).exists and not run.has_hash(hash_)
    ):
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


# The files of a run have paths this much longer than its folder's at most, hidden parts included.
_LONGEST_INSIDE = 80


def _check_length(folder: Path) -> None:
    path, name = (
        str(folder.absolute()),
        max(folder.parts, key=lambda part: len(part.encode()), default=""),
    )
    # Linux: 4,096 bytes a path and 255 a name; no system that is used here allows more.
    if len(path.encode()) + _LONGEST_INSIDE > 4096:
        reason = f"its path has {len(path)} characters"
    elif len(name.encode()) > 255:
        reason = f"a name in it has {len(name)} characters"
    else:
        return
    raise UserError(
        f"the output folder {str(folder)[:200]}... cannot be made ({reason}): choose a shorter one "
        f"with hydra.run.dir=FOLDER or run_name=NAME, or for a sweep with hydra.sweep.dir=FOLDER "
        f"or sweep_name=NAME."
    )


def _name(job: Job, fixed: Sequence[str]) -> str:
    """Returns a job's name: the user's, or a name made of what differs between the jobs."""
    if given := job.values["run_name"]:
        return str(given)
    others = {
        key: line.partition("=")[2]
        for line in job.overrides
        if not ((key := key_of(line)) in NOT_IN_NAME or is_volatile(key) or key.startswith("hydra"))
        and line not in fixed
    }
    experiment = job.composition.all_choices.get("experiment")
    name = run_name(job.choices, job.values["latent_dim"], others)
    return f"{experiment}-{name}" if experiment else name
