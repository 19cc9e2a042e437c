"""Which training images have a label, if only some of them have one.

Shapes: N images, M of them with a label, L labels.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.config.sizes import check_num_labelled
from vae_lab.data.batches import Batch, Batches, Labelled, MemmapTensors, Shard, scale
from vae_lab.data.binarize import bernoulli
from vae_lab.random_streams import stream


def balanced_rows(labels: Tensor, num_classes: int, labelled: int, seed: int) -> Tensor:
    """Returns rows of images that have a label, in order, int64 (M,), M = `labelled`.

    Each class has as many as the others; one more if M is not a multiple of L, in classes that
    chance takes. A class with fewer images than that gives all it has, and the others more.

    Args:
        labels: those of all training images, int64 (N,).
        num_classes: L.
        labelled: M.
        seed: `data.split_seed`. With the same one, the images of a smaller M are among those of a
            larger one.

    Raises:
        UserError: M is too small or too large.
    """
    check_num_labelled(labelled, num_classes, len(labels))
    generator = stream("labelled", seed)
    # A random order of all images, and the order in which classes get what is left over.
    order = torch.randperm(len(labels), generator=generator)
    turn = torch.randperm(num_classes, generator=generator)
    # The place of an image within its class, in that order: 0 for the first of each class, ...
    by_class = torch.zeros(len(labels), dtype=torch.long)
    for label in range(num_classes):
        members = labels[order] == label
        by_class[members] = torch.arange(int(members.sum()))
    # All first images of the classes, then all second ones, ...: the first M of them.
    rank = by_class * num_classes + turn[labels[order]]
    return order[rank.argsort()[:labelled]].sort().values


class KnownLabels(NamedTuple):
    """The training images that have a label: their rows, and the labels, both int64 (M,)."""

    rows: Tensor
    labels: Tensor

    @classmethod
    def balanced(cls, labels: Tensor, num_classes: int, labelled: int, seed: int) -> "KnownLabels":
        """Returns the images that `balanced_rows` chooses."""
        rows = balanced_rows(labels, num_classes, labelled, seed)
        return cls(rows, labels[rows])

    def given(self, count: int, *, with_known: bool) -> Tensor:
        """Returns labels of so many images, (N,): -1, but those of these images if they are in."""
        given = torch.full((count,), -1)
        if with_known:
            given[self.rows] = self.labels
        return given

    def facts(self) -> dict[str, Any]:
        """Returns which images and labels they are, as `result.json` says it."""
        both = torch.stack([self.rows, self.labels]).numpy().astype("<i8")
        fingerprint = hashlib.sha256(both.tobytes()).hexdigest()[:12]
        return {"images": len(self.rows), "fingerprint": fingerprint}


class WithLabelled:
    """Batches, and for each some of the images that have a label, for the classifier.

    All of them if a batch can hold them, else the next ones of a random order, of which each has
    its turn before one comes again. So their mean estimates that of all, without a bias, in every
    step: by chance a batch of 128 among 55,000 images holds a fifth of one of 100. Each of several
    processes has the same ones.
    """

    def __init__(
        self,
        batches: Batches | Shard,
        images: Tensor | MemmapTensors,
        known: KnownLabels,
        size: int,
        rng: Callable[[], torch.Generator],
        binarize_rng: Callable[[], torch.Generator] | None,
    ) -> None:
        """Takes all images (N, C, H, W), which of them have a label, and how many a batch holds.

        The generators begin each pass: of the order, and of images that are binarised in each.
        """
        self.batches, self.images, self.known = batches, images, known
        self.size, self.rng, self.binarize_rng = min(size, len(known.rows)), rng, binarize_rng

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        binarize_rng = self.binarize_rng() if self.binarize_rng else None
        for batch, turn in zip(self.batches, self._turns(), strict=False):
            device = self.images.device if isinstance(self.images, Tensor) else "cpu"
            images = self.images.index_select(0, self.known.rows[turn].to(device))
            drawn = bernoulli(images, binarize_rng) if binarize_rng else images
            labels = self.known.labels[turn].to(device)
            yield batch._replace(labelled=Labelled(scale(drawn), labels))

    def _turns(self) -> Iterator[Tensor]:
        """Yields without an end which of the images with a label each batch gets."""
        count, rng = len(self.known.rows), self.rng()
        waiting = torch.arange(count if self.size == count else 0)
        while True:
            if len(waiting) < self.size:
                waiting = torch.cat([waiting, torch.randperm(count, generator=rng)])
            yield waiting[: self.size]
            if self.size < count:
                waiting = waiting[self.size :]
