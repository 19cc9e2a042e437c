"""How many images each split gets, which ones, and whether enough are left to train on.

Shapes: N images.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vae_lab.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def count(wanted: float, total: int) -> int:
    """Returns a number of images: a whole number as it is, a share such as 0.1 of the total."""
    return wanted if isinstance(wanted, int) else round(wanted * total)


def check_split(data: Mapping[str, Any], num_images: int) -> None:
    """Checks that test, validation and training share a set's images.

    Args:
        data: a data configuration: `num_test`, `num_val`, `batch_size`.
        num_images: all that there are.

    Raises:
        UserError: for the first setting that cannot be.
    """
    num_test = count(data["num_test"], num_images)
    check_test(data["num_test"], num_images)
    rest = num_images - num_test
    check_val(data["num_val"], rest)
    check_batch(data["batch_size"], rest - count(data["num_val"], rest))


def check_test(wanted: float, total: int) -> None:
    """Raises UserError where the test set would be empty or leave nothing."""
    if not 0 < count(wanted, total) < total:
        raise UserError(
            f"data.num_test={wanted} must be between 1 and {total - 1}, or a share of the {total} "
            f"images that is no less."
        )


def check_val(wanted: float, total: int) -> None:
    """Raises UserError where validation would take every image, or a share comes to none."""
    size = count(wanted, total)
    if not 0 <= size < total or (wanted and not size):
        raise UserError(
            f"data.num_val={wanted} must be between 0 and {total - 1}, or a share of 1 image or "
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
    labels: "Tensor | None", num_images: int, size: int, generator: "torch.Generator"
) -> "Tensor":
    """Returns a random subset in which each label has its share, as a bool mask (N,) of `size`.

    Shares are rounded by largest remainder: 500 of 4,500 with ten equal labels are 50 of each.
    """
    import torch

    groups = torch.zeros(num_images, dtype=torch.long) if labels is None else labels
    counts = torch.bincount(groups)
    share, remainder = counts * size // num_images, counts * size % num_images
    largest = torch.argsort(remainder, descending=True, stable=True)
    share[largest[: size - int(share.sum())]] += 1
    mask = torch.zeros(num_images, dtype=torch.bool)
    for label, wanted in enumerate(share.tolist()):
        members = torch.nonzero(groups == label).squeeze(1)
        order = torch.randperm(len(members), generator=generator)
        mask[members[order[:wanted]]] = True
    return mask
