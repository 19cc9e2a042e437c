"""The training as a film, made of the pictures that were drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vae_lab.callbacks.drawing.canvas import FAINT, TITLE, Canvas
from vae_lab.callbacks.drawing.grids import from_array, to_array
from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.callbacks.picture import Visualization
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.files import atomic
from vae_lab.loggers.base import RunLogger

HEADER = 26  # pixels above each picture, for its epoch

# Of grey. A frame of a map takes 100 KB with 32, 140 with 64, 270 with 256; the eye sees no change.
LEVELS = 32


class Evolution(Visualization):
    """Writes `figures/evolution.gif` from the PNG files of one picture when the training ended."""

    def __init__(
        self,
        *,
        pictures: Sequence[str],
        max_frames: int,
        max_width: int,
        seconds_per_frame: float,
        seconds_at_end: float,
    ) -> None:
        """Sets what the film is made of.

        Args:
            pictures: beginnings of file names; the first of which there are files is taken.
            max_frames: at most so many, equally spaced, with the first and the last.
            max_width: wider pictures are reduced by a whole factor.
            seconds_per_frame: how long each epoch is shown.
            seconds_at_end: how long the last one is.
        """
        self.pictures, self.max_frames, self.max_width = tuple(pictures), max_frames, max_width
        self.seconds_per_frame, self.seconds_at_end = seconds_per_frame, seconds_at_end

    def publish(self, snapshot: Snapshot, figures: Path, loggers: Sequence[RunLogger]) -> None:
        for name in self.pictures:
            files = find_frames(figures, name, last_epoch=snapshot.epochs_done)
            if files:
                self._write(figures / "evolution.gif", equally_spaced(files, self.max_frames))
                return

    def _write(self, path: Path, files: Sequence[tuple[int, Path]]) -> None:
        pictures = [(epoch, reduced(file, max_width=self.max_width)) for epoch, file in files]
        # Headings can take another line, so frames can differ in height.
        width = max(picture.width for _, picture in pictures)
        height = max(picture.height for _, picture in pictures)
        frames = [
            frame(picture, epoch=epoch, last=pictures[-1][0], width=width, height=height)
            for epoch, picture in pictures
        ]
        durations = [1000 * self.seconds_per_frame] * (len(frames) - 1)
        durations.append(1000 * self.seconds_at_end)
        with atomic(path) as partial:
            frames[0].save(
                partial,
                format="GIF",
                save_all=True,
                append_images=frames[1:],
                duration=durations,
                loop=0,
            )


def find_frames(figures: Path, name: str, *, last_epoch: int) -> list[tuple[int, Path]]:
    """Returns epoch and file of each picture of a name, in the order of epochs."""
    pictures = [
        (int(file.stem.rpartition("_")[2]), file) for file in figures.glob(f"{name}_[0-9]*.png")
    ]
    # Later ones are left from an earlier run in the same folder.
    return sorted(pair for pair in pictures if pair[0] <= last_epoch)


def equally_spaced(files: Sequence[tuple[int, Path]], at_most: int) -> list[tuple[int, Path]]:
    """Returns at most so many, equally spaced, with the first and the last."""
    count = min(len(files), at_most)
    indices = np.linspace(0, len(files) - 1, count).round().astype(int)
    return [files[index] for index in indices]


def reduced(file: Path, *, max_width: int) -> Image.Image:
    """Returns a picture made smaller by a whole factor until it fits.

    Files are enlarged by whole factors, so images get back the very pixels they had.
    """
    with Image.open(file) as picture:
        return picture.reduce(-(-picture.width // max_width))


def frame(picture: Image.Image, *, epoch: int, last: int, width: int, height: int) -> Image.Image:
    """Returns a picture below its epoch and a bar that grows with the epochs."""
    coloured = picture.mode == "RGB"
    canvas = Canvas(width=width, height=height + HEADER, scale=1, coloured=coloured)
    canvas.picture(0, HEADER, from_array(np.array(picture)))
    canvas.text(8, HEADER / 2, f"epoch {epoch}", size=TITLE + 1, anchor="lm")
    left, right = 90.0, width - 10.0
    canvas.box(left, HEADER / 2 - 2, right, HEADER / 2 + 2, FAINT)
    done = left + (right - left) * epoch / max(1, last)
    canvas.box(left, HEADER / 2 - 2, max(done, left + 1), HEADER / 2 + 2, PALETTE[8])
    drawing = Image.fromarray(to_array(canvas.pixels()))
    if coloured:  # Pillow chooses the 256 colours that a GIF can have
        return drawing
    step = 255 / (LEVELS - 1)
    return drawing.point([round(round(grey / step) * step) for grey in range(256)])
