"""The size, letters and files of the pictures of docs/explanation/.

A page of the site is 736 pixels wide. Pictures have that width at 100 dots per inch and are saved
with twice as many pixels, so that they are sharp on every screen.
"""

import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from vae_lab.callbacks.drawing.grids import grid
from vae_lab.callbacks.drawing.style import PALETTE

WIDTH, DPI, COLOURS = 7.36, 200, 128

# A palette for lines: blue, orange and red of the pictures' palette.
LINES = (PALETTE[0], PALETTE[6], PALETTE[4])
GREY = "#888888"

mpl.rcParams.update({"font.size": 9.5, "axes.titlesize": 10, "axes.linewidth": 0.6})


def new_figure(height: float) -> Figure:
    """Returns an empty figure as wide as a page, `height` in inches of 100 pixels."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG file of few colours."""
    pixels = io.BytesIO()
    figure.savefig(pixels, format="png", dpi=DPI, facecolor="white")
    image = Image.open(pixels).convert("RGB")
    few = image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def plain(axis: Axes) -> None:
    """Leaves of the axis only its small ticks and two of its lines."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(length=2, width=0.6, labelsize=8.5)


def show_images(axis: Axes, images: Tensor, *, columns: int) -> None:
    """Shows images (N, C, H, W) in rows of `columns`, 0 as black and 1 as white."""
    shown = grid(images.clamp(0, 1), columns=columns)[0]
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def show_codes(axis: Axes, mean: Tensor, labels: Tensor, *, reach: float) -> None:
    """Shows codes (N, 2), one colour per label, on a square from -`reach` to `reach`."""
    colours = [PALETTE[label] for label in labels]
    axis.scatter(mean[:, 0], mean[:, 1], s=4, c=colours, linewidths=0)
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
