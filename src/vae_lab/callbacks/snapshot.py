"""What pictures are drawn from: the model, the data, and the posterior of some images.

Shapes: B and N images, C channels, H and W pixels, Z latent dimensions.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.generative_model import BATCH, of_rows
from vae_lab.posteriors import Posterior, joined

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# Of how many images of a label the typical ones are found, and how many others each is compared to.
CANDIDATES, NEIGHBOURS = 100, 5


class EncodedImages(NamedTuple):
    """Images and their posterior, on the CPU."""

    images: Tensor  # (N, C, H, W)
    labels: Tensor | None  # (N,)
    mean: Tensor  # (N, Z)
    variance: Tensor  # (N, Z)
    kl: Tensor  # (N, Z), nats

    def first(self, count: int) -> "EncodedImages":
        """Returns the same of the first `count` images."""
        return EncodedImages(*(None if field is None else field[:count] for field in self))  # type: ignore[arg-type]

    def kl_per_dim(self) -> Tensor:
        """Returns the mean KL of each latent dimension in nats, (Z,)."""
        return self.kl.double().mean(dim=0)

    def dimensions_by_kl(self) -> list[int]:
        """Returns the latent dimensions from the largest to the smallest mean KL."""
        # NaN would end up first.
        kl = self.kl_per_dim().nan_to_num(nan=-1)
        return torch.argsort(kl, descending=True, stable=True).tolist()


class Snapshot:
    """The model and the data after so many epochs, which all pictures of that moment share.

    `data`, an ImageDataModule, knows `num_val` and `label_names`; its `examples()` are the first
    validation images, or the first training images if `num_val` is 0. `typical` keeps from one
    epoch to the next which of them are typical of a label: the same ones in every epoch.
    """

    def __init__(
        self,
        *,
        model: "VAE",
        data: Any,
        epochs_done: int,
        typical: dict[int, list[int]] | None = None,
    ) -> None:
        self.model, self.data, self.epochs_done = model, data, epochs_done
        self._typical = {} if typical is None else typical
        self._encoded: EncodedImages | None = None
        self._num_encoded = 0

    @property
    def split(self) -> str:
        """Which images are shown, for tags: val, or train if there is no validation."""
        return "val" if self.data.num_val else "train"

    @property
    def image_kind(self) -> str:
        """Which images are shown, for texts."""
        return "validation images" if self.data.num_val else "training images"

    @property
    def classes(self) -> range:
        """The classes that the model can be given, as labels; empty without a condition."""
        return range(self.model.condition.num_classes)

    def given(self, labels: Tensor | None) -> Tensor | None:
        """Returns what the model is given of images with these labels, (B,); None: nothing."""
        return labels if self.classes else None

    @property
    def kl_name(self) -> str:
        """What the KL of a dimension is called in texts, which say if it is not from the prior."""
        prior = self.model.prior
        return "KL" if prior.has_closed_kl else f"KL from the {prior.kl_reference}"

    def typical(self, label: int) -> list[int]:
        """Returns the images that are `typical` of a label among those shown; none without labels.

        A new list each time.
        """
        if label not in self._typical:
            images, labels = self.data.examples()
            self._typical[label] = [] if labels is None else typical(images, labels, label)
        return [*self._typical[label]]

    def encoded(self, num_images: int) -> EncodedImages:
        """Returns the first `num_images` images, or all there are, with their posterior."""
        if self._encoded is None or self._num_encoded < num_images:
            self._encoded, self._num_encoded = self._encode(num_images), num_images
        return self._encoded.first(num_images)

    def _encode(self, num_images: int) -> EncodedImages:
        images, labels = self.data.examples()
        # A copy: a view would keep all of the images in memory.
        images = images[:num_images].clone()
        labels = None if labels is None else labels[:num_images].cpu()
        posterior = self._posterior(images, self.given(labels))
        # Of all images at once: a KL from the aggregate posterior depends on all of them.
        kl = self.model.prior.kl(posterior)
        return EncodedImages(images, labels, posterior.mean, posterior.variance, kl)

    def _posterior(self, images: Tensor, labels: Tensor | None) -> Posterior:
        model = self.model
        batches = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
        posteriors = [
            model.encode(images[rows].to(model.device), of_rows(labels, rows)) for rows in batches
        ]
        return joined(posteriors).map(lambda field: field.cpu().float())


def typical(images: Tensor, labels: Tensor, label: int) -> list[int]:
    """Returns the indices of the first images (N, C, H, W) of a label, the most typical one first.

    An image is typical if others of its label look like it: by its mean distance, in pixels, to
    the five nearest of them. A spoilt image has no such neighbours. No model is asked, so that the
    images are the same in every run and after every epoch.
    """
    indices = torch.nonzero(labels == label)[:CANDIDATES, 0]
    pixels = images[indices.to(images.device)].flatten(1).double()
    # Each image is its own nearest.
    nearest = torch.cdist(pixels, pixels).sort(dim=1).values[:, 1 : 1 + NEIGHBOURS]
    return indices[nearest.mean(dim=1).argsort(stable=True).to(indices.device)].tolist()
