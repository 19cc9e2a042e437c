"""A map of the latent space for each class that a conditional model is given.

Shapes: S steps, N points, L classes, C channels, H and W pixels, Z latent dimensions.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.charts.framed import Framed
from vae_lab.callbacks.drawing.charts.panels import Panels
from vae_lab.callbacks.drawing.charts.plot import Heading, Tick
from vae_lab.callbacks.drawing.grids import grid, to_uint8
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.snapshot import Snapshot

MOST_MAPS = 12  # classes that have a map, from the first

SQUARE = "z[0] to the right, z[1] upwards"


def side_of(steps: int, classes: range) -> int:
    """Returns the points along a side of each map: all of them have about steps * steps points."""
    return max(2, math.ceil(steps / math.sqrt(min(len(classes), MOST_MAPS) or 1)))


def class_maps(
    snapshot: Snapshot, z: Tensor, heading: Heading, marked: Sequence[tuple[int, int]] = ()
) -> Panels:
    """Returns the map of points (S * S, Z), in the order of `grid`, given each class.

    `marked` are the column and the row of cells that are framed in each map.
    """
    names, images = _decoded(snapshot, z)
    steps = math.isqrt(len(z))
    height, width = images.shape[-2:]
    corners = [(x * (width + LINE), y * (height + LINE)) for x, y in marked]
    axes = [] if marked else [SQUARE]
    return Panels(
        heading=_heading(snapshot, heading, axes),
        panels=[
            (name, to_uint8(grid(each, columns=steps)))
            for name, each in zip(names, images, strict=True)
        ],
        marked=[(x, y, x + width, y + height) for x, y in corners],
        facts={"plane": True} if marked else {},
    )


def class_rows(
    snapshot: Snapshot,
    z: Tensor,
    heading: Heading,
    ticks: Callable[..., list[Tick]],
) -> Framed:
    """Returns the map of a single latent dimension, of values (S, 1): a row for each class."""
    names, images = _decoded(snapshot, z)
    height, width = images.shape[-2:]
    return Framed(
        heading=_heading(snapshot, heading, []),
        picture=to_uint8(grid(images.flatten(0, 1), columns=len(z))),
        across=ticks(z[:, 0], cell=width),
        upwards=[(row * (height + LINE) + height / 2, name) for row, name in enumerate(names)],
        axes=("z[0]", "class"),
    )


def _decoded(snapshot: Snapshot, z: Tensor) -> tuple[list[str], Tensor]:
    """Returns the names of classes, and points (N, Z) decoded given each, (L, N, C, H, W)."""
    model, classes = snapshot.model, snapshot.classes[:MOST_MAPS]
    names = [label_name(label, snapshot.data.label_names) for label in classes]
    points = z.to(model.device)
    # One class at a time: as many images at once as without classes.
    given = [torch.full((len(z),), label) for label in classes]
    return names, torch.stack([model.decode(points, labels) for labels in given])


def _heading(snapshot: Snapshot, heading: Heading, notes: Sequence[str]) -> Heading:
    total = len(snapshot.classes)
    some = f", the first {MOST_MAPS} of {total}" if total > MOST_MAPS else ""
    subtitle = "; ".join([heading.subtitle, *notes, "all maps have the same points"])
    return Heading(f"{heading.title}, given each class{some}", subtitle)
