"""What a person gives to a trained model: checked, and as tensors on the CPU.

Shapes: N images, C, H, W of an image, Z latent dimensions.
"""

import numpy as np
import torch
from torch import Tensor

from vae_lab.errors import UserError

Array = Tensor | np.ndarray


def image_batch(images: Array, image_shape: tuple[int, ...], *, binarize: str) -> Tensor:
    """Returns images (N, C, H, W) in [0, 1] as float32.

    `binarize` is how the images of the training were made binary, or "none".
    """
    x = as_tensor("images", images)
    if x.dim() != 4 or tuple(x.shape[1:]) != image_shape or len(x) == 0:
        wanted = ", ".join(map(str, image_shape))
        raise UserError(f"images must have shape (N, {wanted}), got {tuple(x.shape)}.")
    low, high = x.min().item(), x.max().item()
    if not (low >= 0 and high <= 1):
        raise UserError(
            f"images must lie in [0, 1], got values from {low:g} to {high:g}: divide bytes by 255."
        )
    if binarize != "none" and not ((x == 0) | (x == 1)).all():
        raise UserError(
            f"this model was trained on binary images (data.binarize={binarize}), and these are "
            f"grey: binarise them first."
        )
    return x


def latent_points(z: Array, latent_dim: int) -> Tensor:
    """Returns points (N, Z) as float32."""
    points = as_tensor("z", z)
    if points.dim() != 2 or points.shape[1] != latent_dim:
        raise UserError(f"z must have shape (N, {latent_dim}), got {tuple(points.shape)}.")
    if not points.isfinite().all():
        raise UserError("z must be finite, got NaN or infinity.")
    return points


def missing_pixels(mask: Array, image_shape: tuple[int, ...]) -> Tensor:
    """Returns which pixels are missing, bool (C, H, W), for a mask (H, W) or (C, H, W)."""
    values = as_tensor("mask", mask)
    if tuple(values.shape) not in (image_shape, image_shape[1:]):
        raise UserError(
            f"mask must have shape {image_shape[1:]} or {image_shape}, got {tuple(values.shape)}."
        )
    if not ((values == 0) | (values == 1)).all():
        raise UserError(
            "mask must be True, or 1, where a pixel is missing, and else False, or 0: it has other "
            "values."
        )
    missing = values.bool().expand(image_shape)
    if not missing.any():
        raise UserError("mask is False everywhere: nothing is missing, nothing to complete.")
    return missing


def seen_pixels(image: Array, missing: Tensor) -> Tensor:
    """Returns an image (C, H, W) with 0 where it is missing, bool (C, H, W), as float32."""
    given = as_tensor("image", image)
    if given.shape != missing.shape:
        wanted = tuple(missing.shape)
        raise UserError(f"image must have shape {wanted}, got {tuple(given.shape)}.")
    return torch.where(missing, 0.0, given)


def as_tensor(name: str, values: Array) -> Tensor:
    """Returns the values as float32 on the CPU."""
    if not isinstance(values, Tensor | np.ndarray):
        raise UserError(f"{name} must be a tensor or a numpy array, got {type(values).__name__}.")
    # A copy, since an array may be one that torch cannot share.
    tensor = torch.from_numpy(values.copy()) if isinstance(values, np.ndarray) else values
    return tensor.detach().cpu().float()
