"""What each latent dimension does, one at a time.

Shapes: R rows, S steps, C channels, H and W pixels, Z latent dimensions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.charts import Framed, Heading
from vae_lab.callbacks.drawing.grids import grid, to_uint8
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot

_AXIS = "value of the row's dimension; the others are kept"

_SCALED_AXIS = "row's dimension, in the prior's standard deviations from its mean"


@dataclass(kw_only=True)
class Traversals(Picture):
    """Moves one latent dimension per row from -extent to extent, the most used dimension first."""

    name = "traversals"
    tag = "{name}/latent"
    description = (
        "Each row changes one latent dimension and keeps the others, starting from the posterior "
        "mean of one image, the same in every epoch and run, or from the prior's mean. Rows are "
        "ordered by the dimension's mean KL, which stands at the left: the first ones carry the "
        "information, and a row that does not change belongs to a dimension that is not used."
    )

    max_rows: int  # the most used dimensions, at most so many
    steps: int  # images per row
    extent: float  # a row leads from -extent to extent, in the prior's standard deviations
    start: int | None  # the image from whose posterior mean rows start; None: the prior's mean
    num_images: int  # that the KL is averaged over

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Framed:
        encoded = snapshot.encoded(self.num_images)
        dims, kl = encoded.dimensions_by_kl()[: self.max_rows], encoded.kl_per_dim()
        model, prior = snapshot.model, snapshot.model.prior
        offsets = torch.linspace(-self.extent, self.extent, self.steps)
        start, start_name = prior.mean(), "the prior's mean"
        image_name = snapshot.image_kind.removesuffix("s")
        if self.start is not None:
            index = self.start % len(encoded.mean)
            start, start_name = encoded.mean[index], f"{image_name} {index}"
        # Of the standard normal prior the offsets are the values themselves.
        values = prior.mean() + offsets[:, None] * prior.scale()  # (S, Z)
        z = traverse(start, dims, values).flatten(0, 1)
        images = model.decode(z.to(model.device))
        height, width = images.shape[2:]
        shown = "all" if len(dims) == len(kl) else f"{len(dims)} most used of"
        return Framed(
            heading=Heading(
                f"One latent dimension a row, with its mean {snapshot.kl_name} in nats",
                f"{shown} {len(kl)} dimensions, starting from {start_name}",
            ),
            picture=to_uint8(grid(images, columns=self.steps)),
            across=[
                (k * (width + LINE) + width / 2, f"{value:.3g}")
                for k, value in enumerate(offsets.tolist())
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
    """Returns points (R, S, Z) that equal `start` (Z,) except in the dimension that a row changes.

    Row r sets the dimension dims[r] to its column of `values` (S, Z), step by step.
    """
    z = start.repeat(len(dims), len(values), 1)
    for row, dim in enumerate(dims):
        z[row, :, dim] = values[:, dim]
    return z
