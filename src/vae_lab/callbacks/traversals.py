"""What each latent dimension does, one at a time.

Shapes: R rows, S steps, C channels, H and W pixels, Z latent dimensions.
"""

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.charts import Framed, Heading
from vae_lab.callbacks.drawing.grids import LINE, grid, to_uint8
from vae_lab.callbacks.picture import Picture, require_at_least
from vae_lab.callbacks.snapshot import Scene

_AXIS = "value of the row's dimension; the others are kept"

_SCALED_AXIS = "row's dimension, in the prior's standard deviations from its mean"


class Traversals(Picture):
    """Moves one latent dimension a row from -extent to extent, the most used dimension first."""

    tag = "traversals/latent"
    description = (
        "Each row changes one latent dimension and keeps the others, starting from the posterior "
        "mean of one image, the same in every epoch and run, or from the prior's mean. Rows are "
        "ordered by the dimension's mean KL, which stands at the left: the first ones carry the "
        "information, and a row that does not change belongs to a dimension that is not used."
    )

    def __init__(
        self,
        *,
        max_rows: int,
        steps: int,
        extent: float,
        start: int | None,
        num_images: int,
        every_n_epochs: int,
        seed: int,
        scale: int,
    ) -> None:
        """Sets what is drawn.

        Args:
            max_rows: the most used dimensions, at most so many.
            steps: images a row.
            extent: a row leads from -extent to extent, in the prior's standard deviations.
            start: the image from whose posterior mean rows start; None for the prior's mean.
            num_images: how many images the KL is averaged over.
            every_n_epochs: see `Picture`.
            seed: see `Picture`.
            scale: see `Picture`.
        """
        super().__init__(every_n_epochs=every_n_epochs, seed=seed, scale=scale)
        require_at_least("max_rows", max_rows, 1)
        require_at_least("steps", steps, 2)
        require_at_least("num_images", num_images, 1)
        require_at_least("start", start or 0, 0)
        if not extent > 0:
            raise ValueError(f"extent must be above 0, got {extent}.")
        self.max_rows, self.steps, self.extent = max_rows, steps, extent
        self.start, self.num_images = start, num_images

    def draw(self, scene: Scene, generator: torch.Generator) -> Framed:
        look = scene.look(self.num_images)
        dims, kl = look.by_use()[: self.max_rows], look.kl_per_dim()
        prior = scene.module.prior
        places = torch.linspace(-self.extent, self.extent, self.steps)
        start, from_where = prior.mean(), "the prior's mean"
        if self.start is not None:
            place = self.start % len(look.mean)
            start = look.mean[place]
            from_where = f"{scene.image_kind().removesuffix('s')} {place}"
        # Of the standard normal prior the places are the values themselves.
        values = prior.mean() + places[:, None] * prior.scale()  # (S, Z)
        z = traverse(start, dims, values).flatten(0, 1)
        images = scene.module.decode(z.to(scene.module.device))
        height, width = images.shape[2:]
        shown = "all" if len(dims) == len(kl) else f"{len(dims)} most used of"
        return Framed(
            heading=Heading(
                f"One latent dimension a row, with its mean {scene.kl_words()} in nats",
                f"{shown} {len(kl)} dimensions, starting from {from_where}",
            ),
            picture=to_uint8(grid(images, columns=self.steps)),
            across=[
                (k * (width + LINE) + width / 2, f"{value:.3g}")
                for k, value in enumerate(places.tolist())
            ],
            upwards=[
                (row * (height + LINE) + height / 2, f"z[{dim}]  {kl[dim]:.2f}")
                for row, dim in enumerate(dims)
            ],
            # Words beside the rows would be cut off where there are only one or two of them.
            axes=(_AXIS if prior.has_closed_kl else _SCALED_AXIS, ""),
            left=72,
        )


def traverse(start: Tensor, dims: list[int], values: Tensor) -> Tensor:
    """Returns points that equal `start` but for one dimension, (R, S, Z).

    Args:
        start: (Z,).
        dims: the dimension that row r changes.
        values: what each dimension is set to at each step, (S, Z).
    """
    z = start.repeat(len(dims), len(values), 1)
    for row, dim in enumerate(dims):
        z[row, :, dim] = values[:, dim]
    return z
