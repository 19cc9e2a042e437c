"""Picture files of odd kinds, and what becomes of each for a model of 28 x 28 grey images."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

# What a file is, by its name: what was done to it (used), or why it was not used.
USED: dict[str, str] = {
    "as the model's.png": "28 x 28 grey: as it is",
    "colour.jpg": "640 x 480 colour: middle square 480 x 480, resized to 28 x 28, grey",
    "stored on its side.jpg": "48 x 64 colour: turned upright, middle square 48 x 48, "
    "resized to 28 x 28, grey",
    "16 bits.png": "40 x 40 grey, 16 bits: the upper 8 of 16 bits, resized to 28 x 28",
    "16 bits in colour.png": "40 x 40 colour, 16 bits: the upper 8 of 16 bits, "
    "resized to 28 x 28, grey",
    "black and white.png": "30 x 20 black and white: middle square 20 x 20, enlarged to 28 x 28",
    "palette.gif": "56 x 56 palette: resized to 28 x 28, grey",
    "animated.gif": "56 x 56 palette: the first of 3 frames, resized to 28 x 28, grey",
    "pages.tif": "30 x 30 colour: the first of 2 frames, resized to 28 x 28, grey",
    "print.jpg": "60 x 60 CMYK: resized to 28 x 28, grey",
    "alpha without a hole.png": "28 x 28 colour with transparency: grey",
    "one pixel.png": "1 x 1 grey: enlarged to 28 x 28",
    "thin.png": "2 x 900 grey: middle square 2 x 2, enlarged to 28 x 28",
    "a hundred million pixels.png": "9500 x 9500 black and white: resized to 28 x 28",
    "été 数字.webp": "32 x 32 colour: resized to 28 x 28, grey",
    "no ending": "28 x 28 grey: as it is",
    "folder/colour.jpg": "28 x 28 colour: grey",
}
UNUSED: dict[str, str] = {
    "holes.png": "transparent pixels: say what is behind them with --background black or white",
    "transparent colour.gif": "transparent pixels: say what is behind them with --background black "
    "or white",
    "fractions.tif": "more than 16 bits per channel: save it with 8",
    "four billion pixels.png": "too large: a picture can have 178,956,970 pixels. Make it smaller",
    "cut off.jpg": "broken (OSError: image file is truncated",
    "text.png": "not a picture that can be read (BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP)",
    "drawing.svg": "not a picture that can be read (BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP)",
    "nothing.png": "not a picture that can be read (BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP)",
    "pipe.png": "broken: not a file but a device or pipe",
    "missing.png": "there is no such file",
}


def stripes(height: int, width: int, *, channels: int = 3) -> np.ndarray:
    """Returns bytes of stripes, (H, W) or (H, W, channels)."""
    rows = ((np.arange(height) // 4) % 2 * 200).astype(np.uint8)
    grey = np.repeat(rows[:, None], width, axis=1)
    return grey if channels == 1 else np.repeat(grey[..., None], channels, axis=2)


def _png(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    """Returns a PNG file of a kind that Pillow does not write, or of a size that it refuses."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _with_holes(size: int) -> Image.Image:
    pixels = stripes(size, size, channels=4)
    pixels[..., 3] = 255
    pixels[size // 2 :, :, 3] = 0
    return Image.fromarray(pixels)


def _frames(count: int) -> list[Image.Image]:
    return [Image.fromarray(np.roll(stripes(56, 56), k, axis=0)).convert("P") for k in range(count)]


def _makers() -> dict[str, Callable[[Path], object]]:

    def colour(height: int, width: int) -> Image.Image:
        return Image.fromarray(stripes(height, width))

    def grey(height: int, width: int) -> Image.Image:
        return Image.fromarray(stripes(height, width, channels=1))

    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    deep = (b"\0" + (np.arange(120) * 500).astype(">u2").tobytes()) * 40
    opaque = np.dstack([stripes(28, 28), np.full((28, 28), 255, np.uint8)])
    pages = [colour(30, 30), colour(30, 30)]
    return {
        "as the model's.png": grey(28, 28).save,
        "colour.jpg": colour(480, 640).save,
        "stored on its side.jpg": lambda to: colour(48, 64).save(to, exif=exif),
        "16 bits.png": Image.fromarray(stripes(40, 40, channels=1).astype(np.uint16) * 257).save,
        "16 bits in colour.png": lambda to: to.write_bytes(_png(40, 40, 16, 2, deep)),
        "black and white.png": grey(20, 30).convert("1").save,
        "palette.gif": _frames(1)[0].save,
        "animated.gif": lambda to: _frames(3)[0].save(
            to, save_all=True, append_images=_frames(3)[1:]
        ),
        "pages.tif": lambda to: pages[0].save(to, save_all=True, append_images=pages[1:]),
        "print.jpg": colour(60, 60).convert("CMYK").save,
        "alpha without a hole.png": Image.fromarray(opaque).save,
        "one pixel.png": grey(1, 1).save,
        "thin.png": grey(900, 2).save,
        "a hundred million pixels.png": Image.new("1", (9500, 9500), 1).save,
        "été 数字.webp": lambda to: colour(32, 32).save(to, lossless=True),
        "no ending": lambda to: grey(28, 28).save(to, format="PNG"),
        "folder/colour.jpg": colour(28, 28).save,
        "holes.png": _with_holes(28).save,
        "transparent colour.gif": lambda to: _with_holes(28).save(to),
        "fractions.tif": Image.fromarray(np.linspace(0, 1, 784).reshape(28, 28), mode="F").save,
        "four billion pixels.png": lambda to: to.write_bytes(_png(65000, 65000, 8, 0, b"")),
        "cut off.jpg": lambda to: _cut_off(colour(480, 640), to),
        "text.png": lambda to: to.write_text("no picture"),
        "drawing.svg": lambda to: to.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "nothing.png": lambda to: to.write_bytes(b""),
        "pipe.png": os.mkfifo,
    }


def _cut_off(image: Image.Image, to: Path) -> None:
    image.save(to)
    to.write_bytes(to.read_bytes()[:900])


def make_odd_pictures(folder: Path) -> list[Path]:
    """Makes the files in a folder; returns their paths, of which one does not exist."""
    for name, make in _makers().items():
        path = folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        make(path)
    return [folder / name for name in (*USED, *UNUSED)]
