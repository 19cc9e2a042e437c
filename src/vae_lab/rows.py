"""Images that may be more than memory holds: rows of a file, read when they are asked for.

Shapes: N images, M rows of a file, C channels, H height, W width.
"""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor


class Rows(Protocol):
    """uint8 images (N, C, H, W): a tensor, or rows of a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Tensor: ...

    def index_select(self, dim: Any, index: Tensor, /) -> Tensor: ...

    @property
    def shape(self) -> Any: ...


class Mapped:
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

    def part(self, mask: Tensor) -> "Mapped":
        """Returns the images of a mask (N,) without reading them."""
        return Mapped(self.array, self.rows[mask])


def part(images: Rows, mask: Tensor) -> Rows:
    """Returns the images of a mask, bool (N,): copied in memory, left on disk from a file."""
    return images.part(mask) if isinstance(images, Mapped) else images[mask]
