"""The training as a film, made of the pictures that were drawn."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer

from vae_lab.callbacks.drawing.canvas import FAINT, TITLE, Canvas
from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.callbacks.picture import require_at_least
from vae_lab.files import atomic

HEADER = 26  # pixels above each picture, for its epoch

# Of grey. A frame of a map takes 100 KB with 32, 140 with 64, 270 with 256; the eye sees no change.
LEVELS = 32


class Evolution(Callback):
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
        if odd := [name for name in pictures if not re.fullmatch(r"\w[\w-]*", name)]:
            raise ValueError(f"pictures must be beginnings of file names, got {odd}.")
        require_at_least("max_frames", max_frames, 2)
        require_at_least("max_width", max_width, 1)
        require_at_least("seconds_per_frame", seconds_per_frame, 0.02)  # faster is not shown
        require_at_least("seconds_at_end", seconds_at_end, 0.02)
        self.pictures, self.max_frames, self.max_width = tuple(pictures), max_frames, max_width
        self.seconds_per_frame, self.seconds_at_end = seconds_per_frame, seconds_at_end

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        # Here and not at the end of the training: every picture callback has drawn its last one.
        figures = Path(trainer.default_root_dir) / "figures"
        for name in self.pictures:
            files = find_frames(figures, name, last_epoch=trainer.current_epoch)
            if files:
                self._write(figures / "evolution.gif", evenly(files, self.max_frames))
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
    found = [
        (int(file.stem.rpartition("_")[2]), file) for file in figures.glob(f"{name}_[0-9]*.png")
    ]
    # Later ones are left from an earlier run in the same folder.
    return sorted(pair for pair in found if pair[0] <= last_epoch)


def evenly(files: Sequence[tuple[int, Path]], at_most: int) -> list[tuple[int, Path]]:
    """Returns at most so many, equally spaced, with the first and the last."""
    count = min(len(files), at_most)
    places = np.linspace(0, len(files) - 1, count).round().astype(int)
    return [files[place] for place in places]


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
    array = torch.from_numpy(np.array(picture))
    canvas.picture(0, HEADER, array[None] if array.ndim == 2 else array.permute(2, 0, 1))
    canvas.text(8, HEADER / 2, f"epoch {epoch}", size=TITLE + 1, anchor="lm")
    left, right = 90.0, width - 10.0
    canvas.box(left, HEADER / 2 - 2, right, HEADER / 2 + 2, FAINT)
    done = left + (right - left) * epoch / max(1, last)
    canvas.box(left, HEADER / 2 - 2, max(done, left + 1), HEADER / 2 + 2, PALETTE[8])
    pixels = canvas.pixels()
    if coloured:  # Pillow chooses the 256 colours that a GIF can have
        return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    step = 255 / (LEVELS - 1)
    return Image.fromarray(pixels[0].numpy()).point(
        [round(round(grey / step) * step) for grey in range(256)]
    )
