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

# Characters of what a picture says of itself; those that a run draws say half as much at most.
MOST_TEXT = 100_000

# Of a coordinate: beyond it, differences could be infinite.
LARGEST = 1e30

_PATH: dict[str, Any] = {
    "labels": list[str] | None,
    "start": list[float],
    "end": list[float],
    "given": str,
}

# Settings of the callbacks that draw grids of images.
_SETTINGS: dict[str, Any] = {"scale": int, "steps": int, "pairs": list[list[int]]}

_ABOUT: dict[str, Any] = {
    "scale": int,
    "grid": list[int],
    "axes": {"x": list[float], "y": list[float]},
    "paths": list[Any],
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

    The grid is uint8, (H, W) or (H, W, 3). None if the run drew none, or its settings are none of
    such a callback.
    """
    callbacks, picture = run.config.get("callbacks"), last_picture(run, kind)
    settings = callbacks.get(kind) if isinstance(callbacks, Mapping) else None
    if not isinstance(settings, Mapping) or picture is None or not is_kind(settings, _SETTINGS):
        return None
    scale = max(1, picture.about.get("scale", settings.get("scale", 1)))
    image = picture.image.crop(picture.box)
    pixels = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    return settings, np.ascontiguousarray(pixels[::scale, ::scale]), picture


def _about(image: Image.Image) -> Mapping[str, Any]:
    """Returns what a PNG says of itself; nothing if that is not what a run writes.

    Files of older runs say nothing.
    """
    text = getattr(image, "text", {}).get(METADATA, "")
    try:
        about = parse_json(text) if len(text) <= MOST_TEXT else {}
    except ValueError:
        return {}
    return about if _is_possible(about, *image.size) else {}


def _is_possible(about: Any, width: int, height: int) -> bool:
    """Tells whether a run could have written this of a picture of such a size in pixels."""
    if not is_kind(about, _ABOUT) or not 1 <= about.get("scale", 1) <= max(width, height):
        return False
    box, paths = about.get("grid", [0, 0, width, height]), about.get("paths", [])
    if len(box) != 4 or not all(is_kind(path, _PATH) for path in paths):
        return False
    left, top, right, bottom = box
    ends = [about["axes"][name] for name in "xy" if name in about.get("axes", {})]
    codes = [path[end] for path in paths for end in ("start", "end") if end in path]
    return (
        0 <= left < right <= width
        and 0 <= top < bottom <= height
        and all(len(pair) == 2 and pair[0] < pair[1] for pair in ends)
        and all(len(path.get("start", ())) == len(path.get("end", ())) for path in paths)
        and all(abs(value) <= LARGEST for values in (*ends, *codes) for value in values)
    )
