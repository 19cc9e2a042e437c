"""Convolutional networks, and the sizes that an image has on its way through them.

Shapes: B images per batch, C, H, W of an image, D channels. `image_shape` is (C, H, W).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from vae_lab.config.channels import chosen_channels
from vae_lab.networks.base import Decoder, Encoder
from vae_lab.posteriors import Family


class ConvEncoder(Encoder):
    """Halves the image once per entry of `channels`; None: see `chosen_channels`."""

    def __init__(
        self, *, image_shape: Sequence[int], channels: Sequence[int] | None, posterior: Family
    ) -> None:
        channels = chosen_channels(image_shape, channels)
        sizes = pairwise((image_shape[0], *channels))
        super().__init__(
            # In place: in single precision 4 % of a step's time.
            *[nn.Sequential(halving(wide, deep), nn.ReLU(inplace=True)) for wide, deep in sizes],
            nn.Flatten(),
            nn.Linear(math.prod(bottleneck(image_shape, channels)), posterior.num_outputs),
            posterior=posterior,
        )


class ConvDecoder(Decoder):
    """Mirror of `ConvEncoder`."""

    def __init__(
        self, *, image_shape: Sequence[int], channels: Sequence[int] | None, latent_dim: int
    ) -> None:
        channels = chosen_channels(image_shape, channels)
        narrowest = bottleneck(image_shape, channels)
        super().__init__(
            nn.Linear(latent_dim, math.prod(narrowest)),
            nn.Unflatten(1, narrowest),
            *_double(image_shape, channels),
        )


def _double(image_shape: Sequence[int], channels: Sequence[int]) -> list[nn.Module]:
    # No activation before the first transposed convolution and none after the last: unbounded.
    *odd, last = odd_pixels(image_shape, len(channels))
    layers: list[nn.Module] = []
    for (wide, deep), left_over in zip(pairwise(reversed(channels)), odd, strict=True):
        layers += [Doubling(wide, deep, left_over), nn.ReLU(inplace=True)]
    return [*layers, ToImage(channels[0], image_shape[0], last)]


class ToImage(nn.ConvTranspose2d):
    """The transposed convolution that ends a decoder: (B, D, H, W) -> (B, C, 2H, 2W).

    On a processor as one matrix product and a sum of overlapping patches: with the one channel of
    a grey image, the general form takes four times as long there. On a GPU the sum's gradient is a
    kernel for each image, so it is the general form. `odd`: see `odd_pixels`.
    """

    def __init__(self, wide: int, deep: int, odd: tuple[int, int]) -> None:
        super().__init__(wide, deep, 4, stride=2, padding=1)
        self.odd = odd

    def forward(self, h: Tensor, output_size: list[int] | None = None) -> Tensor:
        return self.of_patches(h) if h.device.type == "cpu" else self.general(h)

    def general(self, h: Tensor) -> Tensor:
        return F.conv_transpose2d(h, self.weight, self.bias, 2, 1, self.odd)

    def of_patches(self, h: Tensor) -> Tensor:
        # Channels last: (B, HW, D) without a copy where they are innermost in memory.
        patches = h.permute(0, 2, 3, 1).flatten(1, 2) @ self.weight.flatten(1)  # (B, HW, 16C)
        # Not in bf16: up to four of them are added up.
        patches = patches.to(self.weight.dtype).transpose(1, 2)
        size = (2 * h.shape[2] + self.odd[0], 2 * h.shape[3] + self.odd[1])
        assert self.bias is not None
        return F.fold(patches, size, 4, padding=1, stride=2) + self.bias[:, None, None]


def halving(wide: int, deep: int) -> nn.Conv2d:
    """Returns a convolution that halves height and width; an odd pixel is left over."""
    return nn.Conv2d(wide, deep, 4, stride=2, padding=1)


class Doubling(nn.ConvTranspose2d):
    """The mirror of `halving`: (B, C, H, W) -> (B, D, 2H, 2W), and an odd pixel comes back.

    The bias is added outside: summing its gradient inside takes a fifth of the layer's backward
    pass in bf16 on a processor.
    """

    def __init__(self, wide: int, deep: int, odd: tuple[int, int]) -> None:
        super().__init__(wide, deep, 4, stride=2, padding=1, output_padding=odd)

    def forward(self, h: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert self.bias is not None
        doubled = F.conv_transpose2d(h, self.weight, None, 2, 1, self.output_padding)
        return doubled.add_(self.bias.to(doubled.dtype)[:, None, None])


def odd_pixels(image_shape: Sequence[int], halvings: int) -> list[tuple[int, int]]:
    """Returns of each doubling, in the decoder's order, the pixels (height, width) left over."""
    _, height, width = image_shape
    return [((height >> k) % 2, (width >> k) % 2) for k in reversed(range(halvings))]


def bottleneck(image_shape: Sequence[int], channels: Sequence[int]) -> tuple[int, int, int]:
    """Returns the (C, H, W) that is left after one halving for each of the channels."""
    _, height, width = image_shape
    return channels[-1], height >> len(channels), width >> len(channels)
