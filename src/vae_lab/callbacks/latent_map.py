"""Maps of the latent space: decoded points of a lattice, in a plane of it.

Shapes: S steps, N images, C channels, H and W pixels, Z latent dimensions.
"""

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vae_lab.callbacks.class_maps import class_maps, class_rows, side_of
from vae_lab.callbacks.drawing.canvas import ticks
from vae_lab.callbacks.drawing.charts.framed import Framed
from vae_lab.callbacks.drawing.charts.plot import Heading, Tick
from vae_lab.callbacks.drawing.grids import Drawing, grid, latent_plane, to_uint8
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.loggers.base import RunLogger
from vae_lab.run_folder import RunFolder

if TYPE_CHECKING:
    from vae_lab.vae import VAE


# How a name begins that is spoken with a vowel first: apple, 8, 11, 18.
VOWEL = r"[aeiouAEIOU]|8|1[18]$"


@dataclass(kw_only=True)
class Lattice(Picture):
    """Decodes the points of a square lattice. The subclass says at which values its lines are."""

    steps: int

    @abstractmethod
    def axes(self, model: "VAE", steps: int) -> Tensor:
        """Returns as many values of each coordinate, ascending, (S, Z)."""

    @abstractmethod
    def heading(self, model: "VAE") -> Heading:
        """Returns what is seen, and where the points lie."""

    def facts(self, right: Tensor, up: Tensor, *, height: int, width: int) -> dict[str, Any]:
        """Returns what a reader of the file gets to know of axes (S,) with cells of such a size."""
        return {}

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Drawing:
        """Returns the map of one or two latent dimensions, or a map for each class."""
        model, flat = snapshot.model, snapshot.model.latent_dim > 1
        steps = side_of(self.steps, snapshot.classes) if flat else self.steps
        axes = self.axes(model, steps)
        right, up = axes[:, 0], axes[:, -1]
        z = latent_plane(right, up) if flat else right[:, None]
        if snapshot.classes and flat:
            return class_maps(snapshot, z, self.heading(model))
        if snapshot.classes:
            return class_rows(snapshot, z, self.heading(model), axis_ticks)
        images = model.decode(z.to(model.device))
        # Round values on both axes: downwards in pixels is upwards in the latent space.
        height, width = images.shape[2:]
        bottom = self.steps * (height + LINE) - LINE
        upwards = [(bottom - y, name) for y, name in axis_ticks(up, cell=height)]
        return Framed(
            heading=self.heading(model),
            picture=to_uint8(grid(images, columns=self.steps)),
            across=axis_ticks(right, cell=width),
            upwards=upwards if flat else [],
            axes=("z[0]", "z[1]" if flat else ""),
            facts=self.facts(right, up, height=height, width=width) if flat else {},
        )


@dataclass(kw_only=True)
class LatentMap(Lattice):
    """Decodes equally spaced points of [-extent, extent]^2, in the prior's standard deviations.

    Of more than two latent dimensions: points of the plane through three images' codes.
    """

    name = "latent_map"
    tag = "{name}/prior"
    description = (
        "Mean images decoded from equally spaced points. Of two latent dimensions: points around "
        "the prior's mean, in units of its standard deviation; the first coordinate grows to the "
        "right, the second upwards. Of one: a row. Of more: points of the plane through the "
        "posterior means of three images, which are framed, always at the same three places; "
        "straight lines are straight there, but distances in one direction cannot be compared with "
        "those in another. A conditional model has a map of the same points for each class."
    )

    extent: float
    corners: Sequence[int]  # three labels: the images that the plane of many dimensions leads to
    first_epochs: int  # after each of so many epochs it is drawn too

    def is_due(self, epochs_done: int) -> bool:
        return epochs_done <= self.first_epochs or super().is_due(epochs_done)

    def axes(self, model: "VAE", steps: int) -> Tensor:
        values = torch.linspace(-self.extent, self.extent, steps)
        return model.prior.mean() + values[:, None] * model.prior.scale()

    def heading(self, model: "VAE") -> Heading:
        steps = f"equally spaced from {-self.extent:g} to {self.extent:g}"
        if not model.prior.has_closed_kl:
            steps += " standard deviations of the prior around its mean"
        where = "across the latent plane" if model.latent_dim > 1 else "along the latent dimension"
        return Heading(f"What the decoder draws {where}", steps)

    def facts(self, right: Tensor, up: Tensor, *, height: int, width: int) -> dict[str, Any]:
        return {"axes": {"x": edges(right, cell=width), "y": edges(up, cell=height)}}

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Drawing:
        model = snapshot.model
        if model.latent_dim <= 2:
            return super().draw(snapshot, generator)
        chosen, names = three_images(snapshot, self.corners)
        examples, labels = snapshot.data.examples()
        given = snapshot.given(None if labels is None else labels[chosen].cpu())
        codes = model.encode(examples[chosen].to(model.device), given).mean
        cells, weights = triangle(side_of(self.steps, snapshot.classes))
        z = weights.to(codes) @ codes
        heading = Heading(
            f"What the decoder draws on the plane through {names}",
            f"all {model.latent_dim} latent dimensions change; the three codes are framed",
        )
        if given is not None:
            return class_maps(snapshot, z, heading, cells)
        images = model.decode(z)
        height, width = images.shape[2:]
        corners = [(x * (width + LINE), y * (height + LINE)) for x, y in cells]
        return Framed(
            heading=heading,
            picture=to_uint8(grid(images, columns=self.steps)),
            across=[],
            upwards=[],
            axes=("", ""),
            marked=[(x, y, x + width, y + height) for x, y in corners],
            facts={"plane": True},
        )


class QuantileMap(Lattice):
    """Decodes the prior's quantiles: each cell stands for the same probability.

    Of more than two latent dimensions it draws nothing: no plane has its share of the prior.
    """

    name = "quantile_map"
    tag = "latent_map/quantiles"
    description = (
        "Mean images decoded at the quantiles of the prior, so that each cell stands for the same "
        "prior probability: what a draw from the prior looks like, and how often. Under a learned "
        "prior, whose dimensions depend on one another, rows and columns are equally probable, and "
        "cells are not. Only of one or two latent dimensions. A conditional model has a map of the "
        "same points for each class."
    )

    def axes(self, model: "VAE", steps: int) -> Tensor:
        # The middle of each of S parts of equal probability.
        probability = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
        return model.prior.quantiles(probability)

    def heading(self, model: "VAE") -> Heading:
        what = "cell" if model.prior.has_closed_kl else "row and column"
        return Heading(
            "What the decoder draws where the prior is",
            f"at the prior's quantiles: each {what} is equally probable",
        )

    def publish(self, snapshot: Snapshot, folder: RunFolder, loggers: Sequence[RunLogger]) -> None:
        if snapshot.model.latent_dim <= 2:
            super().publish(snapshot, folder, loggers)


def three_images(snapshot: Snapshot, labels: Sequence[int]) -> tuple[list[int], str]:
    """Returns the rows of three images, a typical one of each label, and what to call them.

    If a label is missing, the first image that is left takes its place, and so without labels.
    """
    examples, own = snapshot.data.examples()
    chosen: list[int] = []
    for label in labels:
        there = snapshot.typical(label)
        left = [k for k in (*there, *range(len(examples))) if k not in chosen]
        chosen.append(left[0] if left else 0)
    if own is None:
        return chosen, "the codes of three images"
    names = [label_name(int(own[index]), snapshot.data.label_names) for index in chosen]
    first, second, third = (f"{'an' if re.match(VOWEL, name) else 'a'} {name}" for name in names)
    return chosen, f"{first}, {second} and {third}"


def triangle(steps: int) -> tuple[list[tuple[int, int]], Tensor]:
    """Returns the cells of three points, and what each cell of the lattice has of them.

    Column and row of the lower left, the lower right and the upper point, and weights (S * S, 3)
    in the order of `grid`, which are 1, 0 and 0 at the first point, and add up to 1 everywhere: a
    cell stands for weights @ points, on the plane through them.
    """
    margin = round(0.2 * (steps - 1))
    low, high = margin, steps - 1 - margin
    cells = [(low, high), (high, high), ((steps - 1) // 2, low)]
    row, column = torch.meshgrid(torch.arange(steps), torch.arange(steps), indexing="ij")
    lattice = torch.stack([column, row, torch.ones_like(row)], dim=2).view(-1, 3).double()
    corners = torch.tensor([(*cell, 1) for cell in cells], dtype=torch.float64)
    return cells, torch.linalg.solve(corners, lattice, left=False)


def axis_ticks(axis: Tensor, *, cell: int) -> list[Tick]:
    """Returns round values and where they stand, in pixels from the first cell's edge.

    `axis` has the value in the middle of each cell of `cell` pixels, ascending, (S,).
    """
    values = axis.double().numpy()
    pitch = cell + LINE
    return [
        (float(np.interp(value, values, np.arange(len(values)))) * pitch + cell / 2, name)
        for value, name in ticks(values[0], values[-1], at_most=7)
    ]


def edges(axis: Tensor, *, cell: int) -> list[float]:
    """Returns the values at both edges of a map, of an equally spaced axis (S,) as above."""
    half = (axis[1] - axis[0]).item() * cell / 2 / (cell + LINE)
    return [axis[0].item() - half, axis[-1].item() + half]
