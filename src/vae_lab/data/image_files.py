"""Image files: which there are in a folder, and one as an array of a wanted size.

Shapes: C channels, H height, W width.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)

# What Pillow calls pixels of two bytes per channel; it would keep the upper one and say nothing.
_SIXTEEN_BITS = re.compile(r"^(?!BGR)[A-Z]+;16")

# Their formats: Pillow would open others by their content, some with other programs.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")


class ImageFile(NamedTuple):
    """An image file: its path below the folder, with slashes, and what changes when it does."""

    name: str
    size: int  # bytes
    modified: int  # ns


@dataclass
class Listing:
    """The image files of a folder, and what was left out."""

    files: list[ImageFile] = field(default_factory=list)
    # By their suffix: files that are not named like an image.
    others: Counter[str] = field(default_factory=Counter)
    # Links to a folder that they lie in themselves.
    loops: list[str] = field(default_factory=list)

    def left_out(self) -> list[str]:
        """Returns in words what was left out."""
        words = []
        if self.others:
            kinds = ", ".join(f"{suffix} {count}" for suffix, count in self.others.most_common(10))
            words.append(
                f"files that are not named like an image were left out ({kinds}): convert the "
                f"images among them to .png or .jpg."
            )
        if self.loops:
            words.append(
                f"links that lead back to a folder that they lie in were left out "
                f"({', '.join(self.loops[:10])})."
            )
        return words


def list_files(folder: Path) -> Listing:
    """Returns every image file in a folder and its sub-folders, in the order of their names.

    Hidden files and folders are left out. Links are followed.
    """
    listing = Listing()
    _walk(folder, "", (), listing)
    listing.files.sort()
    return listing


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...], listing: Listing) -> None:
    status = folder.stat()
    if (place := (status.st_dev, status.st_ino)) in above:
        listing.loops.append(prefix.rstrip("/"))
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            suffix = Path(entry.name).suffix.lower()
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                _walk(folder / entry.name, f"{prefix}{entry.name}/", (*above, place), listing)
            elif suffix not in SUFFIXES:
                listing.others[suffix or "no suffix"] += 1
            else:
                try:
                    stat = entry.stat()
                except OSError:
                    stat = entry.stat(follow_symlinks=False)  # a link to nowhere
                file = ImageFile(f"{prefix}{entry.name}", stat.st_size, stat.st_mtime_ns)
                listing.files.append(file)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def read(path: Path, *, size: int, colour: bool) -> np.ndarray | str:
    """Returns a picture as uint8 (C, size, size), or in words why it cannot be used.

    The largest square around the middle is taken and resized.
    """
    if path.exists() and not path.is_file():
        return "broken: not a file but a device or pipe"  # reading it could wait for ever
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if _has_16_bits(image):
                return "16 bits per channel: save it with 8"
            # JPEG: a reduced size is decoded in a fraction of the time.
            image.draft(None, (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(image)
            if _is_transparent(upright):
                return "transparent pixels: put it on a background"
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
