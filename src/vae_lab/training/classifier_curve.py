"""The accuracy of a semi-supervised model's classifier after each epoch, for people to look at."""

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from vae_lab.vae import VAE


class ClassifierCurve(Callback):
    """Logs `accuracy/val`, the share of validation images that q(y|x) classifies right.

    It is only shown: nothing is chosen by it, so no label of the validation images has a part in
    what is trained.
    """

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, VAE)
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        data = trainer.datamodule  # type: ignore[attr-defined]  # set from elsewhere
        classes = pl_module.complete_in_batches(data.val_images, data.given_labels("val"))
        assert classes is not None
        right = torch.eq(classes, data.val_labels).double()
        for logger in trainer.loggers:
            metrics = {"accuracy/val": right.mean().item()}
            logger.log_metrics(metrics, step=trainer.current_epoch + 1)
