"""What a person's own images have in common, wherever they come from.

Shapes: N images, C channels, H height, W width.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae_lab.config.compose import own_data_root
from vae_lab.config.instantiate import instantiate
from vae_lab.errors import UserError
from vae_lab.terminal import print_warning

# Pixels along a side that the networks and pictures are made for.
SMALLEST, LARGEST = 8, 64

# The label of each image, int64 (N,), and what 0, 1, ... are called; None where there are none.
Labels = tuple[np.ndarray | None, tuple[str, ...] | None]

UNLABELLED: Labels = (None, None)


def prepare(data: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Makes the images of a data configuration ready before its first run, and checks them.

    Returns their shape (N, C, H, W); None for a source that needs no preparation.
    """
    # A class of somebody else may import what it likes, when its run begins.
    if not str(data["source"]["_target_"]).startswith("vae_lab.data."):
        return None
    source = instantiate(data["source"], trust=False, offered={"read_only": False})
    if not hasattr(source, "prepare"):
        return None
    shape: tuple[int, ...] = source.prepare()
    return shape


def prepare_recorded(data: Mapping[str, Any], *, root: str | None, trust: bool) -> None:
    """Makes the images of a run that was read ready, if its reader lets files be written there.

    `root` is the `data.root` that the reader gives, if any. The folder that a stranger's run names
    is only read, unless it is where the reader's own data are.
    """
    named = data["source"].get("root")
    if named is not None and (trust or root is not None or _same(named, own_data_root())):
        prepare(data)


def _same(path: Any, other: str) -> bool:
    return Path(str(path)).expanduser().absolute() == Path(other).expanduser().absolute()


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


def encode_labels(what: str, labels: np.ndarray) -> Labels:
    """Returns labels (N,) of any kind as 0, 1, ..., int64 (N,), and their names.

    Unlabelled, with a warning, where all images bear one label: there is nothing to tell apart. The
    names are None where the labels were 0, 1, ... already.
    """
    values, codes = np.unique(labels, return_inverse=True)
    if len(values) < 2:
        print_warning(
            f"all images of {what} have one label, '{values[0]}': they are taken as images "
            f"without labels."
        )
        return UNLABELLED
    plain = labels.dtype.kind in "iu" and np.array_equal(values, np.arange(len(values)))
    names = None if plain else tuple(str(value) for value in values)
    return codes.reshape(-1).astype(np.int64), names
