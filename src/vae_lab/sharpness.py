"""How sharp and how strong images are: one number each.

Shapes: N images, C channels, H and W pixels.
"""

import numpy as np
import torch
from torch import Tensor


def sharpness(images: Tensor) -> np.ndarray:
    """Returns the sharpness of images (N, C, H, W), float64 (N,), whatever their contrast.

    The root mean square of the differences between neighbouring pixels over the standard deviation
    of all pixels; 0 for an image of one grey. White noise has sqrt(2), blur lowers it.
    """
    x = images.double()
    across, down = x.diff(dim=3).square(), x.diff(dim=2).square()
    steps = (across.flatten(1).mean(dim=1) + down.flatten(1).mean(dim=1)) / 2
    spread = x.flatten(1).var(dim=1, correction=0)
    return torch.where(spread > 1e-12, steps / spread.clamp_min(1e-12), 0.0).sqrt().numpy()


def contrast(images: Tensor) -> np.ndarray:
    """Returns the standard deviation of the pixels of images (N, C, H, W) in [0, 1], (N,)."""
    return images.double().flatten(1).std(dim=1, correction=0).numpy()
