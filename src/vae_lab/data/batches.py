"""The batches of one pass over a split, and the part of each that one of several processes has.

Shapes: B images of a batch, N images of a split, C channels, H height, W width, R processes.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from vae_lab.data.binarize import bernoulli
from vae_lab.data.images import MemmapImages


class MemmapTensors:
    """Images that stay in a file (N, C, H, W): the rows that are asked for are read, as tensors."""

    def __init__(self, images: MemmapImages) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.images.shape

    def __getitem__(self, rows: slice | Tensor, /) -> Tensor:
        """Reads the images of a slice, of indices (B,) or of a mask (N,): (B, C, H, W)."""
        return torch.from_numpy(self.images[rows if isinstance(rows, slice) else rows.numpy()])

    def index_select(self, dim: int, index: Tensor, /) -> Tensor:
        """Reads the images of indices (B,); `dim` is 0, as a tensor's would be."""
        return self[index]


class Labelled(NamedTuple):
    """Images with a label: float32 in [0, 1], (M, C, H, W), and the labels, int64 (M,)."""

    images: Tensor
    labels: Tensor


class Batch(NamedTuple):
    """Images, float32 in [0, 1], (B, C, H, W), and their rows in their split, int64 (B,)."""

    images: Tensor
    index: Tensor  # type: ignore[assignment]  # it hides tuple.index, which has no use here
    labels: Tensor | None = None  # int64 (B,), if the model is given them; -1: unknown
    labelled: Labelled | None = None  # for a classifier: see `WithLabelled`


class Batches:
    """The batches of one pass over a split; each `iter` asks for the order again.

    One indexing operation per batch: a DataLoader that collects image by image takes a hundred
    times as long. Bytes are held, since scaling them batch by batch takes no longer than reading
    four times the memory (both 0.05 to 0.08 ms for 128 images).
    """

    def __init__(
        self,
        images: Tensor | MemmapTensors,
        batch_size: int,
        order: Callable[[], Tensor],
        binarize_rng: Callable[[], torch.Generator] | None,
        *,
        passes: int = 1,
        labels: Tensor | None = None,
    ) -> None:
        """Takes, beside images and order, the generator of each pass to binarise with, if any.

        `passes` is how often the order is gone through, `labels` (N,) what the model is given.
        """
        self.labels = labels
        self.images, self.batch_size, self.passes = images, batch_size, passes
        self.order, self.binarize_rng = order, binarize_rng

    @property
    def num_images(self) -> int:
        """The images of all batches together."""
        return self.passes * len(self.images)

    def __len__(self) -> int:
        return -(-self.num_images // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        order = self.order().repeat(self.passes)
        if isinstance(self.images, Tensor):
            order = order.to(self.images.device)
        rng = self.binarize_rng() if self.binarize_rng else None
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            # index_select takes half the time of images[index].
            images = self.images.index_select(0, index)
            labels = None if self.labels is None else self.labels[index]
            yield Batch(scale(bernoulli(images, rng) if rng else images), index, labels)


def different_rows(images: Tensor | MemmapTensors, count: int) -> Tensor:
    """Returns so many rows of different images, at about equal distances, int64 (count,).

    One of a part in which all images are copies of those before is a copy too.
    """
    edges = [number * len(images) // count for number in range(count + 1)]
    rows: list[int] = []
    chosen: list[Tensor] = []
    for first, end in pairwise(edges):
        parts = ((row, images[row : row + 1]) for row in range(first, end))
        new = ((row, it) for row, it in parts if not any(torch.equal(it, at) for at in chosen))
        row, image = next(new, (first, images[first : first + 1]))
        rows.append(row)
        chosen.append(image)
    return torch.tensor(rows)


def scale(images: Tensor) -> Tensor:
    """Returns uint8 images as float32 in [0, 1], the same shape."""
    return images.float().div_(255)


class Shard:
    """The part of every batch that one of R processes has: every R-th image of it.

    Together the processes have the very batches of a single one. In training each needs equally
    many, for gradients are averaged over processes: a last batch gives up to R - 1 images up.
    """

    def __init__(self, batches: Batches, *, rank: int, processes: int, equal: bool) -> None:
        self.batches, self.rank, self.processes, self.equal = batches, rank, processes, equal

    def __len__(self) -> int:
        last = (self.batches.num_images - 1) % self.batches.batch_size + 1
        return len(self.batches) - (self.equal and last < self.processes)

    def __iter__(self) -> Iterator[Batch]:
        for images, index, labels, _ in self.batches:
            end = len(index) - len(index) % self.processes if self.equal else len(index)
            rows = slice(self.rank, end, self.processes)
            if len(index[rows]):
                given = None if labels is None else labels[rows]
                yield Batch(images[rows], index[rows], given)
