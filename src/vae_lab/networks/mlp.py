"""Fully connected networks: with ReLU, and with the tanh of Burda et al.

Shapes: B images per batch, C, H, W of an image, Z latent dimensions. `image_shape` is (C, H, W).
Every encoder and decoder takes `image_shape` and `latent_dim` from the run and its sizes from its
YAML file. Decoder outputs are unbounded; the likelihood gives them their meaning.

Source of the tanh networks: Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519,
section 5.
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


class LinearEncoder(nn.Module):
    """Fully connected layers with ReLU between them: x (B, C, H, W) -> Posterior of (B, Z)."""

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        sizes = (math.prod(image_shape), *hidden_dims)
        self.layers = nn.Sequential(
            nn.Flatten(),
            *[_dense(wide, deep) for wide, deep in pairwise(sizes)],
            nn.Linear(sizes[-1], 2 * latent_dim),
        )

    def forward(self, x: Tensor) -> Posterior:
        return Posterior(*self.layers(x).chunk(2, dim=1))


class LinearDecoder(nn.Module):
    """Mirror of `LinearEncoder`: z (B, Z) -> likelihood parameters (B, C, H, W)."""

    def __init__(
        self, *, image_shape: Sequence[int], hidden_dims: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        sizes = (latent_dim, *reversed(hidden_dims))
        self.layers = nn.Sequential(
            *[_dense(wide, deep) for wide, deep in pairwise(sizes)],
            nn.Linear(sizes[-1], math.prod(image_shape)),
            nn.Unflatten(1, tuple(image_shape)),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


def _dense(wide: int, deep: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(wide, deep), nn.ReLU())
