"""A short training on stripes with Adam and arguments of the Trainer, and what it did."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from stripes import small_config

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.run_folder import RunFolder
from vae_lab.training.ending import LimitWarnings
from vae_lab.training.trainer import build_trainer
from vae_lab.vae import VAE


class Notes(pl.Callback):
    """Keeps what a training does."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.epochs: list[int] = []  # of each batch
        self.steps: list[int] = []  # taken after each batch
        self.rates: list[float] = []
        self.norms: list[float] = []
        self.largest: list[float] = []
        self.validations: list[tuple[int, int]] = []  # epoch, and batches
        self.points: list[dict[str, float]] = []
        self.flags: dict[str, bool] = {}
        self.stop = False

    def on_train_batch_end(self, trainer: pl.Trainer, *given: Any) -> None:
        module, _, batch, _ = given
        self.rows.append(batch.index.tolist())
        self.epochs.append(trainer.current_epoch)
        self.steps.append(trainer.global_step)
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])
        gradients = torch.cat([p.grad.flatten() for p in module.parameters()])
        self.norms.append(gradients.norm().item())
        self.largest.append(gradients.abs().max().item())
        self.flags = {
            "anomaly": torch.is_anomaly_enabled(),
            "deterministic": torch.are_deterministic_algorithms_enabled(),
            "benchmark": torch.backends.cudnn.benchmark,
        }
        trainer.should_stop = trainer.should_stop or self.stop

    def on_validation_end(self, trainer: pl.Trainer, *_: Any) -> None:
        batches = (
            trainer.num_sanity_val_batches if trainer.sanity_checking else trainer.num_val_batches
        )
        self.validations.append(
            (-1 if trainer.sanity_checking else trainer.current_epoch, sum(map(int, batches)))
        )


class Fit:
    """A training of the stripes with an override, and what it did."""

    def __init__(
        self,
        folder: Path,
        *overrides: str,
        stop: bool = False,
        more: Sequence[pl.Callback] = (),
        change: Callable[[VAE], None] | None = None,
    ) -> None:
        keys = [f"trainer.{override}" for override in overrides]
        fixed = ("callbacks=none", "logger=none", "optimizer=adam")
        config, _ = small_config(folder / "conf", *fixed, *keys)
        self.config, self.folder, self.notes = config, folder, Notes()
        self.notes.stop = stop
        first = [LimitWarnings(), self.notes, *more]
        self.trainer = build_trainer(config, RunFolder(folder), trust=True, first=first)
        self.data = ImageDataModule.from_config(config, trust=True)
        self.data.setup()
        self.model = VAE.from_config(config, self.data.image_shape, trust=True)
        if change is not None:
            change(self.model)
        self.trainer.fit(self.model, datamodule=self.data)
