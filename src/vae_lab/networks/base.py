"""What all encoders and decoders are: layers in a row, with a meaning at the end.

Shapes: B images per batch, C, H, W of an image, Z latent dimensions.
"""

import torch
from torch import Tensor, nn

from vae_lab.posterior import Posterior


class Layers(nn.Module):
    """Layers in a row, the channels of convolutions innermost in memory.

    That takes a tenth off a step of `model=conv` in single precision, and adds nothing in bf16.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.to(memory_format=torch.channels_last)


class Encoder(Layers):
    """x (B, C, H, W) -> Posterior of (B, Z), from layers that end in 2 Z numbers per image."""

    def forward(self, x: Tensor) -> Posterior:
        return Posterior(*self.layers(x).chunk(2, dim=1))


class Decoder(Layers):
    """z (B, Z) -> unbounded outputs (B, C, H, W); the likelihood gives them their meaning."""

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)
