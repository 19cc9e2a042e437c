"""When a picture is drawn and where it goes; what is drawn is the subclasses' part.

Shapes: B and N images, C channels, H and W pixels, Z latent dimensions.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Protocol, cast, runtime_checkable

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor, nn

from vae_lab.images import to_png, to_uint8


class Posterior(Protocol):
    """The parameters of q(z|x), each (B, Z)."""

    @property
    def mean(self) -> Tensor: ...


class VAE(Protocol):
    """What a picture asks of the trained module."""

    latent_dim: int

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

    def examples(self) -> tuple[Tensor, Tensor | None]:
        """Returns images (N, C, H, W) in [0, 1] and their labels (N,), if they have any."""


@runtime_checkable
class PictureLogger(Protocol):
    """A logger that takes pictures. Loggers without this method are passed over."""

    def log_picture(self, tag: str, picture: Tensor, *, step: int, description: str) -> None:
        """Logs a picture of bytes, (C, H, W) on the CPU, at a step, with a text about it."""


class Picture(Callback, ABC):
    """Draws one kind of picture before training, every `every_n_epochs` epochs, and at the end.

    The step of a picture is the number of epochs completed, as it is for scalars. Drawing happens
    in eval mode, without gradients, with a generator of its own and with the global generators set
    back afterwards: pictures on or off, the trained weights are the same bit for bit.
    """

    tag: ClassVar[str]
    description: ClassVar[str]

    def __init__(self, *, every_n_epochs: int, seed: int, scale: int) -> None:
        """Sets when and how large to draw.

        Args:
            every_n_epochs: draw after every so many epochs, besides the first and last picture.
            seed: of the generator that `draw` gets, the same for each picture.
            scale: the PNG file shows each pixel as scale x scale pixels.
        """
        require_at_least("every_n_epochs", every_n_epochs, 1)
        require_at_least("scale", scale, 1)
        self.every_n_epochs, self.seed, self.scale = every_n_epochs, seed, scale
        self._active = True
        self._epochs_done = self._last_drawn = 0

    @abstractmethod
    def draw(self, module: VAE, data: Data, generator: torch.Generator) -> Tensor:
        """Returns the picture, (C, H, W) in [0, 1]."""

    def applies(self, module: VAE) -> bool:
        """Returns whether this picture exists for the module; asked once, at setup."""
        return True

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        if getattr(trainer, "datamodule", None) is None:
            raise ValueError(
                f"{type(self).__name__} takes its images from a data module, and the trainer has "
                "none. Call trainer.fit(module, datamodule=...)."
            )
        self._active = trainer.is_global_zero and self.applies(cast(VAE, pl_module))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A resumed run drew this epoch's picture before it wrote the checkpoint it starts from.
        self._epochs_done = self._last_drawn = trainer.current_epoch
        if trainer.current_epoch == 0:
            self._publish(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epochs_done = trainer.current_epoch + 1
        if self._epochs_done % self.every_n_epochs == 0:
            self._publish(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only here is it certain which epoch was the last: max_epochs, max_steps, max_time and
        # early stopping all end here.
        if self._epochs_done > self._last_drawn:
            self._publish(trainer, pl_module)

    def _publish(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the picture of `_epochs_done` into the run's folder and each logger for images."""
        self._last_drawn = self._epochs_done
        if not self._active:
            return
        data = cast(Data, trainer.datamodule)  # type: ignore[attr-defined]
        generator = torch.Generator().manual_seed(self.seed)
        with looking(pl_module):
            picture = self.draw(cast(VAE, pl_module), data, generator)
        name = self.tag.split("/")[0]
        figures = Path(trainer.default_root_dir) / "figures"
        to_png(picture, figures / f"{name}_{self._epochs_done:04d}.png", scale=self.scale)
        for logger in trainer.loggers:
            if isinstance(logger, PictureLogger):
                logger.log_picture(
                    self.tag,
                    to_uint8(picture),
                    step=self._epochs_done,
                    description=self.description,
                )


@contextmanager
def looking(module: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients; on leaving, every mode and global generator is as it was."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad(), isolate_rng():
            yield
    finally:
        for part, training in modes:  # one by one: a part may have been in eval mode on purpose
            part.training = training


def require_at_least(name: str, value: float, minimum: float) -> None:
    """Raises ValueError, naming the setting, if its value is below the minimum."""
    if not value >= minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}.")
