"""What a condition is: what encoder and decoder are given beside images and latent points.

Shapes: B images per batch, N images, L classes, C, H, W of an image, Z latent dimensions.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from vae_lab.errors import UserError

# Makes an encoder for images (C, H, W), or a decoder for so many latent dimensions.
MakeEncoder = Callable[[Sequence[int]], nn.Module]
MakeDecoder = Callable[[int], nn.Module]
# Makes a classifier, x (B, C, H, W) -> logits (B, L), for so many classes.
MakeClassifier = Callable[[int], nn.Module]


class Condition(nn.Module):
    """What a model is given of an image. A module, so that what it learns of labels is saved."""

    # The classes that labels 0, 1, ... stand for; 0 without a condition.
    num_classes = 0
    # p(y) of the classes, (L,); only if there are any.
    shares: Tensor
    # Whether only some images have a label, and a classifier q(y|x) stands for the others.
    classifies = False

    def encoder(
        self, make: MakeEncoder, image_shape: Sequence[int], *, flattens: bool
    ) -> nn.Module:
        """Returns the encoder of a model; `flattens` says that its network begins with that."""
        return make(image_shape)

    def decoder(self, make: MakeDecoder, latent_dim: int) -> nn.Module:
        """Returns the decoder of a model."""
        return make(latent_dim)

    def protocol(self) -> dict[str, str]:
        """Returns what the bound is given, for protocols; nothing without a condition."""
        return {}

    def add_classifier(self, make: MakeClassifier) -> None:
        """Makes the classifier q(y|x) of a model that is given only some labels."""

    def classifier_loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Returns the weighted loss of the classifier on images (M, C, H, W), labels (M,)."""
        raise NotImplementedError

    def has_unknown(self, labels: Tensor | None) -> bool:
        """Tells whether one of the labels, int64 (B,), is -1 for unknown."""
        return False

    def complete(self, x: Tensor, labels: Tensor | None) -> Tensor | None:
        """Returns labels of images x (B, C, H, W), those that are unknown by the classifier."""
        return labels

    def begin(self, labels: Tensor | None) -> None:
        """Takes the labels of the training images, int64 (N,), before training."""

    def inputs(self, values: Tensor, labels: Tensor | None) -> tuple[Tensor, ...]:
        """Returns what a network takes for values (B, ...) with labels, int64 (B,).

        Raises:
            UserError: labels are missing, or given to a model that takes none.
        """
        if labels is not None:
            raise UserError("this model has no condition: call it without labels.")
        return (values,)

    def draw(self, num_images: int, generator: torch.Generator) -> Tensor | None:
        """Returns labels drawn from p(y), int64 (N,); None without a condition."""
        return None


class Unconditional(Condition):
    """No condition: the model knows an image by its pixels only."""

    def __init__(self, *, num_classes: int) -> None:
        """Takes the number of classes of the data set, which does not matter here."""
        super().__init__()
