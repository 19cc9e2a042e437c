"""The pictures of a run, from its PNG files, with what each of them says of itself."""

import io
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae_lab.callbacks.drawing.style import METADATA
from vae_lab.reading import is_kind, parse_json
from vae_lab.report.runs import Run

# Larger pictures than any that a run draws are not shown.
MOST_FILE, MOST_PIXELS = 64 << 20, 50_000_000

# What a PNG file says of itself; files of older runs say nothing.
_ABOUT: dict[str, Any] = {
    "scale": int,
    "grid": list[int],
    "axes": dict[str, list[float]],
    "paths": list[dict[str, Any]],
}


class RunPicture(NamedTuple):
    """A picture: the bytes of its file, the image in it, and what it says of itself."""

    data: bytes
    image: Image.Image
    about: Mapping[str, Any]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Returns where the images or the plot lie: left, top, right and bottom in pixels."""
        width, height = self.image.size
        left, top, right, bottom = self.about.get("grid", (0, 0, width, height))
        return left, top, right, bottom


def last_picture(run: Run, kind: str) -> RunPicture | None:
    """Returns the picture of a kind after the most epochs; None if the run drew none."""
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
    return RunPicture(data, image, _about(image))


def image_pixels(run: Run, kind: str) -> tuple[Mapping[str, Any], np.ndarray, RunPicture] | None:
    """Returns the callback's settings and a grid of images, each pixel of an image once.

    The grid is uint8, (H, W) or (H, W, 3). None if the run drew none.
    """
    callbacks, picture = run.config.get("callbacks"), last_picture(run, kind)
    settings = callbacks.get(kind) if isinstance(callbacks, Mapping) else None
    if not isinstance(settings, Mapping) or picture is None:
        return None
    scale = int(picture.about.get("scale", settings.get("scale", 1)))
    image = picture.image.crop(picture.box)
    pixels = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    return settings, np.ascontiguousarray(pixels[::scale, ::scale]), picture


def _about(image: Image.Image) -> Mapping[str, Any]:
    """Returns what a PNG says of itself; nothing if that is not what a run writes."""
    try:
        about = parse_json(getattr(image, "text", {}).get(METADATA, "{}"))
    except ValueError:
        return {}
    if not is_kind(about, _ABOUT) or about.get("scale", 1) < 1:
        return {}
    left, top, right, bottom = about.get("grid", (0, 0, *image.size))
    inside = 0 <= left < right <= image.width and 0 <= top < bottom <= image.height
    return about if inside else {}
