"""From checked jobs to a plan: which folder for each job, before Hydra makes any.

Hydra opens a job's folder and log before our code runs, so names are settled here: no two different
jobs share a folder, and no run is written over.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import ListConfig, OmegaConf

from vae_lab.cli import launchers
from vae_lab.cli.command_lines import quoted
from vae_lab.cli.jobs import _asks_for_sweep, _expand, _expandable, _lines, _without_values
from vae_lab.config.compose import Composer, Job, key_of
from vae_lab.config.identity import config_hash, is_volatile, run_name
from vae_lab.config.resolve import resolved
from vae_lab.errors import UserError, why_too_long
from vae_lab.run_folder import RunFolder

# What a name says by itself, or need not say.
UNNAMED = ("model", "data", "latent_dim", "experiment")

# What the name of a single run need not say, where no other job differs in it.
UNNAMED_ALONE = ("callbacks", "logger", "threads")


class Plan(NamedTuple):
    """Where each job goes, and the command line for Hydra that makes it so."""

    overrides: list[str]
    is_sweep: bool
    root: Path
    folders: list[Path]


def plan(composer: Composer, arguments: argparse.Namespace) -> Plan:
    """Settles the name and folder of every job, and pins them on the command line for Hydra."""
    overrides = composer.parse(arguments.overrides)
    is_sweep = bool(arguments.multirun) or _asks_for_sweep(overrides)
    stamped = _lines(overrides)
    if is_sweep and not any(key_of(line) == "sweep_name" for line in stamped):
        stamped.append(f"++sweep_name={datetime.now():%Y-%m-%d_%H-%M-%S}")
    if not is_sweep:
        return _plan_run(composer, stamped)
    # The person's own come later and win.
    lines = [*launchers.parallel_overrides(_without_values(composer, overrides).config), *stamped]
    return _plan_sweep(composer, composer.parse(lines))


def _plan_run(composer: Composer, lines: list[str]) -> Plan:
    quiet = [line for line in lines if key_of(line).partition(".")[0] in UNNAMED_ALONE]
    name = _name(composer.job(lines, RunMode.RUN), fixed=quiet)
    lines = [*lines, f"++run_name={name}"]
    job = composer.job(lines, RunMode.RUN)
    folder = _free(Path(job.config.hydra.run.dir), config_hash(resolved(job.config)), taken=set())
    return Plan([*lines, f"hydra.run.dir={quoted(folder)}"], False, folder, [folder])


def _plan_sweep(composer: Composer, overrides: Sequence[Override]) -> Plan:
    lines, expanded = _lines(overrides), _expand(composer, overrides)
    first = composer.job(expanded[0], RunMode.MULTIRUN).config
    root = Path(first.hydra.sweep.dir)
    _check_length(root)
    pinned = [*lines, f"hydra.sweep.dir={quoted(root)}"]
    if any(key_of(line) == "hydra.sweep.subdir" for line in lines):
        return Plan(pinned, True, root, [])
    if not _expandable(first):
        # Not its number, which begins anew when a search goes on.
        pinned.append("++run_name='${vae_lab.trial:${hydra:overrides.task}}'")
        return Plan(pinned, True, root, [])
    names: list[str] = []
    for job_lines in expanded:
        job = composer.job(job_lines, RunMode.MULTIRUN)
        folder = root / _name(job, fixed=lines)
        names.append(_free(folder, config_hash(resolved(job.config)), taken=set(names)).name)
    # Each job picks its own name by its number.
    picked = "${vae_lab.pick:${hydra:job.num},[" + ",".join(names) + "]}"
    pinned.append(f"++run_name='{picked}'")
    return Plan(pinned, True, root, [root / name for name in names])


def _free(folder: Path, hash_: str, taken: set[str]) -> Path:
    """Returns the folder, or the next with a number behind it that nothing else uses.

    A run of the same configuration is not in the way: the job goes on with it, or finds it finished
    and has nothing to do.
    """
    _check_length(folder)
    candidate, number = folder, 1
    while candidate.name in taken or _holds_another_run(candidate, hash_):
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def _holds_another_run(folder: Path, hash_: str) -> bool:
    run = RunFolder(folder)
    return run.exists and not run.has_hash(hash_)


def _check_length(folder: Path) -> None:
    if reason := why_too_long(folder):
        raise UserError(
            f"the output folder {str(folder)[:200]}... cannot be made ({reason}): choose a shorter "
            f"one with hydra.run.dir=FOLDER or run_name=NAME, or for a sweep with "
            f"hydra.sweep.dir=FOLDER or sweep_name=NAME."
        )


def _name(job: Job, fixed: Sequence[str]) -> str:
    """Returns a job's name: the person's own, or one made of what differs between the jobs."""
    given = resolved(job.config)["run_name"]
    if given:
        return str(given)
    others: dict[str, str] = {}
    for line in job.overrides:
        key = key_of(line)
        said = key in UNNAMED or is_volatile(key) or key.startswith("hydra")
        if line not in fixed and not said:
            others[key] = line.partition("=")[2]
    experiment = job.config.hydra.runtime.choices.get("experiment")
    name = run_name(job.choices, job.config.latent_dim, others)
    return f"{experiment}-{name}" if experiment else name


def _trial(overrides: ListConfig) -> str:
    """Returns the name of a job by what it computes: the same values find their own run again."""
    # Not resolved: one of them asks for this very name.
    lines = OmegaConf.to_container(overrides, resolve=False)
    assert isinstance(lines, list)
    said = sorted(line for line in lines if not is_volatile(key_of(line)))
    return f"trial-{hashlib.sha256(json.dumps(said).encode()).hexdigest()[:6]}"


OmegaConf.register_new_resolver("vae_lab.pick", lambda number, names: names[number], replace=True)

OmegaConf.register_new_resolver("vae_lab.trial", _trial, replace=True)
