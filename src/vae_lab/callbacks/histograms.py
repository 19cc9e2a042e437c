"""How the posterior's parameters are distributed.

Shapes: N images, Z latent dimensions.
"""

import torch
from pytorch_lightning import Trainer

from vae_lab.callbacks.picture import Display, require_at_least
from vae_lab.callbacks.snapshot import Scene
from vae_lab.loggers.base import HistogramLogger


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
