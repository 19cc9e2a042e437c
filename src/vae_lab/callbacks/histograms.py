"""How the posterior's parameters are distributed.

Shapes: N images, Z latent dimensions.
"""

from typing import Protocol, runtime_checkable

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from vae_lab.callbacks.base import Display, require_at_least
from vae_lab.callbacks.scene import Scene


@runtime_checkable
class HistogramLogger(Protocol):
    """A logger that takes histograms. Loggers without this method are passed over."""

    def log_histogram(self, tag: str, values: Tensor, *, step: int) -> None:
        """Logs how values (any shape, on the CPU) are distributed."""


class Histograms(Display):
    """Logs all posterior means and variances: N x Z values each."""

    def __init__(self, *, num_images: int, every_n_epochs: int, seed: int) -> None:
        super().__init__(every_n_epochs=every_n_epochs, seed=seed)
        require_at_least("num_images", num_images, 1)
        self.num_images = num_images

    def show(self, trainer: Trainer, scene: Scene, generator: torch.Generator) -> None:
        loggers = [logger for logger in trainer.loggers if isinstance(logger, HistogramLogger)]
        if not loggers:
            return
        look = scene.look(self.num_images)
        for tag, values in (("posterior/mean", look.mean), ("posterior/variance", look.variance)):
            finite = values[values.isfinite()]
            for logger in loggers if len(finite) else []:
                logger.log_histogram(tag, finite, step=scene.epochs_done)
