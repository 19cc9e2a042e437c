"""What each latent dimension does, one at a time.

Shapes: K starts, R rows, S steps, C channels, H and W pixels, Z latent dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vae_lab.callbacks.drawing.charts.framed import Framed
from vae_lab.callbacks.drawing.charts.plot import Heading
from vae_lab.callbacks.drawing.grids import blocks, to_uint8
from vae_lab.callbacks.drawing.letters import label_name
from vae_lab.callbacks.drawing.style import BAND, LINE
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import EncodedImages, Snapshot

_AXIS = "value of the row's dimension"

_SCALED_AXIS = "the prior's standard deviations from its mean"


@dataclass(kw_only=True)
class Traversals(Picture):
    """Moves one latent dimension per row from -extent to extent, the most used dimension first."""

    name = "traversals"
    tag = "{name}/latent"
    description = (
        "Each row changes one latent dimension and keeps the others. Each block starts from the "
        "posterior mean of a typical image, the same in every epoch and run, whose label stands at "
        "the left; without labels from that of the first image, or from the prior's mean. Rows are "
        "ordered by the dimension's mean KL in nats, which stands beside them: the first ones "
        "carry the information, and a row that does not change belongs to a dimension that is not "
        "used. A conditional model is given the class of the block. If the factors of the images "
        "are known, a row is named by the factor that its dimension tells most of, or by none."
    )

    # Labels, of a block each; None: the prior's mean, a block for each class that a model is given.
    start: int | Sequence[int] | None
    max_rows: int  # of all blocks together: the most used dimensions
    steps: int  # images per row
    extent: float  # a row leads from -extent to extent, in the prior's standard deviations
    num_images: int  # that the KL is averaged over

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Framed:
        encoded, model = snapshot.encoded(self.num_images), snapshot.model
        starts, names, given = self._starts(snapshot)
        origin = "the prior's mean" if self.start is None else "typical images"
        most = max(1, self.max_rows // len(starts))
        dims, kl = encoded.dimensions_by_kl()[:most], encoded.kl_per_dim()
        offsets = torch.linspace(-self.extent, self.extent, self.steps)
        # Of the standard normal prior the offsets are the values themselves.
        values = model.prior.mean() + offsets[:, None] * model.prior.scale()  # (S, Z)
        z = torch.stack([traverse(start, dims, values) for start in starts])  # (K, R, S, Z)
        per_block = z.shape[1] * z.shape[2]
        labels = None if given is None else given.repeat_interleave(per_block)
        images = model.decode(z.flatten(0, 2).to(model.device), labels)
        kind = "all" if len(dims) == len(kl) else f"the {len(dims)} most used of"
        which = f"{kind} {len(kl)} dimensions" if len(kl) > 1 else "the only dimension"
        change = "What each latent dimension changes"
        heading = Heading(
            change if given is None else f"{change}, given the class",
            f"{which}, from {origin}; beside rows: mean {snapshot.kl_name} in nats",
        )
        rows = names_of_rows(dims, kl, titles_of(snapshot, encoded))
        return Framed(
            heading=heading,
            axes=(_AXIS if model.prior.has_closed_kl else _SCALED_AXIS, ""),
            **_named_blocks(images.view(*z.shape[:3], *images.shape[1:]), offsets, rows, names),
        )

    def _starts(self, snapshot: Snapshot) -> tuple[list[Tensor], list[str], Tensor | None]:
        """Returns the points (Z,) that K blocks start from, their names, and the classes (K,)."""
        if self.start is None:
            mean, classes = snapshot.model.prior.mean(), snapshot.classes[: self.max_rows]
            if not classes:
                return [mean], [], None
            names = [label_name(label, snapshot.data.label_names) for label in classes]
            return [mean] * len(classes), names, torch.tensor(classes)
        examples, labels = snapshot.data.examples()
        chosen, names = [0], []
        if labels is not None:
            wanted = [self.start] if isinstance(self.start, int) else self.start
            # If no label is in these data: that of the first image.
            there = [it for it in wanted if (labels == it).any()] or labels[:1].tolist()
            chosen = [snapshot.typical(label)[0] for label in there]
            names = [label_name(label, snapshot.data.label_names) for label in there]
        given = snapshot.given(None if labels is None else labels[chosen].cpu())
        codes = snapshot.model.encode(examples[chosen].to(snapshot.model.device), given).mean
        return [*codes.cpu().float()], names, given


def names_of_rows(dims: Sequence[int], kl: Tensor, titles: Sequence[str] = ()) -> list[str]:
    """Returns what stands beside the row of each dimension: its mean KL of `kl` (Z,), in nats.

    Before it stands the title of the dimension, if there are `titles` (Z,).
    """
    named = [f"z[{dim}]" if not titles else f"z[{dim}] {titles[dim]}" for dim in dims]
    return [f"{name}  {kl[dim]:.2f}" for name, dim in zip(named, dims, strict=True)]


def titles_of(snapshot: Snapshot, encoded: EncodedImages) -> list[str]:
    """Returns the known factor that each dimension tells most of, or none; empty if none is known.

    The images encoded are the first ones of the split that the snapshot shows.
    """
    known = getattr(snapshot.data, "factors", None)
    if known is None:
        return []
    # scikit-learn takes a second to import, and most data have no known factors.
    from vae_lab.inference.factor_information import titles_of_dimensions

    factors = (known.val if snapshot.split == "val" else known.train)[: len(encoded.mean)]
    titles = titles_of_dimensions(encoded.mean.double().numpy(), factors.numpy(), known.names)
    return [title.factor or "none" for title in titles]


def traverse(start: Tensor, dims: list[int], values: Tensor) -> Tensor:
    """Returns points (R, S, Z) that equal `start` (Z,) except in the dimension that a row changes.

    Row r sets the dimension dims[r] to its column of `values` (S, Z), step by step.
    """
    z = start.repeat(len(dims), len(values), 1)
    for row, dim in enumerate(dims):
        z[row, :, dim] = values[:, dim]
    return z


def _named_blocks(
    images: Tensor, offsets: Tensor, rows: Sequence[str], names: Sequence[str]
) -> dict[str, Any]:
    """Returns the picture of images (K, R, S, C, H, W), and the places of the texts around it.

    Columns are named by offsets (S,), rows by texts that are the same in each block.
    """
    height, width = images.shape[4:]
    pitch, steps = len(rows) * (height + LINE) - LINE + BAND, len(offsets)
    stride = max(1, steps // 4)  # more numbers would touch
    return {
        "picture": to_uint8(blocks(images)),
        "across": [
            (k * (width + LINE) + width / 2, f"{value:.3g}")
            for k, value in enumerate(offsets.tolist())
            if (k - steps // 2) % stride == 0
        ],
        "upwards": [
            (k * pitch + row * (height + LINE) + height / 2, name)
            for k in range(len(images))
            for row, name in enumerate(rows)
        ],
        "blocks": [(k * pitch + (pitch - BAND) / 2, name) for k, name in enumerate(names)],
    }
