"""Callbacks put together hear what they would have heard alone."""

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping

from vae_lab.callbacks.picture import Together, grouped


class Noting(pl.Callback):
    """Notes which of its hooks were called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.called.append("start")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.called.append("epoch")


class NotingBatches(Noting):
    """Wants to know of batches as well."""

    def on_train_batch_end(self, *_: Any) -> None:
        self.called.append("batch")


def test_callbacks_that_are_called_rarely_are_put_together_and_hear_the_same() -> None:
    first, batches, second = Noting(), NotingBatches(), Noting()
    together, alone = grouped([first, batches, second])
    assert isinstance(together, Together) and alone is batches
    assert together.members == [first, second]
    trainer = pl.Trainer(logger=False, enable_checkpointing=False)
    together.on_train_start(trainer, pl.LightningModule())
    together.on_train_epoch_end(trainer, pl.LightningModule())
    assert first.called == second.called == ["start", "epoch"] and batches.called == []


def test_whatever_keeps_a_state_stays_on_its_own() -> None:
    stopping = EarlyStopping(monitor="elbo/val")
    assert grouped([stopping]) == [stopping]
