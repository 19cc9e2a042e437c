"""An image with its missing pixels filled in several ways, drawn from p(missing|seen).

Shapes: N completions, C, H, W of an image, Z latent dimensions. Values in nats.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.inference.completion.weighted_points import by_importance, by_lattice

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# Points of which the completions are drawn.
NUM_POINTS = 2000

# With fewer effective points the draws repeat a few, which may miss other ways to complete.
FEW = 50


class Completion(NamedTuple):
    """Completions of an image, and how far to trust them.

    `images` (N, C, H, W) have the seen pixels as they are, and E[x|z] in the missing ones, for
    draws `z` (N, Z) of p(z|seen). `log_likelihood` is log p(seen) in nats. `effective_points` is
    how many equal weights those of the `num_points` points are worth that the draws are chosen of;
    None with two latent dimensions, for which the draws are exact: from a lattice of the plane.
    """

    images: Tensor
    z: Tensor
    log_likelihood: float
    effective_points: float | None
    num_points: int

    @property
    def warning(self) -> str | None:
        """What to know before the completions are trusted; None if nothing."""
        if self.effective_points is None or self.effective_points >= FEW:
            return None
        return (
            f"the completions are chosen of {self.num_points} points whose weights are worth "
            f"{self.effective_points:.0f} equal ones: fewer than {FEW}, so they may repeat, and "
            f"miss other ways to complete. Another seed tries other points."
        )


@torch.no_grad()
def complete(
    model: "VAE", image: Tensor, missing: Tensor, *, num_images: int, generator: torch.Generator
) -> Completion:
    """Returns completions of an image (C, H, W) in [0, 1], `missing` bool (C, H, W)."""
    seen, is_plane = ~missing, model.latent_dim == 2
    if is_plane:
        points = by_lattice(model, image, seen, generator)
    else:
        points = by_importance(model, image, seen, num_points=NUM_POINTS, generator=generator)
    z = points.resampled(num_images, generator).float()
    filled = model.decode_in_batches(z)
    return Completion(
        images=torch.where(missing, filled, image),
        z=z,
        log_likelihood=points.log_likelihood,
        effective_points=None if is_plane else points.effective_points(),
        num_points=len(points.z),
    )
