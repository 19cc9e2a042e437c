"""The label as a condition: encoder and decoder are given the class of each image.

The bound is then one on log p(x|y): q(z|x, y) and p(x|z, y) know the class y, p(z) does not.

Shapes: B images per batch, N images, L classes, C, H, W of an image, Z latent dimensions.

Source: Kingma et al., Semi-supervised Learning with Deep Generative Models, arXiv:1406.5298,
section 2.2; Sohn et al., Learning Structured Output Representation, 2015, section 4.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_lab.conditions.base import Condition, MakeClassifier, MakeDecoder, MakeEncoder
from vae_lab.errors import UserError


class PartlyKnown(Condition):
    """A condition with a classifier q(y|x) if only some of the training images have a label."""

    def __init__(self, *, labelled: int | None, classifier_weight: float) -> None:
        super().__init__()
        self.labelled = labelled
        # x (B, C, H, W) -> logits (B, L); None if all images have a label.
        self.classifier: nn.Module | None = None
        self.classifies, self.classifier_weight = labelled is not None, classifier_weight

    def protocol(self) -> dict[str, str]:
        return {"condition": f"label, {self.labelled} known" if self.classifies else "label"}

    def add_classifier(self, make: MakeClassifier) -> None:
        if self.classifies:
            self.classifier = make(self.num_classes)

    def logits(self, x: Tensor) -> Tensor:
        """Returns the logits of q(y|x) for x (B, C, H, W), (B, L), in single precision."""
        assert self.classifier is not None
        logits: Tensor = self.classifier(x).float()
        return logits

    def classifier_loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Returns the weighted mean of -log q(y|x) over images x (M, C, H, W), labels (M,)."""
        return self.classifier_weight * F.cross_entropy(self.logits(x), labels)

    def has_unknown(self, labels: Tensor | None) -> bool:
        return self.classifier is not None and labels is not None and bool((labels < 0).any())

    def complete(self, x: Tensor, labels: Tensor | None) -> Tensor | None:
        if labels is None or not self.has_unknown(labels):
            return labels
        return torch.where(labels < 0, self.logits(x).argmax(dim=1), labels.to(x.device))


class ClassLabel(PartlyKnown):
    """The class of an image, one of L, given to every network as it is built, unchanged."""

    # p(y): the shares of the classes among the training images, (L,). With few labels they are not
    # known: all classes have the same share.
    shares: Tensor

    def __init__(self, *, num_classes: int, labelled: int | None, classifier_weight: float) -> None:
        super().__init__(labelled=labelled, classifier_weight=classifier_weight)
        if num_classes < 2:
            raise UserError(
                f"condition=label needs images of two classes or more, and these have "
                f"{num_classes or 'no labels'}: give labels, or write condition=none."
            )
        self.num_classes = num_classes
        self.register_buffer("shares", torch.full((num_classes,), 1 / num_classes))

    def encoder(
        self, make: MakeEncoder, image_shape: Sequence[int], *, flattens: bool
    ) -> nn.Module:
        channels, height, width = image_shape
        if flattens:
            # A row of pixels, the classes behind the image.
            row = (1, 1, math.prod(image_shape) + self.num_classes)
            return RowEncoder(make(row), self.num_classes)
        return PlanesEncoder(make((channels + self.num_classes, height, width)), self.num_classes)

    def decoder(self, make: MakeDecoder, latent_dim: int) -> nn.Module:
        return LabelledDecoder(make(latent_dim + self.num_classes), self.num_classes)

    def begin(self, labels: Tensor | None) -> None:
        assert labels is not None
        if self.classifies:
            return
        counts = torch.bincount(labels[labels >= 0].cpu(), minlength=self.num_classes)
        self.shares.copy_(counts / counts.sum())

    def inputs(self, values: Tensor, labels: Tensor | None) -> tuple[Tensor, ...]:
        if labels is None:
            raise UserError(
                f"this model is conditional: give the label of each image, 0 to "
                f"{self.num_classes - 1}."
            )
        return values, labels

    def draw(self, num_images: int, generator: torch.Generator) -> Tensor:
        shares = self.shares.to(generator.device)
        return shares.multinomial(num_images, replacement=True, generator=generator)


class WithLabels(nn.Module):
    """A network that is given labels beside its input, in a form that it takes as it is."""

    def __init__(self, network: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.network, self.num_classes = network, num_classes

    def one_hot(self, labels: Tensor, like: Tensor) -> Tensor:
        """Returns 1 at the class of each image, else 0, (B, L), on the device of `like`."""
        return F.one_hot(labels.to(like.device), self.num_classes).to(like.dtype)


class PlanesEncoder(WithLabels):
    """x (B, C, H, W), y (B,) -> q(z|x, y): a plane for each class beside the channels, 1 or 0."""

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        planes = self.one_hot(labels, x)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        return self.network(torch.cat([x, planes], dim=1))


class RowEncoder(WithLabels):
    """x (B, C, H, W), y (B,) -> q(z|x, y), of a network that flattens images: L numbers behind."""

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        row = torch.cat([x.flatten(1), self.one_hot(labels, x)], dim=1)
        return self.network(row[:, None, None])


class LabelledDecoder(WithLabels):
    """z (B, Z), y (B,) -> outputs (B, C, H, W): L numbers behind the latent dimensions."""

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.network(torch.cat([z, self.one_hot(labels, z)], dim=1))
