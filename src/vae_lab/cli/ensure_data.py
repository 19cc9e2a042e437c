"""Which data the jobs of a command line get: what they ask for, or the fallback for all of them.

Decided once, before the first job: a sweep never trains half of its jobs on another data set.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_lab.config.check import check_halvings
from vae_lab.config.identity import is_conditional
from vae_lab.config.job import Job
from vae_lab.config.sizes import check_sizes, check_test, num_images
from vae_lab.data import download, user_images
from vae_lab.errors import UserError
from vae_lab.terminal import print_warning


def ensure_data(jobs: Sequence[Job]) -> str | None:
    """Makes sure that the files of every job are there.

    Returns:
        None if they are. If they cannot be downloaded and `data.fallback` names another option:
        this option, with a warning. All jobs take it, as an ordinary run of that data set.

    Raises:
        UserError: if the files cannot be used, or cannot be downloaded and there is no fallback.
    """
    _prepare_user_images([job.values for job in jobs])
    for data in _published(jobs):
        _check_readable(Path(data["root"]))
        try:
            download.ensure(
                *(data[key] for key in ("root", "folder", "files", "mirrors", "timeout"))
            )
        except download.DataUnavailable as error:
            fallback = data.get("fallback")
            if not fallback:
                raise
            if len({job.choices["data"] for job in jobs}) > 1:
                raise UserError(
                    f"{error} (No fallback: this sweep names several data sets.)"
                ) from error
            _tell_fallback(data, error)
            return str(fallback)
    return None


def image_shapes(jobs: Sequence[Job]) -> list[tuple[int, ...] | None]:
    """Returns the shape (C, H, W) of the images of each job, None if only loading them tells.

    Nothing is written and nothing is downloaded.

    Raises:
        UserError: if a person's own images cannot be used.
    """
    own: dict[str, user_images.Prepared | None] = {}
    shapes: list[tuple[int, ...] | None] = []
    for config in (job.values for job in jobs):
        data, shape = config["data"], config["data"].get("image_shape")
        if data.get("path") is not None or shape is None:
            key = repr(data.get("source"))
            if key not in own:
                own[key] = user_images.look_at(data)
            made = own[key]
            shape = None if made is None else made.shape[1:]
            if made is not None and made.shape[0]:
                _check_sizes(config, made)
        if shape is not None:
            check_halvings(shape, config["model"].get("channels"))
        shapes.append(None if shape is None else tuple(shape))
    return shapes


def absent_data(jobs: Sequence[Job]) -> dict[str, Path]:
    """Returns the published data sets that are not on the disk, each with the folder for it."""
    absent = {}
    for data in _published(jobs):
        if not download.is_there(data["root"], data["folder"], data["files"]):
            absent[str(data["name"])] = Path(data["root"]) / data["folder"]
    return absent


def _published(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Returns the data of the jobs that have files to download, each set once."""
    configs = [job.values["data"] for job in jobs]
    sets = {repr([data.get(key) for key in ("root", "folder", "files")]): data for data in configs}
    return [data for data in sets.values() if data.get("files")]


def _tell_fallback(data: Mapping[str, Any], error: download.DataUnavailable) -> None:
    """Prints what happened, what is used instead, and how to change that."""
    name = str(data["name"]).upper()
    why = "; ".join(error.reasons) or "data.mirrors is empty"
    print_warning(f"{name} could not be downloaded ({why}).")
    print_warning(
        f"Every run uses data={data['fallback']} instead, and its name says so. Its numbers are "
        f"not comparable with those of {name}."
    )
    folder = Path(data["root"]) / data["folder"]
    print_warning(
        f"To use {name}, put its files into {folder}. To stop instead: data.fallback=null"
    )


def _prepare_user_images(configs: Sequence[dict[str, Any]]) -> None:
    """Prepares the user's images of every job, each set once, and checks that networks suit."""
    prepared: dict[str, user_images.Prepared | None] = {}
    for config in configs:
        if config["data"].get("path") is None and config["data"].get("image_shape"):
            continue
        key = repr(config["data"].get("source"))
        if key not in prepared:
            prepared[key] = user_images.prepare(config["data"])
        if made := prepared[key]:
            if made.shape[0]:
                _check_sizes(config, made)
            check_halvings(made.shape[1:], config["model"].get("channels"))


def _check_sizes(config: dict[str, Any], made: user_images.Prepared) -> None:
    """Raises UserError for the first setting that the number of images forbids."""
    if is_conditional(config) and not made.num_classes:
        raise UserError(
            f"condition=label needs images of two classes or more, and those of "
            f"data.path={config['data']['path']} have no labels, or one label only: give labels "
            f"(docs/how-to/own-images.md), or write condition=none."
        )
    # What a data set splits itself needs no setting.
    data, total = {**config["data"], **made.sizes}, made.shape[0]
    drawn_from = total if "num_test" in made.sizes else total - made.sizes.get("num_val", 0)
    try:
        check_test(data["num_test"], drawn_from)
    except UserError as error:
        if not 3 <= total <= data["batch_size"]:
            raise
        # More is wrong than this: one line corrects all of it.
        size = max(1, total // 10)
        raise UserError(
            f"{error} For example: data.num_test={size} data.num_val={size} "
            f"data.batch_size={total - 2 * size}."
        ) from error
    rest = total - num_images(data["num_test"], drawn_from)
    check_sizes({**config, "data": data}, rest, made.num_classes)


def _check_readable(root: Path) -> None:
    """Raises UserError if data.root exists, but is not a folder that can be read."""
    try:
        if root.exists():
            next(root.iterdir(), None)
    except OSError as error:
        raise UserError(
            f"data.root={root} is not a folder that can be read: name one with data.root=FOLDER or "
            f"VAE_LAB_DATA=FOLDER, or use data=mnist_5k."
        ) from error
