"""Which images each split gets.

Shapes: N images, L labels.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vae_lab.config.sizes import check_test, num_images
from vae_lab.data.images import Images, MemmapImages, select
from vae_lab.errors import UserError

if TYPE_CHECKING:
    import torch


# What folders and arrays of a split are called, and the split.
SPLITS = {
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val"},
    **{"test": "test", "testing": "test"},
}


def stratified(
    labels: np.ndarray | None, total: int, size: int, generator: "torch.Generator"
) -> np.ndarray:
    """Returns a random subset in which each label has its share, as a bool mask (N,) of `size`.

    Shares are rounded by largest remainder: 500 of 4,500 with ten equal labels are 50 of each.
    Labels whose share is less than one image count as one label together.
    """
    import torch

    groups = np.zeros(total, np.int64) if labels is None else _strata(labels, size)
    # Which images: the first of a random order of the group's images.
    members = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    orders = [torch.randperm(len(rows), generator=generator).numpy() for rows in members]
    # How many of each group, (L,): the shares rounded down, then one more for those that lost most
    # by it. Of those that lost as much, chance takes some: else the first names would be preferred.
    counts = np.array([len(rows) for rows in members])
    share, remainder = counts * size // total, counts * size % total
    ties = torch.rand(len(counts), generator=generator).numpy()
    largest = np.lexsort((ties, -remainder))
    share[largest[: size - int(share.sum())]] += 1
    mask = np.zeros(total, bool)
    for rows, order, number in zip(members, orders, share, strict=True):
        mask[rows[order[:number]]] = True
    return mask


def _strata(labels: np.ndarray, size: int) -> np.ndarray:
    """Returns the group 0, 1, ... of each image, (N,): its label, or the last for small labels."""
    values, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    is_small = counts * size < len(labels)
    groups: np.ndarray = np.where(is_small[codes], len(values), codes)
    return np.unique(groups, return_inverse=True)[1]


def split_test(
    images: np.ndarray | MemmapImages,
    labels: np.ndarray | None,
    num_test: float,
    label_names: tuple[str, ...] | None = None,
    fingerprint: str | None = None,
    splits: np.ndarray | None = None,
    warnings: tuple[str, ...] | None = None,
) -> Images:
    """Returns all images, `num_test` of them, equally over the labels, as test images.

    `splits` is that of each image, (N,), if a data set has its own: then none is drawn.
    """
    import torch

    total = len(images)
    val, test = (np.zeros(total, bool) if splits is None else splits == s for s in ("val", "test"))
    if not test.any():
        rest = np.flatnonzero(~val)
        check_test(num_test, len(rest))
        size, kept = num_images(num_test, len(rest)), None if labels is None else labels[rest]
        # A fixed seed: every run is tested on the same images.
        generator = torch.Generator().manual_seed(0)
        test[rest[stratified(kept, len(rest), size, generator)]] = True
    parts = [
        (select(images, mask), None if labels is None else labels[mask]) for mask in (~test, test)
    ]
    own_val = val[~test] if val.any() else None
    return Images(*parts[0], *parts[1], label_names, fingerprint, own_val, warnings)


def absent_labels(labels: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Returns in words how many labels have no image in a split; `labels` are those of each."""
    present = {split: np.unique(values) for split, values in labels.items() if len(values)}
    every = np.unique(np.concatenate([*present.values()]))
    absent = {split: len(every) - len(values) for split, values in present.items()}
    if not any(absent.values()):
        return ()
    counts = [f"{number} have no {split} image" for split, number in absent.items() if number]
    return (
        f"of the {len(every)} labels, {' and '.join(counts)}. Either the data set's own splits "
        f"lack them, or they have too few images for a share of each split: then they are drawn "
        f"together, as one label.",
    )


def check_classes(train: np.ndarray | None, test: np.ndarray | None) -> None:
    """Raises UserError unless a model can be given the labels of all images."""
    if train is None or test is None:
        raise UserError(
            "condition=label needs the label of every image, and these have none: give labels "
            "(docs/how-to/own-images.md), or write condition=none."
        )
    classes = np.unique(train)
    if len(classes) < 2:
        raise UserError(
            f"condition=label needs images of two classes or more, and all training images have "
            f"the label {classes[0]}: write condition=none."
        )
    if new := np.setdiff1d(test, classes).tolist():
        raise UserError(
            f"condition=label needs training images of every class, and test images have labels "
            f"that no training image has ({', '.join(map(str, new[:5]))}): leave these images out, "
            f"or write condition=none."
        )
