"""What a person's own images have in common, wherever they come from: how they are checked.

Shapes: N images, C channels, H height, W width.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_lab.config.compose import own_data_root
from vae_lab.config.instantiate import instantiate
from vae_lab.data.images import Images, MemmapImages
from vae_lab.data.pixels import PixelStatistics, check_pixels
from vae_lab.data.splits import split_test
from vae_lab.errors import UserError

# Pixels along a side that the networks and pictures are made for.
SMALLEST, LARGEST = 8, 64

# Names that a message lists.
_NAMED = 10

# Characters of a label and of all different ones: those of longer ones no result.json can hold.
_LONGEST, _MOST_CHARACTERS = 1000, 1_000_000


class Labels(NamedTuple):
    """The label of each image, int64 (N,), and the names of 0, 1, ...; None if there are none."""

    codes: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()


class UserImages(NamedTuple):
    """A person's images as they are read: checked, and not yet split."""

    images: np.ndarray | MemmapImages  # uint8 (N, C, H, W)
    labels: Labels
    splits: np.ndarray | None  # of each image, (N,), if the data set has its own
    warnings: tuple[str, ...]
    fingerprint: str | None = None

    def split(self, num_test: float) -> Images:
        """Returns the images with `num_test` of them as test images, if there are no others."""
        codes, names, warnings = self.labels
        return split_test(
            *(self.images, codes, num_test, names, self.fingerprint, self.splits),
            (*warnings, *self.warnings),
        )


class Prepared(NamedTuple):
    """The shape (N, C, H, W) of a person's images, and what their own splits say of settings.

    N is 0 if nothing was read.
    """

    shape: tuple[int, ...]
    sizes: Mapping[str, int]  # num_test and num_val, of those that the data set has itself
    num_classes: int = 0  # of different labels; 0 without labels, and if all are the same


def prepare(data: Mapping[str, Any]) -> Prepared | None:
    """Makes the images of a data configuration ready before its first run, and checks them.

    Returns None for a source that needs no preparation.
    """
    # A class of somebody else may import what it likes, when its run begins.
    if not str(data["source"]["_target_"]).startswith("vae_lab.data."):
        return None
    source = instantiate(data["source"], trust=False, offered={"read_only": False})
    if not hasattr(source, "read"):
        # What is drawn is not read, but its settings are checked.
        return Prepared((0, *source.image_shape()), {}) if hasattr(source, "image_shape") else None
    made: UserImages = source.read()
    codes = made.labels.codes
    num_classes = 0 if codes is None else int(codes.max()) + 1
    sizes = _own_splits(str(data["path"]), made.splits)
    return Prepared(made.images.shape, sizes, num_classes)


def look_at(data: Mapping[str, Any]) -> Prepared | None:
    """As `prepare`, but nothing is written. The number of images may be missing: N is 0.

    Returns None for a source of somebody else.
    """
    if not str(data["source"]["_target_"]).startswith("vae_lab.data."):
        return None
    source = instantiate(data["source"], trust=False, offered={"read_only": True})
    if not hasattr(source, "image_shape"):
        return prepare(data)  # which only reads
    return Prepared((0, *source.image_shape()), {})


def _own_splits(path: str, splits: np.ndarray | None) -> dict[str, int]:
    """Returns the sizes of the splits that a data set has itself, and prints that they are used."""
    if splits is None:
        return {}
    counts = {split: int((splits == split).sum()) for split in ("train", "val", "test")}
    sizes = {f"num_{split}": counts[split] for split in ("val", "test") if counts[split]}
    print(
        f"vae-lab: {path} has splits of its own, which are used ("
        f"{', '.join(f'{count} {split}' for split, count in counts.items())} images): "
        f"{' and '.join(f'data.{key}' for key in sizes)} {'have' if len(sizes) > 1 else 'has'} no "
        f"effect.",
        file=sys.stderr,
        flush=True,
    )
    return sizes


def prepare_recorded(data: Mapping[str, Any], *, root: str | None, trust: bool) -> None:
    """Prepares the images of a run that was read, if its reader lets files be written there.

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
    """Returns labels (N,) of any kind as 0, 1, ..., and their names.

    Unlabelled, with a warning, if all images have one label: there is nothing to distinguish. The
    names are None if the labels were 0, 1, ... already.
    """
    values, codes = np.unique(labels, return_inverse=True)
    if len(values) < 2:
        return Labels(
            warnings=(
                f"all images of {what} have one label, '{values[0]}': they are taken as images "
                f"without labels.",
            )
        )
    names = [str(value) for value in values]
    if max(map(len, names)) > _LONGEST or sum(map(len, names)) > _MOST_CHARACTERS:
        raise UserError(
            f"the labels of {what} are {len(names)} texts of {sum(map(len, names))} characters, "
            f"the longest of {max(map(len, names))}: at most {_MOST_CHARACTERS} together and "
            f"{_LONGEST} of one can be kept. Shorten them, or leave the labels out."
        )
    plain = labels.dtype.kind in "iu" and np.array_equal(values, np.arange(len(values)))
    return Labels(codes.reshape(-1).astype(np.int64), None if plain else tuple(names))


def check_source(what: str, images: Images) -> tuple[str, ...]:
    """Returns in words what looks wrong with the images of a source that did not look itself.

    Raises:
        UserError: They are not images, or labels, as a run needs them.
    """
    pixels: dict[str, Any] = {"training": images.train_images, "test": images.test_images}
    labels = {"training": images.train_labels, "test": images.test_labels}
    # A published data set has its copies.
    statistics = PixelStatistics(digests=None)
    for split, of_split in pixels.items():
        name = f"the {split} images of {what}"
        kind, shape = of_split.dtype, tuple(of_split.shape)
        if kind != np.uint8 or len(shape) != 4 or shape[1:] != pixels["training"].shape[1:]:
            raise UserError(
                f"{name} are {kind} of shape {shape}: uint8 of shape (N, C, H, W) is needed, the "
                f"same C, H and W in both splits."
            )
        statistics.add_all(of_split)
        if (numbers := labels[split]) is None:
            continue
        most = len(images.label_names or ()) - 1
        bad = numbers.dtype.kind not in "iu" or numbers.shape != (shape[0],)
        if bad or numbers.min(initial=0) < 0 or numbers.max(initial=0) > most >= 0:
            raise UserError(
                f"the {split} labels of {what} are {numbers.dtype} of shape {numbers.shape}: one "
                f"whole number from 0 for each of {shape[0]} images is needed, below the number of "
                f"label_names."
            )
    return tuple(check_pixels(what, statistics))


def first_names(names: Sequence[str]) -> str:
    """Returns the first of some names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "nothing") + more
