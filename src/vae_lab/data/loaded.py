"""What a source has loaded, a person's own too, in the form that the data module takes.

Shapes: N images, C channels, H height, W width. Images are uint8 (N, C, H, W).
"""

from typing import Any

import numpy as np

from vae_lab.data.images import Images, MemmapImages
from vae_lab.terminal import printable


def as_arrays(images: Images) -> Images:
    """Returns the images and labels as arrays that torch takes as they are.

    A user's source may hand out tensors, or arrays that cannot be written.
    """

    def array(values: Any) -> Any:
        if values is None or isinstance(values, MemmapImages):
            return values
        return np.require(values, requirements=("C", "W"))

    def labels(values: Any) -> Any:
        numbers = array(values)
        is_whole = numbers is not None and numbers.dtype.kind in "iu"
        return numbers.astype(np.int64, copy=False) if is_whole else numbers

    return images._replace(
        train_images=array(images.train_images),
        train_labels=labels(images.train_labels),
        test_images=array(images.test_images),
        test_labels=labels(images.test_labels),
    )


def as_line(text: object) -> str:
    """Returns text from outside as one line, in a table too."""
    return printable(str(text).replace("\n", "\\n").replace("\t", "\\t"))


def label_names(images: Images) -> tuple[str, ...] | None:
    """Returns what the labels 0, 1, ... are called, in one line each; None without labels."""
    if images.label_names is not None:
        return tuple(map(as_line, images.label_names))
    labels = images.train_labels
    return None if labels is None else tuple(map(str, range(int(labels.max()) + 1)))
