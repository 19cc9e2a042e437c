"""Which latent dimensions are used."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vae_lab.callbacks.drawing.charts.bars import Bars
from vae_lab.callbacks.drawing.charts.plot import Heading
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot

MOST_NAMED, MOST_NUMBERED = 10, 18  # bars that have room for `z[k]`, and for the number k


@dataclass(kw_only=True)
class KLPerDim(Picture):
    """Draws the mean KL of each latent dimension, from the largest to the smallest."""

    name = "kl_per_dim"
    description = (
        "KL(q(z\\|x) \\|\\| p(z)) of each latent dimension, in nats, averaged over images, largest "
        "first. Dimensions at or below the dashed red line (grey) are not used: their posterior is "
        "the prior, whatever the image. The bars add up to the KL term of the bound on these "
        "images. A learned prior has no KL per dimension: then it is the KL from the aggregate "
        "posterior, as the axis says, and the bars add up to another number. The posterior of a "
        "conditional model is given the class too: what the class says is not in the bars."
    )

    threshold: float  # nats
    num_images: int

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Bars:
        encoded = snapshot.encoded(self.num_images)
        dims = encoded.dimensions_by_kl()
        kl = encoded.kl_per_dim().nan_to_num(nan=0, posinf=0)[dims].tolist()
        used = sum(value > self.threshold for value in kl)
        names, across = names_of(dims)
        ending = " is used" if len(dims) == 1 else "s are used"
        return Bars(
            heading=Heading(
                f"{used} of {len(dims)} dimension{ending}: {sum(kl):.2f} nats",
                f"mean of {len(encoded.mean):,} {snapshot.image_kind}; "
                f"used: above {self.threshold:g} nats (red line)",
            ),
            heights=kl,
            names=names,
            threshold=self.threshold,
            axes=(across, f"{snapshot.kl_name} in nats"),
        )


def names_of(dims: Sequence[int]) -> tuple[list[str], str]:
    """Returns a name for each of these dimensions, as far as there is room, and of their axis."""
    if len(dims) <= MOST_NAMED:
        return [f"z[{dim}]" for dim in dims], "latent dimension"
    if len(dims) <= MOST_NUMBERED:
        return [str(dim) for dim in dims], "k of latent dimension z[k]"
    step = next(k for k in (10, 20, 50, 100, 500, 10**9) if len(dims) / k <= 8)
    ranks = range(1, len(dims) + 1)
    return [str(rank) if rank % step == 0 else "" for rank in ranks], "rank of the dimension"
