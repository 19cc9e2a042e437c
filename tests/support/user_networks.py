"""Networks as a person would write them, outside the package."""

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor, nn, zeros_like

from vae_lab.networks import LinearDecoder, LinearEncoder
from vae_lab.posteriors import DiagonalGaussian


class Encoder(nn.Module):
    """One hidden layer with tanh."""

    def __init__(self, *, image_shape: Sequence[int], width: int, latent_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(prod(image_shape), width),
            nn.Tanh(),
            nn.Linear(width, 2 * latent_dim),
        )

    def forward(self, x: Tensor) -> DiagonalGaussian:
        mean, log_var = self.layers(x).chunk(2, dim=1)
        return DiagonalGaussian(mean, log_var)


class PassesOn(LinearEncoder):
    """One of the package, with a change."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.layers.append(nn.Identity())


class BlindEncoder(PassesOn):
    """One with an error: what it returns does not depend on the image."""

    def forward(self, x: Tensor) -> Any:
        return super().forward(zeros_like(x))


class BlindDecoder(LinearDecoder):
    """One with an error: what it returns does not depend on z."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(zeros_like(z))
