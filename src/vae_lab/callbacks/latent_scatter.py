"""Where the encoder puts the images.

Shapes: N images, Z latent dimensions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.charts.plot import Heading, Tick
from vae_lab.callbacks.drawing.charts.scatter import MOST_NAMES, Scatter, Window
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import EncodedImages, Snapshot

REACH = 4  # of the axes, in the prior's standard deviations from its mean

# Of a conditional model.
GIVEN = "given the class of each, so classes should overlap"

RINGS = (1.0, 2.0)  # standard deviations of the standard normal prior


@dataclass(kw_only=True)
class LatentScatter(Picture):
    """Draws posterior means coloured by label: as they are, or in two dimensions of many."""

    name = "latent_scatter"
    description = (
        "Posterior means of images, coloured by label, with equal units on both axes, which reach "
        f"to {REACH} standard deviations of the prior in every epoch; points beyond lie at the "
        "edge, and the subtitle counts them. The circles are one and two standard deviations of "
        "the standard normal prior: with two latent dimensions 39 % and 86 % of its draws lie "
        "inside. A learned prior has no circles, and the axes follow it. Of more than two latent "
        "dimensions the first two principal components of the means are shown, from the prior's "
        "mean, and the subtitle says how much of their variance that is; or t-SNE "
        "(projection=tsne), whose distances and axes cannot be interpreted. Of one dimension, each "
        "label has a row. The text at a group is its label, at the group's median or beside it. A "
        "conditional model is given the class of each image, so the classes should overlap: z "
        "holds what the class does not say."
    )

    num_images: int
    projection: str  # of more than two dimensions: pca; or tsne, at the end of the training only

    def is_due(self, epochs_done: int) -> bool:
        # t-SNE takes ten seconds for 2,000 images, and its places change from epoch to epoch.
        return self.projection != "tsne" and super().is_due(epochs_done)

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Scatter:
        encoded, latent_dim = snapshot.encoded(self.num_images), snapshot.model.latent_dim
        if latent_dim > 2 and self.projection == "tsne":
            return self._neighbours(snapshot, encoded)
        prior = snapshot.model.prior
        centre, scale = prior.mean(), prior.scale().max().item()
        rows, notes, axes = None, [], ("z[0]", "z[1]")
        points, middle = encoded.mean, (centre[0].item(), centre[-1].item())
        if latent_dim == 1:
            points, rows = in_rows(encoded, snapshot.data.label_names, generator)
            axes = ("z[0]", "label" if encoded.labels is not None else "")
            notes = ["heights within a row are arbitrary"]
        elif latent_dim > 2:
            points, share = principal(encoded.mean - centre)
            middle, axes = (0.0, 0.0), ("1st component", "2nd component")
            notes = [f"2 components of {latent_dim}: {100 * share:.0f} % of the variance"]
        if prior.has_closed_kl and latent_dim > 1:
            notes.append("circles: 1 and 2 standard deviations of the prior")
        if not prior.has_closed_kl:
            notes.append(f"axes: {REACH} standard deviations of the learned prior")
        window = Window(middle, REACH * scale)
        edges = dict(zip("xy", window.edges(), strict=True))
        return Scatter(
            heading=self._heading(snapshot, encoded, [*notes, *self._beyond(points, window, rows)]),
            points=points,
            labels=encoded.labels,
            axes=axes,
            window=window,
            rows=rows,
            names=snapshot.data.label_names,
            rings=RINGS if prior.has_closed_kl and latent_dim > 1 else (),
            facts={"axes": edges} if latent_dim == 2 else {},
        )

    def _heading(self, snapshot: Snapshot, encoded: EncodedImages, notes: Sequence[str]) -> Heading:
        what = f"{len(encoded.mean):,} {snapshot.image_kind}"
        if snapshot.classes:
            notes = [*notes, GIVEN]
        return Heading(f"Where the encoder puts {what}", "; ".join(notes))

    def _beyond(self, points: Tensor, window: Window, rows: Sequence[Tick] | None) -> list[str]:
        """Returns how many points (N, 2) lie beyond the axes, if there are any."""
        outside = ~((points - torch.tensor(window.centre)).abs() <= window.reach)
        count = int((outside[:, 0] if rows is not None else outside.any(dim=1)).sum())
        return [f"{count} beyond the axes, at the edge"] * (count > 0)

    def _neighbours(self, snapshot: Snapshot, encoded: EncodedImages) -> Scatter:
        points = neighbour_embedding(encoded.mean, seed=self.seed)
        low, high = points.amin(dim=0), points.amax(dim=0)
        x, y = ((low + high) / 2).tolist()
        window = Window((x, y), max(1e-6, 0.53 * (high - low).max().item()))
        dims = snapshot.model.latent_dim
        note = f"t-SNE of {dims} dimensions: neighbours stay together, distances are arbitrary"
        return Scatter(
            heading=self._heading(snapshot, encoded, [note]),
            points=points,
            labels=encoded.labels,
            axes=("", ""),
            window=window,
            names=snapshot.data.label_names,
            numbered=False,
        )


def principal(points: Tensor) -> tuple[Tensor, float]:
    """Returns points (N, Z) on the first two principal components, and their share.

    The points that come out are (N, 2), from the same origin; the share is that of the variance
    around their mean, in [0, 1].
    A direction's sign is that of its largest coordinate, so that it does not flip by chance from
    epoch to epoch. Points that do not vary have the share 1: nothing is hidden.
    """
    directions, share = principal_directions(points)
    if directions is None:
        return points[:, :2], 0.0
    return points.double() @ directions, share


def principal_directions(points: Tensor) -> tuple[Tensor | None, float]:
    """Returns the two directions in which points (N, Z) vary most, (Z, 2), and their share.

    The share is that of the variance around the mean, in [0, 1]. Of points that are not finite the
    directions are None.
    """
    centred = points.double() - points.double().mean(dim=0)
    if not centred.isfinite().all():
        return None, 0.0
    values, vectors = torch.linalg.eigh(centred.T @ centred)  # ascending
    first = vectors[:, -2:].flip(1)  # (Z, 2)
    first = first * first.gather(0, first.abs().argmax(dim=0)[None]).sign()
    total = values.sum()
    share = (values[-2:].sum() / total).item() if total > 0 else 1.0
    return first, min(share, 1.0)


def neighbour_embedding(points: Tensor, *, seed: int) -> Tensor:
    """Returns points (N, Z) in two dimensions, (N, 2), by t-SNE; the same for the same points.

    Source: van der Maaten and Hinton, Visualizing Data using t-SNE, JMLR 9 (2008). Points that are
    not finite stay so; a single one lies at 0.
    """
    # Only here: importing them takes a second.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    finite = points.isfinite().all(dim=1)
    count = int(finite.sum())
    embedded = points.new_full((len(points), 2), math.nan)
    embedded[finite] = 0
    if count > 1:
        # The usual perplexity, which must be below the number of points.
        tsne: Any = TSNE(perplexity=min(30, (count - 1) / 3), init="pca", random_state=seed)
        # Of several threads each waits for all: ten times slower where other runs compute too.
        with threadpool_limits(1):
            embedded[finite] = torch.from_numpy(tsne.fit_transform(points[finite].numpy()))
    return embedded


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
