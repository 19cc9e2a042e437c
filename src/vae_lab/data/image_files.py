"""Image files: which there are in a folder, and one as an array of a wanted size.

Shapes: C channels, H height, W width.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)

# What Pillow calls pixels of two bytes a channel; it would keep the upper one and say nothing.
_SIXTEEN_BITS = re.compile(r"^(?!BGR)[A-Z]+;16")


class ImageFile(NamedTuple):
    """An image file: its path below the folder, with slashes, and what changes when it does."""

    name: str
    size: int  # bytes
    modified: int  # ns


def list_files(folder: Path) -> list[ImageFile]:
    """Returns every image file in a folder and its sub-folders, in the order of their names.

    Hidden files and folders are left out, and so is what is not named like an image.
    """
    return sorted(_walk(folder, ""))


def _walk(folder: Path, prefix: str) -> Iterator[ImageFile]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder / entry.name, f"{prefix}{entry.name}/")
            elif Path(entry.name).suffix.lower() in SUFFIXES:
                try:
                    stat = entry.stat()
                except OSError:
                    stat = entry.stat(follow_symlinks=False)  # a link to nowhere
                yield ImageFile(f"{prefix}{entry.name}", stat.st_size, stat.st_mtime_ns)


def read(path: Path, *, size: int, colour: bool) -> np.ndarray | str:
    """Returns a picture as uint8 (C, size, size), or in words why it cannot be used.

    The largest square around the middle is taken and resized.
    """
    try:
        with Image.open(path) as image:
            if _has_16_bits(image):
                return "16 bits a channel"
            # JPEG: a reduced size is decoded in a fraction of the time.
            image.draft(None, (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(image)
            if _is_transparent(upright):
                return "transparent pixels"
            flat = upright.convert("RGB" if colour else "L")
            pixels = np.array(ImageOps.fit(flat, (size, size), Image.Resampling.LANCZOS))
    except Exception as error:  # decoders fail in any way
        return f"broken: {type(error).__name__}: {' '.join(str(error).split())}"[:200]
    return pixels.transpose(2, 0, 1) if colour else pixels[None]


def _has_16_bits(image: Image.Image) -> bool:
    tiles = getattr(image, "tile", [])  # of images from files
    raw = [tile[3][0] if isinstance(tile[3], tuple) else tile[3] for tile in tiles]
    wide = image.mode.startswith(("I", "F"))
    return wide or any(_SIXTEEN_BITS.match(str(mode)) for mode in raw)


def _is_transparent(image: Image.Image) -> bool:
    """Tells whether there is a pixel through which a background would be seen."""
    if not image.has_transparency_data:
        return False
    low, _ = image.convert("RGBA").getchannel("A").getextrema()
    return float(str(low)) < 255
