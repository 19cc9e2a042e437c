"""Maps of the latent space: decoded points of a lattice, over two latent dimensions.

Shapes: S steps, C channels, H and W pixels, Z latent dimensions.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import ticks
from vae_lab.callbacks.drawing.charts import Framed, Heading, Tick
from vae_lab.callbacks.drawing.grids import grid, latent_plane, to_uint8
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot

if TYPE_CHECKING:
    from vae_lab.vae import VAE

OTHERS = (
    "Where the latent space has more than two dimensions, the map is over the two with the "
    "largest KL, the others being at the prior's mean: the axes name them, and they can change "
    "from epoch to epoch. Where it has one, the map is one row."
)


@dataclass(kw_only=True)
class Lattice(Picture):
    """Decodes the points of a square lattice. The subclass says at which values its lines are."""

    steps: int
    num_images: int  # to find the most used dimensions

    @abstractmethod
    def axes(self, model: "VAE") -> Tensor:
        """Returns the values of each coordinate, ascending, (S, Z)."""

    @abstractmethod
    def subtitle(self, model: "VAE") -> str:
        """Returns a text that says where the points lie."""

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Framed:
        model, latent_dim = snapshot.model, snapshot.model.latent_dim
        axes = self.axes(model)
        dims, names = self._dimensions(snapshot)
        # The lattice, in the plane of two dimensions; the others stay at the prior's mean.
        right, up = axes[:, dims[0]], axes[:, dims[-1]]
        plane = latent_plane(right, up) if latent_dim > 1 else right[:, None]
        centre = model.prior.mean()
        z = centre.repeat(len(plane), 1)
        z[:, dims] = plane
        images = model.decode(z.to(model.device))
        # Round values on both axes: downwards in pixels is upwards in the latent space.
        height, width = images.shape[2:]
        across = axis_ticks(right, cell=width)
        bottom = self.steps * (height + LINE) - LINE
        upwards = [(bottom - y, name) for y, name in axis_ticks(up, cell=height)]
        centre_name = "0" if not centre.any() else "the prior's mean"
        others = f", {latent_dim - 2} other dimensions at {centre_name}" if latent_dim > 2 else ""
        return Framed(
            heading=Heading(
                f"{len(plane)} decoded points of the latent space", self.subtitle(model) + others
            ),
            picture=to_uint8(grid(images, columns=self.steps)),
            across=across,
            upwards=upwards if latent_dim > 1 else [],
            axes=(names[0], names[1] if latent_dim > 1 else ""),
            left=52 if latent_dim > 1 else 16,
        )

    def _dimensions(self, snapshot: Snapshot) -> tuple[list[int], list[str]]:
        """Returns the dimensions to the right and upwards, and their names."""
        if snapshot.model.latent_dim <= 2:  # no choice to make, so always the same axes
            dims = list(range(snapshot.model.latent_dim))
            return dims, [f"z[{dim}]" for dim in dims]
        encoded = snapshot.encoded(self.num_images)
        dims, kl = encoded.dimensions_by_kl()[:2], encoded.kl_per_dim()
        return dims, [f"z[{dim}], {snapshot.kl_name} {kl[dim]:.2f} nats" for dim in dims]


@dataclass(kw_only=True)
class LatentMap(Lattice):
    """Decodes equally spaced points of [-extent, extent]^2, in the prior's standard deviations."""

    name = "latent_map"
    tag = "{name}/prior"
    description = (
        "Mean images decoded from equally spaced points around the prior's mean, in units of its "
        "standard deviation; the first coordinate grows to the right, the second upwards. "
        f"{OTHERS}"
    )

    extent: float

    def axes(self, model: "VAE") -> Tensor:
        steps = torch.linspace(-self.extent, self.extent, self.steps)
        return model.prior.mean() + steps[:, None] * model.prior.scale()

    def subtitle(self, model: "VAE") -> str:
        steps = f"equally spaced from {-self.extent:g} to {self.extent:g}"
        if model.prior.has_closed_kl:
            return steps
        return f"{steps} standard deviations of the prior around its mean"


class QuantileMap(Lattice):
    """Decodes the prior's quantiles: each cell stands for the same probability."""

    name = "quantile_map"
    tag = "latent_map/quantiles"
    description = (
        "Mean images decoded at the quantiles of the prior, so that each cell stands for the same "
        "prior probability: what a draw from the prior looks like, and how often. Under a learned "
        "prior, whose dimensions depend on one another, rows and columns are equally probable, and "
        f"cells are not. {OTHERS}"
    )

    def axes(self, model: "VAE") -> Tensor:
        # The middle of each of S parts of equal probability.
        probability = (torch.arange(self.steps, dtype=torch.float64) + 0.5) / self.steps
        return model.prior.quantiles(probability)

    def subtitle(self, model: "VAE") -> str:
        what = "cell" if model.prior.has_closed_kl else "row and column"
        return f"at the prior's quantiles: each {what} is equally probable"


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
