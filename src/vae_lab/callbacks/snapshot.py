"""What pictures look at: the module, the data, and the posterior of some images, computed once.

Shapes: B and N images, C channels, H and W pixels, Z latent dimensions.
"""

from typing import Any, NamedTuple, Protocol, cast
from weakref import WeakKeyDictionary

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from vae_lab.posterior import Posterior

BATCH = 500  # images encoded at once; it changes no result


class Prior(Protocol):
    """What a picture asks of p(z)."""

    @property
    def has_closed_kl(self) -> bool:
        """Whether `kl` is measured from the prior, and not from the aggregate posterior."""

    def kl(self, posterior: Any, /) -> Tensor:
        """Returns the KL of q(z|x) per latent dimension in nats, (B, Z)."""

    def mean(self) -> Tensor:
        """Returns the mean of p(z), (Z,)."""

    def scale(self) -> Tensor:
        """Returns the standard deviation of each dimension of p(z), (Z,)."""

    def quantiles(self, probability: Tensor, /) -> Tensor:
        """Returns each dimension's quantiles of p(z), (S, Z)."""


class VAE(Protocol):
    """What a picture asks of the trained module."""

    latent_dim: int

    @property
    def prior(self) -> Prior: ...

    @property
    def device(self) -> torch.device: ...

    def encode(self, x: Tensor, /) -> Posterior:
        """Maps images (B, C, H, W) to q(z|x)."""

    def decode(self, z: Tensor, /) -> Tensor:
        """Maps latent points (B, Z) to mean images (B, C, H, W) in [0, 1]."""

    def reconstruct(self, x: Tensor, /) -> Tensor:
        """Decodes the posterior mean of images (B, C, H, W), same shape."""

    def sample(self, num_images: int, /, generator: torch.Generator) -> Tensor:
        """Returns mean images of `num_images` prior draws, (N, C, H, W)."""


class Data(Protocol):
    """What a picture asks of the data module."""

    @property
    def num_val(self) -> float: ...

    @property
    def label_names(self) -> tuple[str, ...] | None: ...  # of the labels 0, 1, ...

    def examples(self) -> tuple[Tensor, Tensor | None]:
        """Returns images (N, C, H, W) in [0, 1] and their labels (N,), if they have any.

        They are the validation images, or the training images where `num_val` is 0; of many, the
        first ones.
        """


class Look(NamedTuple):
    """Images and their posterior, on the CPU."""

    images: Tensor  # (N, C, H, W)
    labels: Tensor | None  # (N,)
    mean: Tensor  # (N, Z)
    variance: Tensor  # (N, Z)
    kl: Tensor  # (N, Z), nats

    def first(self, count: int) -> "Look":
        """Returns the same of the first `count` images."""
        return Look(*(None if part is None else part[:count] for part in self))  # type: ignore[arg-type]

    def kl_per_dim(self) -> Tensor:
        """Returns the mean KL of each latent dimension in nats, (Z,)."""
        return self.kl.double().mean(dim=0)

    def by_use(self) -> list[int]:
        """Returns the latent dimensions from the most to the least used, by their mean KL."""
        # A value that is no number would end up first.
        kl = self.kl_per_dim().nan_to_num(nan=-1)
        return torch.argsort(kl, descending=True, stable=True).tolist()


class Scene:
    """The module and the data at one moment of the training, which all pictures of it share."""

    def __init__(self, *, module: VAE, data: Data, epochs_done: int) -> None:
        self.module, self.data, self.epochs_done = module, data, epochs_done
        self._look: Look | None = None
        self._looked_for = 0

    @property
    def split(self) -> str:
        """Which images are shown, for tags: val, or train where there is no validation."""
        return "val" if self.data.num_val else "train"

    def kl_words(self) -> str:
        """What the KL of a dimension is, for texts: it says so where it is not from the prior."""
        return "KL" if self.module.prior.has_closed_kl else "KL from the aggregate posterior"

    def image_kind(self) -> str:
        """Which images are shown, for texts."""
        return "validation images" if self.data.num_val else "training images"

    def look(self, num_images: int) -> Look:
        """Returns the first `num_images` images, or all there are, with their posterior."""
        if self._look is None or self._looked_for < num_images:
            self._look, self._looked_for = self._encode(num_images), num_images
        return self._look.first(num_images)

    def _encode(self, num_images: int) -> Look:
        images, labels = self.data.examples()
        # A copy: a view would keep all of the images in memory.
        images = images[:num_images].clone()
        parts = []
        for batch in torch.split(images, BATCH):
            posterior = self.module.encode(batch.to(self.module.device))
            parts.append((posterior.mean.cpu(), posterior.log_var.cpu()))
        mean, log_var = (torch.cat(column).float() for column in zip(*parts, strict=True))
        # Of all images at once: a KL from the aggregate posterior depends on all of them.
        kl = self.module.prior.kl(Posterior(mean, log_var))
        labels = None if labels is None else labels[:num_images].cpu()
        return Look(images, labels, mean, log_var.exp(), kl)


_scenes: WeakKeyDictionary[Trainer, Scene] = WeakKeyDictionary()


def scene_of(trainer: Trainer, module: Any, epochs_done: int) -> Scene:
    """Returns the scene after so many epochs, the same object for every picture of a trainer."""
    scene = _scenes.get(trainer)
    if scene is None or scene.epochs_done != epochs_done or scene.module is not module:
        data = cast(Data, trainer.datamodule)  # type: ignore[attr-defined]
        scene = _scenes[trainer] = Scene(module=module, data=data, epochs_done=epochs_done)
    return scene


def forget_scene(trainer: Trainer) -> None:
    """Drops what a trainer's pictures saw: the weights may change without an epoch passing."""
    _scenes.pop(trainer, None)
