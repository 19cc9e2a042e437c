"""Which latent dimensions are used."""

from dataclasses import dataclass

import torch

from vae_lab.callbacks.drawing.charts import Bars, Heading
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.snapshot import Snapshot

MOST_NUMBERED = 30  # bars that have room for their dimension's number


@dataclass(kw_only=True)
class KLPerDim(Picture):
    """Draws the mean KL of each latent dimension, from the largest to the smallest."""

    name = "kl_per_dim"
    description = (
        "KL(q(z\\|x) \\|\\| p(z)) of each latent dimension, in nats, averaged over images, largest "
        "first. Dimensions at or below the dashed line (grey) are not used: their posterior is the "
        "prior, whatever the image. The bars add up to the KL term of the bound on these images. "
        "A learned prior has no KL per dimension: then it is the KL from the aggregate posterior, "
        "as the axis says, and the bars add up to another number."
    )

    threshold: float  # nats
    num_images: int

    def draw(self, snapshot: Snapshot, generator: torch.Generator) -> Bars:
        encoded = snapshot.encoded(self.num_images)
        dims = encoded.dimensions_by_kl()
        kl = encoded.kl_per_dim().nan_to_num(nan=0, posinf=0)[dims].tolist()
        used = sum(value > self.threshold for value in kl)
        if len(dims) <= MOST_NUMBERED:
            names, across = [str(dim) for dim in dims], "latent dimension, the most used first"
        else:
            step = next(k for k in (10, 20, 50, 100, 500, 10**9) if len(dims) / k <= 12)
            names = [str(rank) if rank % step == 0 else "" for rank in range(1, len(dims) + 1)]
            across = "rank of the latent dimension, the most used first"
        return Bars(
            heading=Heading(
                f"{used} of {len(dims)} latent dimensions are used: {sum(kl):.2f} nats",
                f"mean over {len(encoded.mean):,} {snapshot.image_kind}; "
                f"used (blue): above {self.threshold:g} nats, the dashed line",
            ),
            heights=kl,
            names=names,
            threshold=self.threshold,
            axes=(across, f"{snapshot.kl_name} in nats"),
        )
