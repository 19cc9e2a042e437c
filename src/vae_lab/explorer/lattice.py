"""Images that are decoded beforehand, for a decoder that the page cannot compute with.

Shapes: N codes, C, H, W of an image, S steps along a side, Z latent dimensions.
"""

from collections.abc import Sequence
from typing import Any

import torch

from vae_lab.explorer.arrays import UINT8, Arrays
from vae_lab.posteriors import Posterior
from vae_lab.vae import VAE

# Points along each side.
STEPS = 25


@torch.no_grad()
def lattice(model: VAE, codes: Posterior, kl: Sequence[float], arrays: Arrays) -> dict[str, Any]:
    """Returns the decoder as mean images on a square of the two dimensions with the largest KL.

    The other dimensions are at the mean of the prior. The square holds the codes of the images, two
    fields of (N, Z), and two standard deviations of the prior.
    """
    order = sorted(range(model.latent_dim), key=lambda dimension: -kl[dimension])
    axes = [order[0], order[min(1, len(order) - 1)]]
    centre, reach = model.prior.mean(), 2 * model.prior.scale()
    low = torch.minimum(codes.mean.amin(dim=0), centre - reach)
    high = torch.maximum(codes.mean.amax(dim=0), centre + reach)
    # A row of the result for each step along the second axis, from low to high.
    z = centre.repeat(STEPS, STEPS, 1)
    share = torch.linspace(0, 1, STEPS)
    across, up = axes
    z[..., up] = (low[up] + share * (high[up] - low[up]))[:, None]
    z[..., across] = (low[across] + share * (high[across] - low[across]))[None, :]
    images = model.decode_in_batches(z.flatten(0, 1)).clamp(0, 1).mul(255).round().byte()
    pixels = images.numpy().reshape(STEPS, STEPS, *images.shape[1:])
    return {
        "axes": axes,
        "low": low[axes].tolist(),
        "high": high[axes].tolist(),
        "steps": STEPS,
        "pixels": arrays.add(pixels, UINT8),
    }
