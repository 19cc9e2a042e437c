"""The pictures of runs, from their PNG files: whole, and in strips that stand above one another."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from vae_lab.callbacks.drawing.style import BAND, LINE, SHADE
from vae_lab.report.runs import Run

# A picture that takes more bytes is made smaller.
MOST_BYTES = 250_000

STRIPS = 2  # double rows of reconstructions that become one strip


class PagePicture(NamedTuple):
    """An image file, and how large it is drawn."""

    data: bytes
    width: int
    height: int
    alt: str
    file: str  # its name beside the Markdown page

    @property
    def uri(self) -> str:
        """The whole picture as an address."""
        return f"data:image/png;base64,{base64.b64encode(self.data).decode('ascii')}"


def newest(run: Run, kind: str) -> Path | None:
    """Returns the file of a kind of picture after the most epochs."""
    figures = run.folder.figures(kind)
    return figures[max(figures)] if figures else None


def whole(run: Run, kind: str, alt: str, file: str) -> PagePicture | None:
    """Returns the last picture of a kind; None if the run drew none."""
    path = newest(run, kind)
    image = None if path is None else _open(path)
    if path is None or image is None:
        return None
    data, size = path.read_bytes(), image.size
    small = image
    while len(data) > MOST_BYTES and min(small.size) > 100:
        # Fewer colours first, then fewer pixels.
        data = _encode(small.convert("RGB").quantize(64))
        small = small.reduce(2)
    return PagePicture(data, *size, alt, file)


def reconstructions(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns originals and reconstructions as two strips, uint8 (H, pixels) or (H, pixels, 3)."""
    settings, picture = _settings_and_picture(run, "reconstructions")
    if settings is None or picture is None:
        return None
    _, height, width = run.folder.image_shape
    double = 2 * height + LINE
    # By the picture: there may have been fewer images than were asked for.
    rows, rest = divmod(picture.shape[0] + BAND, double + BAND)
    if rows < 1 or rest or (picture.shape[1] + LINE) % (width + LINE):
        return None
    strips = []
    for start in (0, height + LINE):
        cells = [
            picture[top + start : top + start + height]
            for top in range(0, min(rows, STRIPS) * (double + BAND), double + BAND)
        ]
        gap = np.full((height, LINE, *picture.shape[2:]), round(255 * SHADE), dtype=np.uint8)
        strips.append(
            np.concatenate([cells[0], *(it for cell in cells[1:] for it in (gap, cell))], 1)
        )
    return strips[0], strips[1]


def interpolations(run: Run) -> dict[str, np.ndarray]:
    """Returns a strip for each pair of labels, such as `1 to 7`; none if they do not fit."""
    settings, picture = _settings_and_picture(run, "interpolations")
    if settings is None or picture is None:
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


def strip(pixels: np.ndarray, alt: str, file: str) -> PagePicture:
    """Returns a strip as a picture."""
    return PagePicture(
        _encode(Image.fromarray(pixels)), pixels.shape[1], pixels.shape[0], alt, file
    )


def _settings_and_picture(
    run: Run, kind: str
) -> tuple[Mapping[str, Any] | None, np.ndarray | None]:
    """Returns the callback's settings and its last picture, one pixel a pixel of the images."""
    settings = (run.config.get("callbacks") or {}).get(kind)
    path = newest(run, kind)
    image = None if path is None else _open(path)
    if not isinstance(settings, Mapping) or image is None:
        return None, None
    scale = int(settings.get("scale", 1))
    pixels = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    return settings, np.ascontiguousarray(pixels[::scale, ::scale])


def _open(path: Path) -> Image.Image | None:
    try:
        image = Image.open(path)
        image.load()
    except (OSError, UnidentifiedImageError):
        return None
    return image


def _encode(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()
