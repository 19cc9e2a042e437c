"""The networks of Burda et al.: fully connected, tanh, Glorot's starting weights.

Shapes: B images per batch, C, H, W of an image, Z latent dimensions.

Source: Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519, section 5.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from vae_lab.posterior import Posterior


class TanhEncoder(nn.Module):
    """Layers of `hidden_dims` units: x (B, C, H, W) -> Posterior of (B, Z)."""

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        sizes = (math.prod(image_shape), *hidden_dims, 2 * latent_dim)
        self.layers = nn.Sequential(nn.Flatten(), *_tanh_layers(sizes))

    def forward(self, x: Tensor) -> Posterior:
        return Posterior(*self.layers(x).chunk(2, dim=1))


class TanhDecoder(nn.Module):
    """Mirror of `TanhEncoder`: z (B, Z) -> likelihood parameters (B, C, H, W)."""

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        sizes = (latent_dim, *reversed(hidden_dims), math.prod(image_shape))
        self.layers = nn.Sequential(*_tanh_layers(sizes), nn.Unflatten(1, tuple(image_shape)))

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


def _tanh_layers(sizes: Sequence[int]) -> list[nn.Module]:
    """Returns linear layers with tanh between them, and nothing after the last."""
    layers: list[nn.Module] = []
    for wide, deep in pairwise(sizes):
        layer = nn.Linear(wide, deep)
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.Tanh()]
    return layers[:-1]
