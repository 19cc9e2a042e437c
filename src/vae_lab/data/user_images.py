"""What a person's own images have in common, wherever they come from. No torch until they load.

Shapes: N images, C channels, H height, W width.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_lab.data.splits import check_split, check_test, count
from vae_lab.errors import UserError
from vae_lab.terminal import print_warning

if TYPE_CHECKING:
    from torch import Tensor

    from vae_lab.data.images import ImageArray, Images

# Pixels along a side that the networks and pictures are made for.
SMALLEST, LARGEST = 8, 64

Labels = tuple[np.ndarray, tuple[str, ...] | None]


def prepare(data: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Makes the images of a data configuration ready before its first run, and checks them.

    Returns:
        Their shape (N, C, H, W); None for a source that needs no preparation.

    Raises:
        UserError: for whatever is wrong with them.
    """
    arguments = dict(data["source"])
    module, _, name = str(arguments.pop("_target_")).rpartition(".")
    # A class of somebody else may import what it likes, when its run begins.
    if not module.startswith("vae_lab.data."):
        return None
    prepared = getattr(getattr(import_module(module), name, None), "prepare", None)
    if prepared is None:
        return None
    source = getattr(import_module(module), name)(**arguments)
    shape: tuple[int, ...] = source.prepare()
    check_split(data, shape[0])
    return shape


def check_shape(what: str, shape: Sequence[int]) -> None:
    """Checks that images (N, C, H, W) are some, grey or in colour, and of a size that suits."""
    num_images, channels, height, width = shape
    if num_images == 0:
        raise UserError(f"{what} is empty: 0 images.")
    if channels in (2, 4):
        raise UserError(
            f"{what} has {channels} channels, so one is alpha, which a model cannot learn: put the "
            f"images on a background and keep 1 channel (grey) or 3 (colour)."
        )
    if channels not in (1, 3):
        raise UserError(f"{what} has {channels} channels: 1 (grey) or 3 (colour) are possible.")
    if not (min(height, width) >= SMALLEST and max(height, width) <= LARGEST):
        raise UserError(
            f"the images of {what} are {height} x {width}: resize them to between {SMALLEST} x "
            f"{SMALLEST} and {LARGEST} x {LARGEST} pixels."
        )


def numbered(what: str, labels: np.ndarray) -> Labels | None:
    """Returns labels (N,) of any kind as 0, 1, ..., int64 (N,), and their names.

    None, with a warning, where all images bear one label: there is nothing to tell apart. The names
    are None where the labels were 0, 1, ... already.
    """
    values, numbers = np.unique(labels, return_inverse=True)
    if len(values) < 2:
        print_warning(
            f"all images of {what} have one label, '{values[0]}': they are taken as images "
            f"without labels."
        )
        return None
    plain = labels.dtype.kind in "iu" and np.array_equal(values, np.arange(len(values)))
    names = None if plain else tuple(str(value) for value in values)
    return numbers.reshape(-1).astype(np.int64), names


def split(
    images: "ImageArray", labels: Labels | None, num_test: float, fingerprint: str
) -> "Images":
    """Returns all images with a part of them, equally over the labels, as test images."""
    import torch

    from vae_lab.data.images import Images, part
    from vae_lab.data.splits import stratified

    total = len(images)
    check_test(num_test, total)
    of: Tensor | None = None if labels is None else torch.from_numpy(labels[0])
    # A seed of its own: every run is tested on the same images.
    test = stratified(of, total, count(num_test, total), torch.Generator().manual_seed(0))
    return Images(
        part(images, ~test),
        None if of is None else of[~test],
        part(images, test),
        None if of is None else of[test],
        None if labels is None else labels[1],
        fingerprint,
    )
