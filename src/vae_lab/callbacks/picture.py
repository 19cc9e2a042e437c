"""When pictures are drawn and where they go; what is drawn is the subclasses' part.

Shapes: C channels, H and W pixels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor, nn

from vae_lab.callbacks.drawing.charts import Chart
from vae_lab.callbacks.drawing.grids import to_png, to_uint8
from vae_lab.callbacks.snapshot import Scene, forget_scene, scene_of
from vae_lab.loggers.base import PictureLogger


class Display(Callback, ABC):
    """Shows one thing before training, every `every_n_epochs` epochs, and at the end.

    The step of what is shown is the number of epochs completed, as it is for scalars. Looking
    happens in eval mode, without gradients, with a generator of its own and with the global
    generators set back afterwards: shown or not, the trained weights are the same bit for bit.
    """

    def __init__(self, *, every_n_epochs: int, seed: int) -> None:
        """Sets when to look.

        Args:
            every_n_epochs: show after every so many epochs, besides the start and the end.
            seed: of the generator that `show` gets, the same each time.
        """
        require_at_least("every_n_epochs", every_n_epochs, 1)
        self.every_n_epochs, self.seed = every_n_epochs, seed
        self._active = True
        self._epochs_done = self._last_shown = 0

    @abstractmethod
    def show(self, trainer: Trainer, scene: Scene, generator: torch.Generator) -> None:
        """Makes what is to be seen and hands it on."""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit":
            return
        require_data(trainer, self)
        forget_scene(trainer)
        self._active = trainer.is_global_zero

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # A resumed run drew this epoch's picture before it wrote the checkpoint it starts from.
        self._epochs_done = self._last_shown = trainer.current_epoch
        if trainer.current_epoch == 0:
            self._look(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epochs_done = trainer.current_epoch + 1
        if self._epochs_done % self.every_n_epochs == 0:
            self._look(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only here is it certain which epoch was the last: max_epochs, max_steps, max_time and
        # early stopping all end here.
        if self._epochs_done > self._last_shown:
            self._look(trainer, pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        forget_scene(trainer)

    def _look(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._last_shown = self._epochs_done
        if not self._active or not trainer.is_global_zero:
            return
        generator = torch.Generator().manual_seed(self.seed)
        with looking(pl_module):
            self.show(trainer, scene_of(trainer, pl_module, self._epochs_done), generator)


class Picture(Display):
    """Draws one kind of picture into a file of the run's folder and each logger for pictures."""

    tag: ClassVar[str]  # what ends in /val is /train where there are no validation images
    description: ClassVar[str]

    def __init__(self, *, every_n_epochs: int, seed: int, scale: int) -> None:
        """Sets when and how large to draw.

        Args:
            every_n_epochs: draw after every so many epochs, besides the first and last picture.
            seed: of the generator that `draw` gets, the same for each picture.
            scale: the PNG file shows each pixel as scale x scale pixels.
        """
        super().__init__(every_n_epochs=every_n_epochs, seed=seed)
        require_at_least("scale", scale, 1)
        self.scale = scale

    @abstractmethod
    def draw(self, scene: Scene, generator: torch.Generator) -> Tensor | Chart:
        """Returns the picture, (C, H, W) in [0, 1], or a chart."""

    @property
    def file_name(self) -> str:
        """The beginning of the names of its files."""
        return self.tag.split("/")[0]

    def show(self, trainer: Trainer, scene: Scene, generator: torch.Generator) -> None:
        picture = self.draw(scene, generator)
        figures = Path(trainer.default_root_dir) / "figures"
        path = figures / f"{self.file_name}_{scene.epochs_done:04d}.png"
        if isinstance(picture, Tensor):
            to_png(picture, path, scale=self.scale)
        else:
            to_png(picture.render(self.scale), path, scale=1)
        loggers: list[Any] = [one for one in trainer.loggers if isinstance(one, PictureLogger)]
        if not loggers:
            return
        pixels = to_uint8(picture if isinstance(picture, Tensor) else picture.render(1))
        tag = self.tag.replace("/val", f"/{scene.split}")
        for logger in loggers:
            logger.log_picture(tag, pixels, step=scene.epochs_done, description=self.description)


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


def require_data(trainer: Trainer, callback: Callback) -> None:
    """Raises ValueError where the trainer has no data module to take images from."""
    if getattr(trainer, "datamodule", None) is None:
        raise ValueError(
            f"{type(callback).__name__} takes its images from a data module, and the trainer has "
            "none. Call trainer.fit(module, datamodule=...)."
        )


# What comes at most once an epoch. A callback with any other hook stays on its own.
_RARE = (
    *("setup", "teardown", "on_fit_start", "on_fit_end", "on_exception"),
    *("on_train_start", "on_train_end", "on_train_epoch_start", "on_train_epoch_end"),
    *("on_validation_start", "on_validation_end"),
    *("on_validation_epoch_start", "on_validation_epoch_end"),
)

_OTHER = tuple(
    name
    for name in vars(Callback)
    if name not in _RARE and (name.startswith("on_") or name.endswith("state_dict"))
)


class Together(Callback):
    """Hands each hook on to its members, in their order."""

    def __init__(self, members: Iterable[Callback]) -> None:
        self.members = list(members)


def grouped(callbacks: Iterable[Callback]) -> list[Callback]:
    """Returns the callbacks, those that are called rarely put together at the first one's place."""
    found: list[Callback] = []
    group: Together | None = None
    for callback in callbacks:
        if any(_overrides(callback, name) for name in _OTHER):
            found.append(callback)
        elif group is None:
            found.append(group := Together([callback]))
        else:
            group.members.append(callback)
    return found


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(type(callback), name) is not getattr(Callback, name)


def _handing_on(name: str) -> Callable[..., None]:
    def hook(self: Together, *arguments: Any, **named: Any) -> None:
        for member in self.members:
            getattr(member, name)(*arguments, **named)

    return hook


for _name in _RARE:
    setattr(Together, _name, _handing_on(_name))
