"""Encoders x -> q(z|x) and decoders z -> likelihood parameters, in pairs: linear and convolutional.

Shapes: B images per batch, C, H, W of an image, Z latent dimensions. `image_shape` is (C, H, W).
Every encoder and decoder takes `image_shape` and `latent_dim` from the run and its sizes from its
YAML file. Decoder outputs are unbounded; the likelihood gives them their meaning.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_lab.posterior import Posterior


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


class ConvEncoder(nn.Module):
    """Halves the image once per entry of `channels`: x (B, C, H, W) -> Posterior of (B, Z)."""

    def __init__(
        self, *, image_shape: Sequence[int], channels: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        sizes = (image_shape[0], *channels)
        self.layers = nn.Sequential(
            *[_halve(wide, deep) for wide, deep in pairwise(sizes)],
            nn.Flatten(),
            nn.Linear(math.prod(_bottleneck(image_shape, channels)), 2 * latent_dim),
        )
        # Channels innermost: a tenth less for a step in single precision, nothing more in bf16.
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> Posterior:
        return Posterior(*self.layers(x).chunk(2, dim=1))


class ConvDecoder(nn.Module):
    """Mirror of `ConvEncoder`: z (B, Z) -> likelihood parameters (B, C, H, W)."""

    def __init__(
        self, *, image_shape: Sequence[int], channels: Sequence[int], latent_dim: int
    ) -> None:
        super().__init__()
        bottleneck = _bottleneck(image_shape, channels)
        self.layers = nn.Sequential(
            nn.Linear(latent_dim, math.prod(bottleneck)),
            nn.Unflatten(1, bottleneck),
            *_double((*reversed(channels), image_shape[0])),
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


def _dense(wide: int, deep: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(wide, deep), nn.ReLU())


def _halve(wide: int, deep: int) -> nn.Sequential:
    # In place: in single precision 4 % of a step's time.
    return nn.Sequential(nn.Conv2d(wide, deep, 4, stride=2, padding=1), nn.ReLU(inplace=True))


def _double(sizes: Sequence[int]) -> list[nn.Module]:
    # No activation before the first transposed convolution and none after the last: unbounded.
    layers: list[nn.Module] = []
    for wide, deep in pairwise(sizes):
        layers += [nn.ConvTranspose2d(wide, deep, 4, stride=2, padding=1), nn.ReLU(inplace=True)]
    return [*layers[:-2], ToImage(*sizes[-2:])]


class ToImage(nn.ConvTranspose2d):
    """The transposed convolution that ends a decoder: (B, D, H, W) -> (B, C, 2H, 2W).

    As one matrix product and a sum of overlapping patches: with the one channel of a grey image,
    the general form takes four times as long on a processor.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 4, stride=2, padding=1)

    def forward(self, h: Tensor, output_size: list[int] | None = None) -> Tensor:
        height, width = h.shape[2:]
        # Channels last: (B, HW, D) without a copy where they are innermost in memory.
        patches = h.permute(0, 2, 3, 1).flatten(1, 2) @ self.weight.flatten(1)  # (B, HW, 16C)
        # Not in bf16: up to four of them are added up.
        patches = patches.to(self.weight.dtype).transpose(1, 2)
        size = (2 * height, 2 * width)
        assert self.bias is not None
        return F.fold(patches, size, 4, padding=1, stride=2) + self.bias[:, None, None]


def _bottleneck(image_shape: Sequence[int], channels: Sequence[int]) -> tuple[int, int, int]:
    _, height, width = image_shape
    factor = 2 ** len(channels)
    if height % factor or width % factor:
        raise ValueError(
            f"model.channels={list(channels)} halves the image {len(channels)} times, but "
            f"{height} x {width} is no multiple of {factor}: use fewer channels."
        )
    return channels[-1], height // factor, width // factor
