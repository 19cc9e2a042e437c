"""Originals above their reconstructions.

Shapes: N images, C channels, H and W pixels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.grids import ImageGrid, above
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot


@dataclass(kw_only=True)
class Reconstructions(Picture):
    """Shows the same examples in every epoch and run, each above its reconstruction."""

    name = "reconstructions"
    description = (
        "Upper rows: original images, the same in every run. Lower rows: their reconstructions "
        "by the posterior mean (no sampling, so sharper than the bound sees them). A conditional "
        "model is given the class of each image."
    )

    num_images: int
    columns: int

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> ImageGrid:
        model = snapshot.model
        images, labels = snapshot.data.examples()
        rows = in_turn(labels, len(images))[: self.num_images]
        originals = images[rows].to(model.device)
        given = snapshot.given(None if labels is None else labels[rows.to(labels.device)])
        pairs = above(originals, model.reconstruct(originals, given), columns=self.columns)
        title = "originals, each above its reconstruction"
        return ImageGrid(pairs, title=title if given is None else f"{title}, given its class")


def in_turn(labels: Tensor | None, count: int) -> Tensor:
    """Returns indices (N,) that take an image of each label (N,) in turn: 0 1 ... 9 0 1 ... 9.

    With ten digits and ten columns, each column shows one digit. Without labels the order is kept.
    """
    if labels is None:
        return torch.arange(count)
    classes, members = torch.unique(labels.cpu(), return_inverse=True)
    # How many images of the same label stand before each image.
    turn = torch.nn.functional.one_hot(members).cumsum(0).gather(1, members[:, None])[:, 0]
    return torch.argsort(turn * len(classes) + members, stable=True)
