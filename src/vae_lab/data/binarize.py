"""Binary targets from grey images: what the encoder sees, and what is scored.

Shapes: N images, C channels, H height, W width. Images are bytes, 0 and 255 where binary, so that
nothing behind the data has to know.
"""

import numpy as np
import torch
from torch import Tensor

from vae_lab.data.images import MemmapImages
from vae_lab.random_streams import stream

# data.binarize -> the targets, in the words of a protocol.
TARGETS = {
    "none": "grey values in [0, 1], not binarised",
    "static": "binary, drawn once with the grey values as means",
    "dynamic": "binary, drawn anew each training epoch with the grey values as means; "
    "evaluated on one fixed draw",
    "threshold": "binary, 1 where the grey value is at least 0.5",
}


def bernoulli(images: Tensor, generator: torch.Generator) -> Tensor:
    """Returns draws with the images as their means: bytes of 0 and 255, the same shape."""
    # 255 equally likely values, of which x lie below x: the chance of a 1 is exactly x / 255.
    level = torch.randint(
        0, 255, images.shape, generator=generator, dtype=torch.uint8, device=images.device
    )
    return (level < images).byte().mul_(255)


def binarized_once(
    images: np.ndarray | MemmapImages, kind: str, split: str
) -> np.ndarray | MemmapImages:
    """Returns what evaluation and pictures see of uint8 images (N, C, H, W), same shape.

    Binary images are made in memory, while grey ones may lie on disk. Validation is not yet split
    off the training images, so that the draw of an image depends on no split: `split` is train or
    test, and names the random stream. `kind` is `data.binarize`.
    """
    if kind == "none":
        return images
    grey = torch.from_numpy(images[:])
    if kind == "threshold":
        return (grey >= 128).byte().mul_(255).numpy()
    return bernoulli(grey, stream("binarize", split)).numpy()
