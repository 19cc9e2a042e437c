"""Pictures from tensors: grids, originals above reconstructions, paths, the latent plane.

Shapes: N images, C channels, H and W pixels, P pairs, S steps. A picture is a float tensor
(C, H, W) with values in [0, 1]. No function rescales values: 0 is black and 1 is white in every
picture of every run, so pictures can be compared. One pixel of an image is one pixel of its
picture; only `render` enlarges, by a whole factor, so that no cell is blurred or uneven.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vae_lab.callbacks.drawing.style import BAND, LINE, SHADE
from vae_lab.files import atomic


class Drawing(Protocol):
    """What a picture draws: something that has pixels at any scale."""

    def render(self, scale: int) -> Tensor:
        """Returns bytes, (C, H, W) at a scale: scale x scale pixels per pixel or unit."""


class ImageGrid(NamedTuple):
    """A drawing of images alone, whose pixels it keeps."""

    picture: Tensor  # (C, H, W) in [0, 1]

    def render(self, scale: int) -> Tensor:
        return to_uint8(self.picture).repeat_interleave(scale, 1).repeat_interleave(scale, 2)


def grid(images: Tensor, *, columns: int) -> Tensor:
    """Lays images (N, C, H, W) out in rows, left to right, with a thin line between cells.

    Returns the picture (C, R * (H + LINE) - LINE, K * (W + LINE) - LINE), of K = min(columns, N)
    columns and R = ceil(N / K) rows. Cells left over in the last row are grey, which no image is.
    """
    count, channels, height, width = images.shape
    columns = min(columns, count)
    rows = -(-count // columns)
    cells = images.new_full((rows * columns, channels, height + LINE, width + LINE), SHADE)
    cells[:count, :, :height, :width] = images
    cells = cells.view(rows, columns, *cells.shape[1:]).permute(2, 0, 3, 1, 4)
    picture = cells.reshape(channels, rows * (height + LINE), columns * (width + LINE))
    return picture[:, :-LINE, :-LINE]


def above(originals: Tensor, reconstructions: Tensor, *, columns: int) -> Tensor:
    """Returns the picture of originals directly above their reconstructions, both (N, C, H, W).

    A double row has `columns` pairs and is 2 * H + LINE high; BAND lies between two of them.
    """
    columns = min(columns, len(originals))
    doubles = []
    for first in range(0, len(originals), columns):
        rows = [images[first : first + columns] for images in (originals, reconstructions)]
        both = torch.cat([_fill(images, columns) for images in rows])
        doubles.append(grid(both, columns=columns))
    return _join(doubles, dim=1)


def paths(starts: Tensor, images: Tensor, ends: Tensor) -> Tensor:
    """Returns the picture of one path per row, with a band between originals and decoded images.

    The originals at its start and end are (P, C, H, W), the images between them (P, S, C, H, W).
    """
    middle = grid(images.flatten(0, 1), columns=images.shape[1])
    return _join([grid(starts, columns=1), middle, grid(ends, columns=1)], dim=2)


def latent_plane(right: Tensor, up: Tensor) -> Tensor:
    """Returns every pair of two axes' ascending values (S,), in the order of `grid`: (S * S, 2).

    The first coordinate grows to the right and the second upwards, as in a graph, so the first
    point is (right[0], up[-1]), the upper left corner.
    """
    second, first = torch.meshgrid(up.flip(0), right, indexing="ij")
    return torch.stack([first.flatten(), second.flatten()], dim=1)


def to_uint8(picture: Tensor) -> Tensor:
    """Rounds a picture (C, H, W) in [0, 1] to bytes; values outside are cut, never rescaled."""
    return picture.detach().float().clamp(0, 1).mul(255).round().to("cpu", torch.uint8)


def to_array(pixels: Tensor) -> np.ndarray:
    """Returns bytes (C, H, W) as Pillow has them: (H, W) if they are grey, else (H, W, 3)."""
    return pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy()


def from_array(array: np.ndarray) -> Tensor:
    """Returns the bytes (C, H, W) of Pillow's (H, W) or (H, W, 3)."""
    pixels = torch.from_numpy(array)
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()


def to_png(pixels: Tensor, path: Path) -> None:
    """Writes bytes (C, H, W) of 1 or 3 channels as a PNG file."""
    with atomic(path) as partial:
        # Level 3 takes a third of the usual time and makes files a tenth larger.
        Image.fromarray(to_array(pixels)).save(partial, format="PNG", compress_level=3)


def _fill(images: Tensor, count: int) -> Tensor:
    """Appends grey images to (N, C, H, W) until there are `count`: a last row that is short."""
    grey = images.new_full((count - len(images), *images.shape[1:]), SHADE)
    return torch.cat([images, grey])


def _join(pictures: Sequence[Tensor], *, dim: int) -> Tensor:
    """Joins pictures below one another (dim 1) or side by side (dim 2), a band between them."""
    shape = list(pictures[0].shape)
    shape[dim] = BAND
    band = pictures[0].new_full(shape, SHADE)
    parts = [part for picture in pictures for part in (picture, band)]
    return torch.cat(parts[:-1], dim=dim)
