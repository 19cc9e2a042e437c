"""The map of a two-dimensional latent space.

Shapes: C channels, H and W pixels.
"""

import torch
from torch import Tensor

from vae_lab.callbacks.base import VAE, Data, Picture, require_at_least
from vae_lab.images import grid, latent_plane


class LatentMap(Picture):
    """Decodes a square lattice of points z. It has no picture unless `latent_dim` is 2."""

    tag = "latent_map/prior"
    description = (
        "Mean images decoded from a square lattice of points around the prior's mean: the first "
        "latent dimension grows to the right, the second upwards."
    )

    def __init__(
        self, *, steps: int, extent: float, every_n_epochs: int, seed: int, scale: int
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, seed=seed, scale=scale)
        require_at_least("steps", steps, 2)
        if not extent > 0:
            raise ValueError(f"extent must be above 0, got {extent}.")
        self.steps, self.extent = steps, extent

    def applies(self, module: VAE) -> bool:
        return module.latent_dim == 2

    def draw(self, module: VAE, data: Data, generator: torch.Generator) -> Tensor:
        z = latent_plane(steps=self.steps, extent=self.extent).to(module.device)
        return grid(module.decode(z), columns=self.steps)
