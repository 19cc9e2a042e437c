"""Where the encoder puts the images.

Shapes: N images, Z latent dimensions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.charts import MOST_NAMES, Heading, Scatter, Tick
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import EncodedImages, Snapshot


@dataclass(kw_only=True)
class LatentScatter(Picture):
    """Draws posterior means coloured by label: as they are, or by PCA for more than two."""

    name = "latent_scatter"
    description = (
        "Posterior means of images, coloured by label, with equal units on both axes. Of more than "
        "two latent dimensions the first two principal components of the means are shown, and the "
        "title says how much of their variance that is. Of one dimension, each label has a row. "
        "The text at a group is its label, at the group's median."
    )

    num_images: int

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Scatter:
        encoded = snapshot.encoded(self.num_images)
        names = snapshot.data.label_names
        title = f"Posterior means of {len(encoded.mean):,} {snapshot.image_kind}"
        latent_dim = encoded.mean.shape[1]
        axes, rows, points = ("z[0]", "z[1]"), None, encoded.mean
        subtitle = "coloured by label" if encoded.labels is not None else "without labels"
        if latent_dim == 1:
            points, rows = in_rows(encoded, names, generator)
            axes = ("z[0]", "label" if encoded.labels is not None else "")
            subtitle = "one latent dimension; heights within a row mean nothing"
        elif latent_dim > 2:
            points, share = principal(encoded.mean)
            axes = ("1st component", "2nd component")
            subtitle = (
                f"2 principal components of {latent_dim} dimensions: "
                f"{100 * share:.0f} % of the variance of the means"
            )
        return Scatter(Heading(title, subtitle), points, encoded.labels, axes, rows, names)


def principal(points: Tensor) -> tuple[Tensor, float]:
    """Returns points (N, Z), centred, on their first two principal components, and their share.

    The points that come out are (N, 2); the share is that of the variance, in [0, 1].
    A direction's sign is that of its largest coordinate, so that it does not flip by chance from
    epoch to epoch. Points that do not vary have the share 1: nothing is hidden.
    """
    centred = points.double() - points.double().mean(dim=0)
    if not centred.isfinite().all():
        return points[:, :2], 0.0
    values, vectors = torch.linalg.eigh(centred.T @ centred)  # ascending
    first = vectors[:, -2:].flip(1)  # (Z, 2)
    first = first * first.gather(0, first.abs().argmax(dim=0)[None]).sign()
    total = values.sum()
    share = (values[-2:].sum() / total).item() if total > 0 else 1.0
    return centred @ first, min(share, 1.0)


def in_rows(
    encoded: EncodedImages, label_names: Sequence[str] | None, generator: torch.Generator
) -> tuple[Tensor, list[Tick]]:
    """Returns points (N, 2) of a single latent dimension, a row for each label, and the rows."""
    count = len(encoded.mean)
    names, groups = [""], torch.zeros(count, dtype=torch.long)
    if encoded.labels is not None:
        classes, groups = torch.unique(encoded.labels, return_inverse=True)
        names = [label_name(label, label_names) for label in classes.tolist()]
    spread = 0.7 * (torch.rand(count, generator=generator) - 0.5)  # else they hide one another
    points = torch.stack([encoded.mean[:, 0], groups + spread], dim=1)
    # Of many labels some are named, so that no name covers the next.
    step = math.ceil(len(names) / MOST_NAMES)
    return points, [(float(row), name) for row, name in enumerate(names) if row % step == 0]
