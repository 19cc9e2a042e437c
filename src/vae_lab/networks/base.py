"""What all encoders and decoders are: layers in a row, with a meaning at the end.

Shapes: B images per batch, C, H, W of an image, Z latent dimensions, L classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vae_lab.config.identity import ADDED_LATER
from vae_lab.config.instantiate import instantiate
from vae_lab.errors import UserError
from vae_lab.posteriors import Diagonal, Family, Posterior


class Layers(nn.Module):
    """Layers in a row, the channels of convolutions innermost in memory.

    That takes a tenth off a step of `model=conv` in single precision, and adds nothing in bf16.
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.to(memory_format=torch.channels_last)


class Encoder(Layers):
    """x (B, C, H, W) -> q(z|x), from layers that end in as many numbers as its family takes."""

    # Whether the first layer flattens images: a condition then comes behind the pixels, and else as
    # planes beside the channels.
    flattens: ClassVar[bool] = False

    def __init__(self, *layers: nn.Module, posterior: Family) -> None:
        super().__init__(*layers)
        self.posterior = posterior

    def forward(self, x: Tensor) -> Posterior:
        return self.posterior(self.layers(x))


class Decoder(Layers):
    """z (B, Z) -> unbounded outputs (B, C, H, W); the likelihood gives them their meaning."""

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class ClassLogits(nn.Module):
    """What the numbers mean that a classifier puts out: one for each class, unbounded.

    It stands in the place of a posterior's family, so that every encoder can be a classifier.
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.num_outputs = num_classes

    def forward(self, outputs: Tensor) -> Tensor:
        """Returns the logits (B, L), as they are."""
        return outputs


def make_classifier(
    config: Mapping[str, Any], image_shape: Sequence[int], *, num_classes: int, trust: bool
) -> Any:
    """Returns a classifier x (B, C, H, W) -> logits (B, L), of the encoder's class and sizes.

    Raises:
        UserError: The encoder is a class that makes its posterior itself.
    """
    logits = ClassLogits(num_classes=num_classes)
    network = instantiate(
        config["model"]["encoder"],
        trust=trust,
        image_shape=image_shape,
        offered={"latent_dim": config["latent_dim"], "posterior": logits},
    )
    if logits in network.modules():
        return network
    name = type(network).__name__
    raise UserError(
        f"{name} makes its posterior itself, so it cannot classify images, as condition.labelled "
        f"needs: give {name} an argument posterior and use it, or write condition.labelled=null."
    )


def make_encoder(config: Mapping[str, Any], image_shape: Sequence[int], *, trust: bool) -> Any:
    """Returns the encoder of a resolved configuration; its posterior is of the family named there.

    Raises:
        UserError: The encoder is a class that makes its posterior itself, of another family.
    """
    latent_dim = config["latent_dim"]
    # Runs from before there was a choice have the diagonal Gaussian.
    node = config.get("posterior", {"_target_": ADDED_LATER["posterior._target_"]})
    family = instantiate(node, trust=trust, latent_dim=latent_dim)
    encoder = instantiate(
        config["model"]["encoder"],
        trust=trust,
        image_shape=image_shape,
        offered={"latent_dim": latent_dim, "posterior": family},
    )
    if family in encoder.modules() or type(family) is Diagonal:
        return encoder
    name = type(encoder).__name__
    raise UserError(
        f"{name} makes its posterior itself, so posterior={type(family).__name__} would change "
        f"nothing: give {name} an argument posterior and use it, or write posterior=diagonal."
    )
