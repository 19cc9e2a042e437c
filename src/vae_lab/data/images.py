"""Images: what a data set hands out, in memory or as rows of a file that memory does not hold.

Shapes: N images, M rows of a file, C channels, H height, W width.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor


class ImageArray(Protocol):
    """uint8 images (N, C, H, W): a tensor, or rows of a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Tensor: ...

    def index_select(self, dim: Any, index: Tensor, /) -> Tensor: ...

    @property
    def shape(self) -> Any: ...


class MemmapImages:
    """Chosen rows of a memory-mapped array; what is asked for is read, and nothing else.

    An array and not a tensor: torch would warn that it cannot be written.
    """

    def __init__(self, array: np.ndarray, rows: Tensor) -> None:
        """Takes uint8 (M, C, H, W) and the rows that these images are, int64 (N,)."""
        self.array, self.rows = array, rows

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.array.shape[1:])

    def __getitem__(self, index: slice | Tensor, /) -> Tensor:
        """Reads the images of a slice, of places (B,) or of a mask (N,): (B, C, H, W)."""
        return torch.from_numpy(np.take(self.array, self.rows[index].numpy(), axis=0))

    def index_select(self, dim: int, index: Tensor, /) -> Tensor:
        """Reads the images of places (B,); `dim` is 0, as a tensor's would be."""
        return self[index]

    def part(self, mask: Tensor) -> "MemmapImages":
        """Returns the images of a mask (N,) without reading them."""
        return MemmapImages(self.array, self.rows[mask])


def part(images: ImageArray, mask: Tensor) -> ImageArray:
    """Returns the images of a mask, bool (N,): copied in memory, left on disk from a file."""
    return images.part(mask) if isinstance(images, MemmapImages) else images[mask]


class Images(NamedTuple):
    """Training images (validation not yet split off) and test images.

    Images are uint8 (N, C, H, W), labels int64 (N,), or None where a data set has no labels. Label
    k is called `label_names[k]`, or k where there are no names. A run does not go on with images of
    another `fingerprint`, if there is one.
    """

    train_images: ImageArray
    train_labels: Tensor | None
    test_images: ImageArray
    test_labels: Tensor | None
    label_names: tuple[str, ...] | None = None
    fingerprint: str | None = None


class Source(Protocol):
    """A data set."""

    def load(self) -> Images:
        """Returns all of its images."""
