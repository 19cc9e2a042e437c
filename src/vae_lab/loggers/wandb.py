"""Weights & Biases (an extra): many runs in one place.

The step is the number of epochs completed. A resumed run writes to the row that it had. What
came after a checkpoint cannot be taken back: the epoch that is repeated is there twice, with the
same values.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from vae_lab.loggers.base import RunLogger


class WandbRunLogger(RunLogger, WandbLogger):
    """Writes to Weights & Biases, or for later into the run's folder: scalars, pictures, texts."""

    def __init__(self, *, save_dir: str | Path, offline: bool, project: str) -> None:
        """Takes the run's folder, which keeps everything for `wandb sync` if `offline`."""
        name = Path(save_dir).name
        super().__init__(save_dir=save_dir, offline=offline, project=project, name=name)

    def open_run(self, hparams: Mapping[str, Any]) -> None:
        known = {key: value for key, value in hparams.items() if value is not None}
        WandbLogger.log_hyperparams(self, known)

    def close_run(self, status: str) -> None:
        self.experiment.finish(exit_code=0 if status == "success" else 1)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        super().log_metrics({tag: value for tag, value in metrics.items() if tag != "epoch"}, step)

    def log_picture(self, tag: str, picture: np.ndarray, *, step: int, description: str) -> None:
        self.log_image(tag, [picture], step=step, caption=[description])

    def log_histogram(self, tag: str, values: Tensor, *, step: int) -> None:
        from wandb import Histogram

        self.log_metrics({tag: Histogram(values.flatten().tolist())}, step)

    def log_text(self, tag: str, text: str) -> None:  # type: ignore[override]
        """Keeps a text in the run's notes on its summary."""
        self.experiment.summary[tag] = text

    def state_dict(self) -> dict[str, Any]:
        # Which row is this run's.
        return {"id": self.experiment.id}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._id = self._wandb_init["id"] = state.get("id")
