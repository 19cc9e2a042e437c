"""The test images of a page: some of each data set, the same for all of its runs.

Shapes: N images whose codes are shown, C, H, W of an image.
"""

import hashlib
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.data.batches import MemmapTensors
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.explorer.arrays import INT32, UINT8, Arrays


class ShownImages(NamedTuple):
    """Test images whose codes are shown, uint8 (N, C, H, W), and their places in the test set.

    The page holds the pixels of the first `num_images`. `set_index` is the place of their set.
    `given` are the labels (N,) of the images, for a conditional model.
    """

    images: Tensor
    rows: Tensor
    num_images: int
    set_index: int
    given: Tensor | None = None


class ImageSets:
    """The sets of images of a page; runs that were tested on the same images share one."""

    def __init__(self, arrays: Arrays, settings: Mapping[str, Any]) -> None:
        """Takes the arrays of the page and the settings of conf/explorer."""
        self._arrays, self._settings = arrays, settings
        self._indices: dict[str, int] = {}
        self.descriptions: list[dict[str, Any]] = []

    def add(self, data: ImageDataModule) -> ShownImages:
        """Adds the test images of a run, as they were tested, unless they are there."""
        rows, images, count = _shown(data.test_images, self._settings)
        labels = None if data.test_labels is None else data.test_labels[rows]
        names = data.label_names or ()
        digest = hashlib.blake2b(images.numpy().tobytes())
        digest.update(repr((data.image_shape, data.binarize, names)).encode())
        digest.update(b"" if labels is None else labels.numpy().tobytes())
        index = self._indices.setdefault(digest.hexdigest(), len(self.descriptions))
        if index == len(self.descriptions):
            self.descriptions.append(self._description(data, images[:count], labels, rows))
        return ShownImages(images, rows, count, index)

    def _description(
        self, data: ImageDataModule, images: Tensor, labels: Tensor | None, rows: Tensor
    ) -> dict[str, Any]:
        names = dict(enumerate(data.label_names or ()))
        known = [] if labels is None else sorted(set(labels.tolist()))
        return {
            "shape": list(data.image_shape),
            "pixels": self._arrays.add(images.numpy(), UINT8),
            "labels": None if labels is None else self._arrays.add(labels.numpy(), INT32),
            "names": {str(label): names[label] for label in known if label in names} or None,
            "rows": self._arrays.add(rows.numpy(), INT32),
            "binarize": data.binarize,
            "background": _background(images),
        }


def _shown(
    images: Tensor | MemmapTensors, settings: Mapping[str, Any]
) -> tuple[Tensor, Tensor, int]:
    """Returns which images have a code in the page, (N,), these images, and of how many the pixels.

    Those with pixels come first; one at least. Both are spread over the whole set: images of a
    person's folders lie in the order of their labels. Digits are compressed to a quarter,
    photographs hardly at all: of them fewer have their pixels in the page.
    """
    rows = _evenly(len(images), settings["num_images"])
    coded = torch.as_tensor(images[rows])
    count = len(rows)
    while True:
        first = _evenly(len(rows), count)
        size = len(zlib.compress(coded[first].numpy().tobytes(), 9))
        if count <= 1 or size <= settings["pixel_bytes"]:
            break
        count = max(1, count * settings["pixel_bytes"] // size)
    is_first = torch.zeros(len(rows), dtype=torch.bool)
    is_first[first] = True
    order = torch.cat([first, (~is_first).nonzero().flatten()])
    return rows[order], coded[order], len(first)


def _evenly(size: int, count: int) -> Tensor:
    """Returns so many of the numbers below `size` in equal steps, or all; at least one."""
    return torch.linspace(0, size - 1, max(1, min(count, size))).round().long()


def _background(images: Tensor) -> float:
    """Returns the mean of the pixels at the border of images (N, C, H, W), in [0, 1]."""
    grey = images.float() / 255
    border = [grey[..., 0, :], grey[..., -1, :], grey[..., :, 0], grey[..., :, -1]]
    return torch.cat([part.flatten() for part in border]).mean().item()
