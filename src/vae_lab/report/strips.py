"""The pictures of runs, from their PNG files: whole, and in strips that stand above one another."""

import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from vae_lab.callbacks.drawing.style import BAND, LINE, SHADE
from vae_lab.report.blocks import PagePicture
from vae_lab.report.runs import Run

# Larger pictures than any that a run draws are not shown.
MOST_FILE, MOST_PIXELS = 64 << 20, 50_000_000

# A picture that takes more bytes is made smaller.
MOST_BYTES = 250_000

STRIPS = 2  # double rows of reconstructions that become one strip


def whole(run: Run, kind: str, label: str, alt: str, file: str) -> PagePicture | None:
    """Returns the last picture of a kind; None if the run drew none."""
    if (last := _last(run, kind)) is None:
        return None
    data, image = last
    small = image
    while len(data) > MOST_BYTES and min(small.size) > 100:
        # Fewer colours first, then fewer pixels.
        data = _encode(small.convert("RGB").quantize(64))
        small = small.reduce(2)
    return PagePicture(label, data, *image.size, alt, file)


def reconstructions(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns originals and reconstructions as two strips, uint8 (H, pixels) or (H, pixels, 3)."""
    _, picture = _settings_and_picture(run, "reconstructions")
    if picture is None:
        return None
    _, height, width = run.folder.image_shape
    double = 2 * height + LINE
    # By the picture: there may have been fewer images than were asked for.
    num_rows, rest = divmod(picture.shape[0] + BAND, double + BAND)
    if num_rows < 1 or rest or (picture.shape[1] + LINE) % (width + LINE):
        return None
    tops = range(0, min(num_rows, STRIPS) * (double + BAND), double + BAND)
    gap = np.full((double, LINE, *picture.shape[2:]), round(255 * SHADE), dtype=np.uint8)
    rows = [part for top in tops for part in (gap, picture[top : top + double])]
    both = np.concatenate(rows[1:], axis=1)
    return both[:height], both[height + LINE :]


def interpolations(run: Run) -> dict[str, np.ndarray]:
    """Returns a strip for each pair of labels, such as `1 to 7`; none if they do not fit."""
    settings, picture = _settings_and_picture(run, "interpolations")
    if picture is None:
        return {}
    _, height, width = run.folder.image_shape
    pairs = settings["pairs"]
    across = 2 * (width + BAND) + int(settings["steps"]) * (width + LINE) - LINE
    if picture.shape[:2] != (len(pairs) * (height + LINE) - LINE, across):
        return {}
    strips: dict[str, np.ndarray] = {}
    for row, pair in enumerate(pairs):
        name = _ends(run, row, pair)
        number = sum(key == name or key.startswith(f"{name}, ") for key in strips)
        top = row * (height + LINE)
        strips[f"{name}, again {number}" if number else name] = picture[top : top + height]
    return strips


def _ends(run: Run, row: int, pair: tuple[int, int]) -> str:
    """Returns the labels at the ends of a row; images without these labels were taken in turn."""
    names = run.result.data.get("labels")
    if names is None:  # in older runs
        return f"{pair[0]} to {pair[1]}"
    if all(0 <= label < len(names) for label in pair):
        return f"{names[pair[0]]} to {names[pair[1]]}"
    return f"image {2 * row} to image {2 * row + 1}"


def strip(pixels: np.ndarray, label: str, alt: str, file: str) -> PagePicture:
    """Returns a strip as a picture."""
    image = Image.fromarray(pixels)
    return PagePicture(label, _encode(image), *image.size, alt, file)


def _settings_and_picture(run: Run, kind: str) -> tuple[Mapping[str, Any], np.ndarray | None]:
    """Returns the callback's settings and its last picture, each pixel of the images once."""
    callbacks, last = run.config.get("callbacks"), _last(run, kind)
    settings = callbacks.get(kind) if isinstance(callbacks, Mapping) else None
    if not isinstance(settings, Mapping) or last is None:
        return {}, None
    _, image = last
    scale = int(settings.get("scale", 1))
    pixels = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    return settings, np.ascontiguousarray(pixels[::scale, ::scale])


def _last(run: Run, kind: str) -> tuple[bytes, Image.Image] | None:
    """Returns the picture after the most epochs: the file's bytes, and the image in it."""
    figures = run.folder.figures(kind)
    if not figures:
        return None
    try:
        data = run.folder.read(figures[max(figures)], most=MOST_FILE)
        # As a PNG only: of the other formats, some are programs that start others.
        image = Image.open(io.BytesIO(data), formats=("PNG",))
        if math.prod(image.size) > MOST_PIXELS:
            return None
        image.load()
    except Exception:  # a decoder can fail in any way
        return None
    return data, image


def _encode(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
