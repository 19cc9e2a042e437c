"""Images: what a data set hands out, in memory or as rows of a file that memory does not hold.

No torch: a source returns numpy arrays, and the data module makes tensors of them.
Shapes: N images, M rows of a file, B rows that are asked for, C channels, H height, W width.
"""

import hashlib
from typing import Any, NamedTuple, Protocol

import numpy as np

# Images that are read at once to tell which they are.
_CHUNK = 1000


class ImageArray(Protocol):
    """uint8 images (N, C, H, W), read by rows: as arrays from a source, as tensors for a model."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...

    @property
    def shape(self) -> Any: ...


class MemmapImages:
    """Chosen rows of a memory-mapped array; the rows that are asked for are read, and no others."""

    def __init__(self, array: np.ndarray, rows: np.ndarray) -> None:
        """Takes uint8 (M, C, H, W) and the rows that these images are, int64 (N,)."""
        self.array, self.rows = array, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.array.shape[1:])

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray:
        """Reads the images of a slice, of indices (B,) or of a mask (N,): (B, C, H, W)."""
        return np.take(self.array, self.rows[rows], axis=0)


def select(images: np.ndarray | MemmapImages, mask: np.ndarray) -> np.ndarray | MemmapImages:
    """Returns the images of a mask, bool (N,): copied in memory, left on disk from a file."""
    if isinstance(images, MemmapImages):
        return MemmapImages(images.array, images.rows[mask])
    return images[mask]


class Factors(NamedTuple):
    """The known factors of images: F numbers that an image was drawn from.

    Column f of `train` (N, F) and `test` (M, F), int64, is the factor `names[f]`. Its value k is
    called `values[f][k]`, in an order that has a meaning, except for kinds such as a shape.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    train: np.ndarray
    test: np.ndarray


class Images(NamedTuple):
    """Training images (validation not yet split off) and test images.

    Images are uint8 (N, C, H, W), arrays or `MemmapImages`; labels are int64 (N,), or None if a
    data set has no labels. Label k is called `label_names[k]`, or k if there are no names.
    A `fingerprint` identifies the pixels, if the source knows it: else all of them are read. A data
    set with a validation split of its own says in `val`, bool (N,), which training images it has.
    `warnings` says what looks wrong with the images; if it is None, nobody has looked yet.
    `factors` are what the images were drawn from, if that is known.
    """

    train_images: ImageArray
    train_labels: np.ndarray | None
    test_images: ImageArray
    test_labels: np.ndarray | None
    label_names: tuple[str, ...] | None = None
    fingerprint: str | None = None
    val: np.ndarray | None = None
    warnings: tuple[str, ...] | None = None
    factors: Factors | None = None


def identity(images: Images) -> str:
    """Returns 32 hex digits that identify pixels, labels, factors and names, in their order."""
    names = images.label_names and [*map(str, images.label_names)]
    digest = hashlib.blake2b(repr((images.fingerprint, names)).encode(), digest_size=16)
    for split in (images.train_images, images.test_images):
        digest.update(repr(tuple(split.shape)).encode())
        if images.fingerprint is None:
            for start in range(0, len(split), _CHUNK):
                digest.update(np.asarray(split[start : start + _CHUNK]).tobytes())
    for values in (images.train_labels, images.test_labels, images.val):
        digest.update(b"-" if values is None else np.asarray(values, "<i8").tobytes())
    if images.factors is not None:
        digest.update(repr(images.factors[:2]).encode())
        for values in images.factors[2:]:
            digest.update(np.asarray(values, "<i8").tobytes())
    return digest.hexdigest()


class Source(Protocol):
    """A data set."""

    def load(self) -> Images:
        """Returns all of its images; UserError if they are missing or cannot be used."""
