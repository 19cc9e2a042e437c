"""How many images each split gets, which ones, and whether enough are left to train on.

Shapes: N images, L labels.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_lab.data.images import Images, MemmapImages, select
from vae_lab.errors import UserError

if TYPE_CHECKING:
    import torch


def num_images(setting: float, total: int) -> int:
    """Returns a number of images: a whole number as it is, a share such as 0.1 of the total."""
    return setting if isinstance(setting, int) else round(setting * total)


def check_split(data: Mapping[str, Any], total: int) -> None:
    """Raises UserError for the first of num_test, num_val and batch_size that `total` forbids."""
    check_test(data["num_test"], total)
    rest = total - num_images(data["num_test"], total)
    check_val(data["num_val"], rest)
    check_batch(data["batch_size"], rest - num_images(data["num_val"], rest))


def check_test(num_test: float, total: int) -> None:
    """Raises UserError where the test set would be empty or leave nothing."""
    if not 0 < num_images(num_test, total) < total:
        raise UserError(
            f"data.num_test={num_test} must be between 1 and {total - 1}, or a share of the "
            f"{total} images that is no less."
        )


def check_val(num_val: float, total: int) -> None:
    """Raises UserError where validation would take every image, or a share comes to none."""
    size = num_images(num_val, total)
    if not 0 <= size < total or (num_val and not size):
        raise UserError(
            f"data.num_val={num_val} must be between 0 and {total - 1}, or a share of 1 image or "
            f"more: training and validation share {total} images."
        )


def check_batch(batch_size: int, num_train: int) -> None:
    """Raises UserError where there are fewer training images than one batch has."""
    if num_train < batch_size:
        raise UserError(
            f"data.batch_size={batch_size} is more than the {num_train} training images: add "
            f"data.batch_size={num_train} or less, or more images."
        )


def stratified(
    labels: np.ndarray | None, total: int, size: int, generator: "torch.Generator"
) -> np.ndarray:
    """Returns a random subset in which each label has its share, as a bool mask (N,) of `size`.

    Shares are rounded by largest remainder: 500 of 4,500 with ten equal labels are 50 of each.
    """
    import torch

    groups = np.zeros(total, np.int64) if labels is None else labels
    # How many images of each label, (L,): the shares rounded down, then one more for those that
    # lost most by it, the smaller label first.
    counts = np.bincount(groups)
    share, remainder = counts * size // total, counts * size % total
    largest = np.argsort(-remainder, kind="stable")
    share[largest[: size - int(share.sum())]] += 1
    # Which ones: the first of a random order of the label's images.
    mask = np.zeros(total, bool)
    for label, number in enumerate(share):
        members = np.flatnonzero(groups == label)
        order = torch.randperm(len(members), generator=generator).numpy()
        mask[members[order[:number]]] = True
    return mask


def split_test(
    images: np.ndarray | MemmapImages,
    labels: np.ndarray | None,
    num_test: float,
    label_names: tuple[str, ...] | None = None,
    fingerprint: str | None = None,
) -> Images:
    """Returns all images, `num_test` of them, equally over the labels, as test images."""
    import torch

    total = len(images)
    check_test(num_test, total)
    # A fixed seed: every run is tested on the same images.
    generator = torch.Generator().manual_seed(0)
    test = stratified(labels, total, num_images(num_test, total), generator)
    parts = [
        (select(images, mask), None if labels is None else labels[mask]) for mask in (~test, test)
    ]
    return Images(*parts[0], *parts[1], label_names, fingerprint)
