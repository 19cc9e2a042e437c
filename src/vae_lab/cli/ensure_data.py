"""Which data the jobs of a command line get: what they ask for, or the fallback for all of them.

Decided once, before the first job: a sweep never trains half of its jobs on another data set.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_lab.cli.jobs import jobs_of
from vae_lab.config.check import check_halvings
from vae_lab.config.compose import Composer, Job, key_of
from vae_lab.config.resolve import resolved
from vae_lab.data import download, user_images
from vae_lab.errors import UserError
from vae_lab.terminal import print_warning


def with_data(composer: Composer, jobs: Sequence[Job], arguments: argparse.Namespace) -> list[str]:
    """Makes sure that every job's files are there, and returns the overrides to go on with.

    Where they cannot be fetched and `data.fallback` names another option, all jobs take that one
    instead, with a warning: what follows is an ordinary run of the other data set.

    Raises:
        UserError: where the files cannot be used, or cannot be fetched and there is no fallback.
    """
    needs: dict[str, dict[str, Any]] = {}
    for job in jobs:
        data = resolved(job.config)["data"]
        needs[repr([data.get(key) for key in ("root", "folder", "files")])] = data
    _prepare_own([resolved(job.config) for job in jobs])
    for data in needs.values():
        if not data.get("files"):
            continue
        _check_readable(Path(data["root"]))
        try:
            download.ensure(
                *(data[key] for key in ("root", "folder", "files", "mirrors", "timeout"))
            )
        except download.DataUnavailable as error:
            if not data.get("fallback"):
                raise
            if len({job.choices["data"] for job in jobs}) > 1:
                raise UserError(
                    f"{error} (No fallback: this sweep names several data sets.)"
                ) from error
            return _fall_back(composer, arguments, data, error)
    return list(arguments.overrides)


def _prepare_own(configs: Sequence[dict[str, Any]]) -> None:
    """Makes every job's own images ready, each set once, and checks that its networks suit them."""
    shapes: dict[str, tuple[int, ...] | None] = {}
    for config in configs:
        if config["data"].get("path") is None:
            continue
        key = repr([config["data"].get(name) for name in ("source", "num_val", "batch_size")])
        if key not in shapes:
            shapes[key] = user_images.prepare(config["data"])
        if shape := shapes[key]:
            check_halvings(shape[1:], config["model"].get("channels"))


def _fall_back(
    composer: Composer, arguments: argparse.Namespace, data: dict[str, Any], error: Exception
) -> list[str]:
    """Returns the overrides with the other data set, checked with it, and warns."""
    overrides = [line for line in arguments.overrides if key_of(line) != "data"]
    overrides.append(f"data={data['fallback']}")
    jobs_of(composer, argparse.Namespace(**{**vars(arguments), "overrides": overrides}))
    print_warning(
        f"data={data['name']} is not to be had: {error} GOING ON WITH data={data['fallback']} FOR "
        f"EVERY JOB. These runs say so in their names and results; their numbers do not compare "
        f"with those of data={data['name']}."
    )
    return overrides


def _check_readable(root: Path) -> None:
    """Raises UserError where data.root is there, but is no folder that can be read."""
    try:
        if root.exists():
            next(root.iterdir(), None)
    except OSError as error:
        raise UserError(
            f"data.root={root} is no folder that can be read: name one with data.root=FOLDER or "
            f"VAE_LAB_DATA=FOLDER, or use data=mnist_5k."
        ) from error
