"""The latent space in TensorBoard's Projector."""

from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import TensorBoardLogger

from vae_lab.callbacks.base import looking, require_at_least, require_data
from vae_lab.callbacks.scene import scene_of
from vae_lab.plots import called
from vae_lab.projector import write_projection


class Embedding(Callback):
    """Writes posterior means, with labels and small images, once: when the training has ended."""

    def __init__(self, *, num_images: int) -> None:
        require_at_least("num_images", num_images, 1)
        self.num_images = num_images

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":
            require_data(trainer, self)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # No other logger has a Projector, and this one's page finds the files by their names.
        folders = {
            logger.log_dir for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)
        }
        if not trainer.is_global_zero or not folders:
            return
        with looking(pl_module):
            scene = scene_of(trainer, pl_module, trainer.current_epoch)
            look = scene.look(self.num_images)
        labels = None
        if look.labels is not None:
            labels = [called(label, scene.data.label_names) for label in look.labels.tolist()]
        for folder in folders:
            write_projection(Path(folder), points=look.mean, labels=labels, images=look.images)
