"""New images: decoded draws from the prior.

Shapes: C channels, H and W pixels.
"""

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.grids import grid
from vae_lab.callbacks.picture import Picture, require_at_least
from vae_lab.callbacks.snapshot import Scene


class Samples(Picture):
    """Decodes the same prior draws each time, so that epochs and runs compare."""

    tag = "samples/prior"
    description = (
        "Mean images decoded from draws of the prior. The draws are the same in every epoch, and "
        "in every run with the same latent_dim."
    )

    def __init__(
        self, *, num_images: int, columns: int, every_n_epochs: int, seed: int, scale: int
    ) -> None:
        super().__init__(every_n_epochs=every_n_epochs, seed=seed, scale=scale)
        require_at_least("num_images", num_images, 1)
        require_at_least("columns", columns, 1)
        self.num_images, self.columns = num_images, columns

    def draw(self, scene: Scene, generator: torch.Generator) -> Tensor:
        return grid(scene.module.sample(self.num_images, generator=generator), columns=self.columns)
