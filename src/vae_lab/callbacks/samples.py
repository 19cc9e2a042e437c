"""New images: decoded draws from the prior.

Shapes: C channels, H and W pixels.
"""

from dataclasses import dataclass

import torch

from vae_lab.callbacks.drawing.grids import ImageGrid, grid
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot


@dataclass(kw_only=True)
class Samples(Picture):
    """Decodes the same prior draws each time, so that epochs and runs compare."""

    name = "samples"
    tag = "{name}/prior"
    description = (
        "Mean images decoded from draws of the prior. The draws are the same in every epoch, and "
        "in every run with the same latent_dim."
    )

    num_images: int
    columns: int

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> ImageGrid:
        images = snapshot.model.sample(self.num_images, generator=generator)
        title = "draws from the prior, decoded"
        return ImageGrid(grid(images, columns=self.columns), title=title)
