"""Pictures as bytes: between tensors, Pillow's arrays and PNG files.

Shapes: C channels, H and W pixels.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from vae_lab.callbacks.drawing.style import METADATA
from vae_lab.files import QUICK_PNG, atomic


def to_image(pixels: Tensor) -> Image.Image:
    """Returns bytes (C, H, W) of 1 or 3 channels as Pillow's image, grey or in colour."""
    of_pillow = pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous()
    return Image.fromarray(of_pillow.numpy())


def from_array(array: np.ndarray) -> Tensor:
    """Returns the bytes (C, H, W) of Pillow's (H, W) or (H, W, 3)."""
    pixels = torch.from_numpy(array)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()


def enlarged(pixels: Tensor, factor: int) -> Tensor:
    """Shows each pixel of (C, H, W) as factor x factor pixels."""
    return pixels.repeat_interleave(factor, 1).repeat_interleave(factor, 2)


def to_png(image: Image.Image, path: Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Writes an image as a PNG file, with what it shows as its text."""
    text = PngInfo()
    if metadata is not None:
        text.add_text(METADATA, json.dumps(metadata))
    with atomic(path) as partial:
        image.save(partial, pnginfo=text, **QUICK_PNG)
