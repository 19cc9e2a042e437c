"""The training as a film, made of the pictures that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from vae_lab.callbacks.drawing.canvas import FAINT, MARGIN, Canvas, legible
from vae_lab.callbacks.drawing.letters import length
from vae_lab.callbacks.drawing.pixels import from_array
from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.callbacks.figures_page import FILM
from vae_lab.callbacks.picture import Visualization
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.files import atomic
from vae_lab.loggers.base import RunLogger
from vae_lab.run_folder import RunFolder

T = TypeVar("T")

# Of grey, or colours. A frame of a map takes 100 KB with 32 greys, 140 with 64, 270 with 256; the
# eye sees no change. The smaller number is for a film that would be too large.
LEVELS = (32, 16)


@dataclass(kw_only=True)
class Evolution(Visualization):
    """Writes `figures/evolution.gif` from the PNG files of one picture when the training ended."""

    every_n_epochs = None
    pictures: Sequence[str]  # names of pictures; the first of which there are files is taken
    max_frames: int  # equally spaced, with the first and the last
    max_width: int  # pixels; wider pictures are reduced by a whole factor
    max_megabytes: float  # a larger film gets fewer greys or colours, then fewer frames
    seconds_per_frame: float
    seconds_at_end: float  # how long the last frame is shown

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        for name in self.pictures:
            # Those of later epochs are left from an earlier run in the same folder.
            files = [f for f in folder.figures(name).items() if f[0] <= snapshot.epochs_done]
            if files:
                film = self._film(self._frames(equally_spaced(files, self.max_frames)))
                with atomic(folder.path / "figures" / FILM) as partial:
                    partial.write_bytes(film)
                return

    def _frames(self, files: Sequence[tuple[int, Path]]) -> list[Image.Image]:
        pictures = [(epoch, reduced(file, max_width=self.max_width)) for epoch, file in files]
        # Headings can take another line, so frames can differ in height.
        width = max(picture.width for _, picture in pictures)
        height = max(picture.height for _, picture in pictures)
        return [
            frame(picture, epoch=epoch, last=pictures[-1][0], width=width, height=height)
            for epoch, picture in pictures
        ]

    def _film(self, frames: Sequence[Image.Image]) -> bytes:
        """Returns the GIF of frames: the finest that is small enough, or two coarse frames."""
        for levels in LEVELS:
            shown = [with_levels(frame, levels) for frame in frames]
            film = self._gif(shown)
            if len(film) <= 1e6 * self.max_megabytes:
                return film
        while len(film) > 1e6 * self.max_megabytes and len(shown) > 2:
            fitting = int(len(shown) * 1e6 * self.max_megabytes / len(film))
            shown = equally_spaced(shown, max(2, min(fitting, len(shown) - 1)))
            film = self._gif(shown)
        return film

    def _gif(self, frames: Sequence[Image.Image]) -> bytes:
        durations = [1000 * self.seconds_per_frame] * (len(frames) - 1)
        content = BytesIO()
        frames[0].save(
            content,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=[*durations, 1000 * self.seconds_at_end],
            loop=0,
        )
        return content.getvalue()


def equally_spaced(items: Sequence[T], at_most: int) -> list[T]:
    """Returns at most so many, equally spaced, with the first and the last."""
    indices = np.linspace(0, len(items) - 1, min(len(items), at_most)).round().astype(int)
    return [items[index] for index in indices]


def reduced(file: Path, *, max_width: int) -> Image.Image:
    """Returns a picture made smaller by a whole factor until it fits.

    Files are enlarged by whole factors, so images get back the very pixels they had.
    """
    with Image.open(file) as picture:
        return picture.reduce(-(-picture.width // max_width))


def frame(picture: Image.Image, *, epoch: int, last: int, width: int, height: int) -> Image.Image:
    """Returns a picture below its epoch and a bar that grows with the epochs."""
    coloured, size, header = picture.mode == "RGB", legible(width), header_height(width)
    canvas = Canvas(width=width, height=height + header, coloured=coloured)
    canvas.picture(0, header, from_array(np.array(picture)))
    canvas.text(MARGIN, header / 2, f"epoch {epoch}", size=size, anchor="lm")
    left, right = 2 * MARGIN + length(f"epoch {last}", size=size), width - MARGIN
    thick, done = max(2, size // 4), (right - left) * epoch / max(1, last)
    canvas.box(left, header / 2 - thick, right, header / 2 + thick, FAINT)
    canvas.box(left, header / 2 - thick, left + max(1, done), header / 2 + thick, PALETTE[8])
    return canvas.image(1)


def header_height(width: int) -> int:
    """Returns the pixels above each picture, for its epoch."""
    return 2 * legible(width)


def with_levels(picture: Image.Image, levels: int) -> Image.Image:
    """Returns a picture in so many equally spaced greys, or in its own so many colours."""
    if picture.mode == "RGB":
        return picture.quantize(levels, dither=Image.Dither.NONE)
    step = 255 / (levels - 1)
    return picture.point([round(round(grey / step) * step) for grey in range(256)])
