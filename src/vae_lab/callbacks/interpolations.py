"""Paths through latent space, from one digit to another.

Shapes: N images, P pairs, S steps, C channels, H and W pixels, Z latent dimensions.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.grids import ImageGrid, paths
from vae_lab.callbacks.drawing.style import BAND, LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot


@dataclass(kw_only=True)
class Interpolations(Picture):
    """Decodes points on the straight line between the posterior means of two images, a row each."""

    name = "interpolations"
    tag = "{name}/latent"
    description = (
        "Each row leads from the original on its left to the one on its right: decoded points, "
        "equally spaced, on the straight line between their posterior means (no sampling)."
    )

    pairs: Sequence[Sequence[int]]  # labels: from, to
    steps: int

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> ImageGrid:
        model = snapshot.model
        examples, labels = snapshot.data.examples()
        first, last = find_pairs(labels, self.pairs, count=len(examples)).unbind(1)
        starts, ends = examples[first].to(model.device), examples[last].to(model.device)
        z = between(model.encode(starts).mean, model.encode(ends).mean, steps=self.steps)
        decoded = model.decode(z.flatten(0, 1))  # (P * S, C, H, W)
        images = decoded.view(*z.shape[:2], *decoded.shape[1:])
        picture = paths(starts, images, ends)
        title = "between the codes of two originals, decoded at lambda"
        above = columns(self.steps, width=images.shape[-1], across=picture.shape[2])
        return ImageGrid(picture, title=title, above=above)


def columns(steps: int, *, width: int, across: int) -> list[tuple[float, str]]:
    """Returns the names of the columns of `paths` and their middles, in pixels; its ends first.

    Images are `width` pixels wide, the picture `across`.
    """
    originals = [(width / 2, "original"), (across - width / 2, "original")]
    first = width + BAND + width / 2
    weights = torch.linspace(0, 1, steps).tolist()
    names = [f"{at:.2g}".replace("0.", ".") for at in weights]
    decoded = [(first + k * (width + LINE), name) for k, name in enumerate(names)]
    return [*originals, decoded[0], *decoded[:0:-1]]


def between(start: Tensor, end: Tensor, *, steps: int) -> Tensor:
    """Returns equally spaced points from start to end, both (P, Z), ends included: (P, S, Z)."""
    weight = torch.linspace(0, 1, steps, device=start.device, dtype=start.dtype)[:, None]
    return start[:, None] * (1 - weight) + end[:, None] * weight


def find_pairs(labels: Tensor | None, pairs: Sequence[Sequence[int]], *, count: int) -> Tensor:
    """Chooses the images of each pair, always the same ones for the same data.

    The first image of a label is used first, its second image if the label comes up again.
    A pair with a label that is not there (or no longer), and every pair if there are no labels,
    gets the images 2p and 2p + 1, p being its row.

    Returns the indices (P, 2) of images of the `pairs` of two labels each; `labels` is (N,).
    """
    used: Counter[int] = Counter()
    chosen = []
    for row, pair in enumerate(pairs):
        indices = [2 * row % count, (2 * row + 1) % count]
        if labels is not None:
            labelled = []
            for label in pair:
                candidates = torch.nonzero(labels == label)[:, 0].tolist()
                labelled += candidates[used[label] : used[label] + 1]
                used[label] += 1
            indices = labelled if len(labelled) == 2 else indices
        chosen.append(indices)
    return torch.tensor(chosen)
