"""The file by which another process sees how far a run is: `progress.json`."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from vae_lab.epochs import TrainingClock
from vae_lab.progress_files import RunProgress

# Seconds between two writes within an epoch, and at the end of one.
WITHIN, BETWEEN = 5.0, 0.5


class ProgressFile(Callback):
    """Writes how far the training is into the run's folder. It reads values and changes none.

    A step costs one reading of the clock. A file that cannot be written ends no training.
    """

    def __init__(self) -> None:
        self._clock: TrainingClock | None = None
        self._began = self._written = 0.0
        self._first_epoch = 0
        self._per_epoch: float | None = None  # seconds

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._clock, self._began = TrainingClock(trainer), time.monotonic()
        self._first_epoch = trainer.current_epoch
        self._write(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._write(trainer, after=WITHIN)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Only now every metric of the last epoch is there.
        self._time_epochs(trainer)
        self._write(trainer, after=BETWEEN)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._time_epochs(trainer)
        self._write(trainer)

    def _time_epochs(self, trainer: Trainer) -> None:
        if (trained := trainer.current_epoch - self._first_epoch) > 0:
            self._per_epoch = (time.monotonic() - self._began) / trained

    def _write(self, trainer: Trainer, *, after: float = 0.0) -> None:
        """Writes the file if so many seconds went by since the last time."""
        now = time.monotonic()
        if self._clock is None or not trainer.is_global_zero or now - self._written < after:
            return
        self._written = now
        with suppress(OSError):
            self._progress(trainer, self._clock).write(Path(trainer.default_root_dir))

    def _progress(self, trainer: Trainer, clock: TrainingClock) -> RunProgress:
        share, whole = clock.share(trainer), clock.whole(trainer)
        metrics, limit = trainer.callback_metrics, trainer.max_epochs
        split = "val" if "elbo/val" in metrics else "train"
        elbo = metrics.get(f"elbo/{split}")
        return RunProgress(
            epochs=trainer.current_epoch,
            max_epochs=None if limit is None or limit < 0 else limit,
            share=share,
            seconds_per_epoch=self._per_epoch,
            seconds_left=None if whole is None else whole * (1 - share),
            elbo=None if elbo is None else float(elbo),
            elbo_split=split,
            written=time.time(),
        )
