"""The training as a film, made of the pictures that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vae_lab.callbacks.drawing.canvas import FAINT, Canvas
from vae_lab.callbacks.drawing.letters import TITLE
from vae_lab.callbacks.drawing.pixels import from_array, to_array
from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.callbacks.picture import Visualization
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.files import atomic
from vae_lab.loggers.base import RunLogger
from vae_lab.run_folder import RunFolder

HEADER = 26  # pixels above each picture, for its epoch

# Of grey. A frame of a map takes 100 KB with 32, 140 with 64, 270 with 256; the eye sees no change.
LEVELS = 32


@dataclass(kw_only=True)
class Evolution(Visualization):
    """Writes `figures/evolution.gif` from the PNG files of one picture when the training ended."""

    every_n_epochs = None
    pictures: Sequence[str]  # names of pictures; the first of which there are files is taken
    max_frames: int  # equally spaced, with the first and the last
    max_width: int  # pixels; wider pictures are reduced by a whole factor
    seconds_per_frame: float
    seconds_at_end: float  # how long the last frame is shown

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        for name in self.pictures:
            # Those of later epochs are left from an earlier run in the same folder.
            frames = [f for f in folder.figures(name).items() if f[0] <= snapshot.epochs_done]
            if frames:
                path = folder.path / "figures" / "evolution.gif"
                return self._write(path, equally_spaced(frames, self.max_frames))

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


def equally_spaced(files: Sequence[tuple[int, Path]], at_most: int) -> list[tuple[int, Path]]:
    """Returns at most so many, equally spaced, with the first and the last."""
    indices = np.linspace(0, len(files) - 1, min(len(files), at_most)).round().astype(int)
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
    canvas = Canvas(width=width, height=height + HEADER, coloured=coloured)
    canvas.picture(0, HEADER, from_array(np.array(picture)))
    canvas.text(8, HEADER / 2, f"epoch {epoch}", size=TITLE + 1, anchor="lm")
    left, right = 90.0, width - 10.0
    canvas.box(left, HEADER / 2 - 2, right, HEADER / 2 + 2, FAINT)
    done = left + (right - left) * epoch / max(1, last)
    canvas.box(left, HEADER / 2 - 2, max(done, left + 1), HEADER / 2 + 2, PALETTE[8])
    drawing = Image.fromarray(to_array(canvas.pixels(1)))
    if coloured:  # Pillow chooses the 256 colours that a GIF can have
        return drawing
    step = 255 / (LEVELS - 1)
    return drawing.point([round(round(grey / step) * step) for grey in range(256)])
