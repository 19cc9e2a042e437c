"""Maps of the latent space: decoded points of a lattice, over two latent dimensions.

Shapes: S steps, C channels, H and W pixels, Z latent dimensions.
"""

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from vae_lab.callbacks.base import Picture, require_at_least
from vae_lab.callbacks.scene import Scene
from vae_lab.charts import Framed, Heading, Tick
from vae_lab.images import LINE, grid, latent_plane, to_uint8
from vae_lab.plots import ticks

OTHERS = (
    "Where the latent space has more than two dimensions, the map is over the two with the "
    "largest KL, the others being 0, the prior's mean: the axes name them, and they can change "
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
    def axis(self) -> Tensor:
        """Returns the values of one coordinate, ascending, (S,)."""

    @abstractmethod
    def subtitle(self) -> str:
        """Returns where the points lie, in words."""

    def draw(self, scene: Scene, generator: torch.Generator) -> Framed:
        axis, latent_dim = self.axis(), scene.module.latent_dim
        dims, names = self._dimensions(scene)
        plane = latent_plane(axis) if latent_dim > 1 else axis[:, None]
        z = torch.zeros(len(plane), latent_dim)
        z[:, dims] = plane
        images = scene.module.decode(z.to(scene.module.device))
        height, width = images.shape[2:]
        across = places(axis, cell=width)
        upwards = [
            (self.steps * (height + LINE) - LINE - y, name) for y, name in places(axis, cell=height)
        ]
        others = f", {latent_dim - 2} other dimensions at 0" if latent_dim > 2 else ""
        return Framed(
            heading=Heading(
                f"{len(plane)} decoded points of the latent space", self.subtitle() + others
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
        return dims, [f"z[{dim}], KL {kl[dim]:.2f} nats" for dim in dims]


class LatentMap(Lattice):
    """Decodes equally spaced points of [-extent, extent]^2."""

    tag = "latent_map/prior"
    description = (
        "Mean images decoded from equally spaced points around the prior's mean; the first "
        f"coordinate grows to the right, the second upwards. {OTHERS}"
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

    def axis(self) -> Tensor:
        return torch.linspace(-self.extent, self.extent, self.steps)

    def subtitle(self) -> str:
        return f"equally spaced from {-self.extent:g} to {self.extent:g}"


class QuantileMap(Lattice):
    """Decodes the prior's quantiles: each cell stands for the same probability."""

    tag = "latent_map/quantiles"
    description = (
        "Mean images decoded at the quantiles of the standard normal prior, so that each cell "
        "stands for the same prior probability: what a draw from the prior looks like, and how "
        f"often. {OTHERS}"
    )

    @property
    def file_name(self) -> str:
        return "quantile_map"

    def axis(self) -> Tensor:
        # The middle of each of S parts of equal probability.
        probability = (torch.arange(self.steps, dtype=torch.float64) + 0.5) / self.steps
        return torch.special.ndtri(probability).float()

    def subtitle(self) -> str:
        return "at the prior's quantiles: each cell is equally probable"


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
