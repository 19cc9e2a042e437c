"""A picture file as an array of a wanted size, and in words what was done to it.

Shapes: C channels, H height, W width.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

# What Pillow calls pixels of two bytes per channel; it would keep the upper one and say nothing.
_SIXTEEN_BITS = re.compile(r"^(?!BGR)[A-Z]+;16")

# Their formats: Pillow would open others by their content, some with other programs.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# Values of EXIF's orientation: pictures that a camera stored turned or mirrored, and on their side.
_TURNED, _SIDEWAYS = range(2, 9), range(5, 9)

# What Pillow calls the kinds of pixels, in words.
_KINDS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "PA": "palette with transparency",
    "RGB": "colour",
    "RGBA": "colour with transparency",
}

# Of these, the kinds that are grey as they are.
_GREY = ("black and white", "grey", "grey with transparency")

# Of 255: a resized pixel of which nothing was transparent has no less.
_OPAQUE = 250


class Fitting(NamedTuple):
    """How a picture is fitted to the images of a model.

    `background` (0 black, 255 white) shows through transparent pixels; without one they are
    refused, unless `holes` takes them as missing. `narrow` keeps the upper 8 of 16 bits, which are
    refused otherwise: a camera's 12 bits in 16 would be nearly black. `remedy` is what a person is
    told to do about transparent pixels.
    """

    shape: tuple[int, ...]  # C, H, W
    background: int | None = None
    holes: bool = False
    narrow: bool = False
    remedy: str = "put it on a background"


class FittedPicture(NamedTuple):
    """A picture as a model sees it, what it was, and in words what was done to it."""

    pixels: np.ndarray  # uint8 (C, H, W)
    opaque: np.ndarray  # bool (H, W): nothing of the pixel was transparent
    size: tuple[int, int]  # width and height of the picture, upright
    kind: str
    done: tuple[str, ...]

    @property
    def words(self) -> str:
        """What it was, and what was done, such as `640 x 480 colour: resized to 28 x 28`."""
        width, height = self.size
        return f"{width} x {height} {self.kind}: {', '.join(self.done) or 'as it is'}"


class _RefusedError(Exception):
    """A picture cannot be used; the message says why."""


def read(path: Path, *, size: int, colour: bool) -> np.ndarray | str:
    """Returns a picture as uint8 (C, size, size), or in words why it cannot be used.

    The largest square around the middle is taken and resized.
    """
    try:
        return _fitted(path, Fitting((3 if colour else 1, size, size))).pixels
    except _RefusedError as refused:
        return str(refused)
    except Exception as error:  # decoders fail in any way
        return f"broken: {type(error).__name__}: {' '.join(str(error).split())}"[:200]


def fit(path: Path, fitting: Fitting) -> FittedPicture | str:
    """Returns a picture that a person named, fitted, or in words why it cannot be used.

    The largest rectangle of the model's proportions around the middle is taken and resized.
    """
    try:
        with warnings.catch_warnings():
            # A photo of a hundred million pixels is large, and no attack.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            fitted = _fitted(path, fitting)
            frames = _num_frames(path)
        first = (f"the first of {frames} frames",) * (frames > 1)
        return fitted._replace(done=first + fitted.done)
    except _RefusedError as refused:
        return str(refused)
    except UnidentifiedImageError:
        return f"not a picture that can be read ({', '.join(_FORMATS)})"
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        return f"too large: a picture can have {most:,} pixels. Make it smaller"
    except Exception as error:  # decoders fail in any way
        return f"broken ({type(error).__name__}: {' '.join(str(error).split())})"[:200]


def _fitted(path: Path, fitting: Fitting) -> FittedPicture:
    if path.exists() and not path.is_file():
        # Reading it could wait for ever.
        raise _RefusedError("broken: not a file but a device or pipe")
    channels, height, width = fitting.shape
    with Image.open(path, formats=_FORMATS) as image:
        kind, size = _kind(image), image.size
        is_wide = _has_16_bits(image)
        if is_wide and not fitting.narrow:
            raise _RefusedError("16 bits per channel: save it with 8")
        # JPEG: a reduced size is decoded in a fraction of the time.
        image.draft(None, (2 * max(height, width),) * 2)
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
        upright = ImageOps.exif_transpose(image)
        if is_wide:
            upright = _narrowed(upright)
        is_transparent = _is_transparent(upright)
        if is_transparent and fitting.background is None and not fitting.holes:
            raise _RefusedError(f"transparent pixels: {fitting.remedy}")
        flat = _flat(upright, fitting) if is_transparent else upright
        pixels = _resized(flat.convert("RGB" if channels == 3 else "L"), width, height)
    opaque = np.ones((height, width), bool)
    if is_transparent:
        # All of what a pixel was made of.
        opaque = _resized(upright.convert("RGBA").getchannel("A"), width, height) > _OPAQUE
    size = size[::-1] if turned in _SIDEWAYS else size
    done = (
        *["turned upright"] * (turned in _TURNED),
        *["the upper 8 of 16 bits"] * is_wide,
        *[_words_of_transparency(fitting)] * is_transparent,
        *_words_of_size(size, (width, height)),
        *["grey"] * (channels == 1 and kind.split(",")[0] not in _GREY),
    )
    array = pixels.transpose(2, 0, 1) if channels == 3 else pixels[None]
    return FittedPicture(array, opaque, size, kind, done)


def _num_frames(path: Path) -> int:
    """Returns the number of pictures in a file; 1 if it cannot be counted."""
    with suppress(Exception), Image.open(path, formats=_FORMATS) as image:
        return int(getattr(image, "n_frames", 1))
    return 1


def _resized(image: Image.Image, width: int, height: int) -> np.ndarray:
    return np.array(ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS))


def _flat(image: Image.Image, fitting: Fitting) -> Image.Image:
    """Returns a transparent picture on its background; holes are on black, and do not matter."""
    level = fitting.background or 0
    paper = Image.new("RGBA", image.size, (level, level, level, 255))
    return Image.alpha_composite(paper, image.convert("RGBA"))


def _narrowed(image: Image.Image) -> Image.Image:
    """Returns a picture of 16 bits per channel with the upper 8; Pillow did so if in colour."""
    if not image.mode.startswith(("I", "F")):
        return image
    levels = np.asarray(image)
    if levels.dtype.kind not in "iu" or levels.min() < 0 or levels.max() > 65535:
        raise _RefusedError("more than 16 bits per channel: save it with 8")
    return Image.fromarray((levels // 256).astype(np.uint8))


def _kind(image: Image.Image) -> str:
    """Returns in words what the pixels of a picture are."""
    bits = ", 16 bits" if _has_16_bits(image) else ""
    return _KINDS.get(image.mode, "grey" if bits else image.mode) + bits


def _words_of_transparency(fitting: Fitting) -> str:
    if fitting.background is None:
        return "what is transparent is missing"
    names = {0: "black", 255: "white"}
    return f"on {names.get(fitting.background, f'grey ({fitting.background} of 255)')}"


def _words_of_size(size: tuple[int, int], wanted: tuple[int, int]) -> Iterator[str]:
    """Yields what is cut off and how the rest is resized, for widths and heights."""
    if size == wanted:
        return
    scale = min(size[0] / wanted[0], size[1] / wanted[1])
    middle = tuple(max(1, round(scale * side)) for side in wanted)
    if middle != size:
        shape = "square" if middle[0] == middle[1] else "part"
        yield f"middle {shape} {middle[0]} x {middle[1]}"
    if middle != wanted:
        verb = "enlarged" if scale < 1 else "resized"
        yield f"{verb} to {wanted[0]} x {wanted[1]}"


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
