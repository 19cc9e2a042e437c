"""Residual convolutional networks: for images of which two plain convolutions see too little.

Shapes: B images per batch, C, H, W of an image. `image_shape` is (C, H, W).

Source: He et al., Identity Mappings in Deep Residual Networks, arXiv:1603.05027 (the order
normalisation, activation, convolution); Wu and He, Group Normalization, arXiv:1803.08494, in the
place of batch normalisation: an image's bound then depends on no other image of its batch.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from vae_lab.config.channels import chosen_channels
from vae_lab.networks.base import Decoder, Encoder
from vae_lab.networks.conv import Doubling, bottleneck, halving, odd_pixels
from vae_lab.posteriors import Family

# Channels that share a mean and a variance, at most.
_GROUP = 16


class ResNetEncoder(Encoder):
    """Halves the image for each of `channels`, with `num_blocks` residual blocks after each.

    `channels` None: see `chosen_channels`.
    """

    def __init__(
        self,
        *,
        image_shape: Sequence[int],
        channels: Sequence[int] | None,
        num_blocks: int,
        posterior: Family,
    ) -> None:
        channels = chosen_channels(image_shape, channels)
        layers: list[nn.Module] = []
        for wide, deep in pairwise((image_shape[0], *channels)):
            layers += [halving(wide, deep), *(Residual(deep) for _ in range(num_blocks))]
        super().__init__(
            *layers,
            *_active(channels[-1]),
            nn.Flatten(),
            nn.Linear(math.prod(bottleneck(image_shape, channels)), posterior.num_outputs),
            posterior=posterior,
        )


class ResNetDecoder(Decoder):
    """Mirror of `ResNetEncoder`."""

    def __init__(
        self,
        *,
        image_shape: Sequence[int],
        channels: Sequence[int] | None,
        num_blocks: int,
        latent_dim: int,
    ) -> None:
        channels = chosen_channels(image_shape, channels)
        narrowest = bottleneck(image_shape, channels)
        layers: list[nn.Module] = []
        sizes = pairwise((*reversed(channels), image_shape[0]))
        for (wide, deep), odd in zip(sizes, odd_pixels(image_shape, len(channels)), strict=True):
            blocks = [Residual(wide) for _ in range(num_blocks)]
            layers += [*blocks, *_active(wide), Doubling(wide, deep, odd)]
        first = nn.Linear(latent_dim, math.prod(narrowest))
        super().__init__(first, nn.Unflatten(1, narrowest), *layers)


class Residual(nn.Module):
    """x (B, C, H, W) -> x plus two convolutions of it, the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_active(channels),
            nn.Conv2d(channels, channels, 3, padding=1),
            *_active(channels),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _active(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.GroupNorm(math.gcd(channels, max(1, channels // _GROUP)), channels), nn.ReLU()
