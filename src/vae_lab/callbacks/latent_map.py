"""Maps of the latent space: decoded points of a lattice, over two latent dimensions.

Shapes: S steps, C channels, H and W pixels, Z latent dimensions.
"""

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import ticks
from vae_lab.callbacks.drawing.charts import Framed, Heading, Tick
from vae_lab.callbacks.drawing.grids import LINE, grid, latent_plane, to_uint8
from vae_lab.callbacks.picture import Picture, require_at_least
from vae_lab.callbacks.snapshot import Prior, Scene

OTHERS = (
    "Where the latent space has more than two dimensions, the map is over the two with the "
    "largest KL, the others being at the prior's mean: the axes name them, and they can change "
    "from epoch to epoch. Where it has one, the map is one row."
)


class Lattice(Picture):
    """Decodes the points of a square lattice. The subclass says where its lines are."""

    def __init__(
        self, *, steps: int, num_images: int, every_n_epochs: int, seed: int, scale: int
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, seed=seed, scale=scale)
        require_at_least("steps", steps, 2)
        require_at_least("num_images", num_images, 1)
        self.steps, self.num_images = steps, num_images

    @abstractmethod
    def axes(self, prior: Prior) -> Tensor:
        """Returns the values of each coordinate, ascending, (S, Z)."""

    @abstractmethod
    def subtitle(self, prior: Prior) -> str:
        """Returns where the points lie, in words."""

    def draw(self, scene: Scene, generator: torch.Generator) -> Framed:
        prior, latent_dim = scene.module.prior, scene.module.latent_dim
        axes = self.axes(prior)
        dims, names = self._dimensions(scene)
        right, up = axes[:, dims[0]], axes[:, dims[-1]]
        plane = latent_plane(right, up) if latent_dim > 1 else right[:, None]
        centre = prior.mean()
        z = centre.repeat(len(plane), 1)
        z[:, dims] = plane
        images = scene.module.decode(z.to(scene.module.device))
        height, width = images.shape[2:]
        across = places(right, cell=width)
        upwards = [
            (self.steps * (height + LINE) - LINE - y, name) for y, name in places(up, cell=height)
        ]
        where = "0" if not centre.any() else "the prior's mean"
        others = f", {latent_dim - 2} other dimensions at {where}" if latent_dim > 2 else ""
        return Framed(
            heading=Heading(
                f"{len(plane)} decoded points of the latent space", self.subtitle(prior) + others
            ),
            picture=to_uint8(grid(images, columns=self.steps)),
            across=across,
            upwards=upwards if latent_dim > 1 else [],
            axes=(names[0], names[1] if latent_dim > 1 else ""),
            left=52 if latent_dim > 1 else 16,
        )

    def _dimensions(self, scene: Scene) -> tuple[list[int], list[str]]:
        """Returns the dimensions to the right and upwards, and their names."""
        if scene.module.latent_dim <= 2:  # no choice to make, so always the same axes
            dims = list(range(scene.module.latent_dim))
            return dims, [f"z[{dim}]" for dim in dims]
        look = scene.look(self.num_images)
        dims, kl = look.by_use()[:2], look.kl_per_dim()
        return dims, [f"z[{dim}], {scene.kl_words()} {kl[dim]:.2f} nats" for dim in dims]


class LatentMap(Lattice):
    """Decodes equally spaced points of [-extent, extent]^2, in the prior's standard deviations."""

    tag = "latent_map/prior"
    description = (
        "Mean images decoded from equally spaced points around the prior's mean, in units of its "
        "standard deviation; the first coordinate grows to the right, the second upwards. "
        f"{OTHERS}"
    )

    def __init__(
        self,
        *,
        steps: int,
        extent: float,
        num_images: int,
        every_n_epochs: int,
        seed: int,
        scale: int,
    ) -> None:
        super().__init__(
            steps=steps,
            num_images=num_images,
            every_n_epochs=every_n_epochs,
            seed=seed,
            scale=scale,
        )
        if not extent > 0:
            raise ValueError(f"extent must be above 0, got {extent}.")
        self.extent = extent

    def axes(self, prior: Prior) -> Tensor:
        steps = torch.linspace(-self.extent, self.extent, self.steps)
        return prior.mean() + steps[:, None] * prior.scale()

    def subtitle(self, prior: Prior) -> str:
        where = f"equally spaced from {-self.extent:g} to {self.extent:g}"
        if prior.has_closed_kl:
            return where
        return f"{where} standard deviations of the prior around its mean"


class QuantileMap(Lattice):
    """Decodes the prior's quantiles: each cell stands for the same probability."""

    tag = "latent_map/quantiles"
    description = (
        "Mean images decoded at the quantiles of the prior, so that each cell stands for the same "
        "prior probability: what a draw from the prior looks like, and how often. Under a learned "
        "prior, whose dimensions depend on one another, rows and columns are equally probable, and "
        f"cells are not. {OTHERS}"
    )

    @property
    def file_name(self) -> str:
        return "quantile_map"

    def axes(self, prior: Prior) -> Tensor:
        # The middle of each of S parts of equal probability.
        probability = (torch.arange(self.steps, dtype=torch.float64) + 0.5) / self.steps
        return prior.quantiles(probability)

    def subtitle(self, prior: Prior) -> str:
        what = "cell" if prior.has_closed_kl else "row and column"
        return f"at the prior's quantiles: each {what} is equally probable"


def places(axis: Tensor, *, cell: int) -> list[Tick]:
    """Returns round values of an axis and where they stand, in pixels from the first cell's edge.

    Args:
        axis: the value in the middle of each cell, ascending, (S,).
        cell: pixels of a cell.
    """
    values = axis.double().numpy()
    pitch = cell + LINE
    return [
        (float(np.interp(value, values, np.arange(len(values)))) * pitch + cell / 2, name)
        for value, name in ticks(values[0], values[-1], at_most=7)
    ]
