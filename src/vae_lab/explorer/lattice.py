"""Images that are decoded beforehand, for a decoder that the page cannot compute with.

Shapes: N codes, L classes, C, H, W of an image, S steps along a side, Z latent dimensions.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vae_lab.explorer.arrays import UINT8, Arrays
from vae_lab.posteriors import Posterior
from vae_lab.vae import VAE

# Points along each side; fewer if there is a square for each class, so that the page stays small:
# the images of all classes together are at most so many, or four of each class.
STEPS = 25
MOST_IMAGES = 2500


@torch.no_grad()
def lattice(model: VAE, codes: Posterior, kl: Sequence[float], arrays: Arrays) -> dict[str, Any]:
    """Returns the decoder as mean images on a square of the two dimensions with the largest KL.

    The other dimensions are at the mean of the prior. The square holds the codes of the images, two
    fields of (N, Z), and two standard deviations of the prior. A conditional model has a square for
    each class.
    """
    order = sorted(range(model.latent_dim), key=lambda dimension: -kl[dimension])
    axes = [order[0], order[min(1, len(order) - 1)]]
    centre, reach = model.prior.mean(), 2 * model.prior.scale()
    low = torch.minimum(codes.mean.amin(dim=0), centre - reach)
    high = torch.maximum(codes.mean.amax(dim=0), centre + reach)
    steps = steps_along_a_side(model.condition.num_classes)
    # A row of the result for each step along the second axis, from low to high.
    z = centre.repeat(steps, steps, 1)
    share = torch.linspace(0, 1, steps)
    across, up = axes
    z[..., up] = (low[up] + share * (high[up] - low[up]))[:, None]
    z[..., across] = (low[across] + share * (high[across] - low[across]))[None, :]
    images = _decoded(model, z.flatten(0, 1)).clamp(0, 1).mul(255).round().byte()
    pixels = images.numpy().reshape(*images.shape[:-4], steps, steps, *images.shape[-3:])
    return {
        "axes": axes,
        "low": low[axes].tolist(),
        "high": high[axes].tolist(),
        "steps": steps,
        "pixels": arrays.add(pixels, UINT8),
    }


def steps_along_a_side(num_classes: int) -> int:
    """Returns how many points a square of images has along a side, one square for each class."""
    return max(2, min(STEPS, math.isqrt(MOST_IMAGES // max(1, num_classes))))


def _decoded(model: VAE, points: Tensor) -> Tensor:
    """Returns the mean images of points (N, Z), (N, C, H, W), with classes (L, N, C, H, W)."""
    if not model.is_conditional:
        return model.decode_in_batches(points)
    classes = range(model.condition.num_classes)
    labels = [torch.full((len(points),), label) for label in classes]
    return torch.stack([model.decode_in_batches(points, of_all) for of_all in labels])
