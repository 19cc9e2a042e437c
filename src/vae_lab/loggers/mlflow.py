"""MLflow (an extra): many runs in one store.

The step is the number of epochs completed. A resumed run writes to the row that it had. MLflow
cannot take back what came after a checkpoint: the epoch that is repeated is there twice, with the
same values.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_lightning.loggers import MLFlowLogger
from pytorch_lightning.utilities import rank_zero_only

from vae_lab.loggers.base import RunLogger, without_epoch


class MlflowRunLogger(RunLogger, MLFlowLogger):
    """Writes to an MLflow store: scalars, pictures, the configuration, and how the run ended."""

    def __init__(
        self, *, save_dir: str | Path, tracking_uri: str, artifact_location: str, project: str
    ) -> None:
        """Sets the store, which is opened with the first thing that is logged.

        Args:
            save_dir: the run's folder, which names the run.
            tracking_uri: of the store, as in `sqlite:///outputs/mlflow.db`, or of a server.
            artifact_location: the folder for pictures and texts; a server has its own.
            project: MLflow's "experiment", which the runs belong to.
        """
        if tracking_uri.startswith("sqlite:///"):
            Path(tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        super().__init__(
            experiment_name=project,
            run_name=Path(save_dir).name,
            tracking_uri=tracking_uri,
            artifact_location=artifact_location,
        )

    def open_run(self, hparams: Mapping[str, Any]) -> None:
        known = {key: value for key, value in hparams.items() if value is not None}
        MLFlowLogger.log_hyperparams(self, known)

    def close_run(self, status: str) -> None:
        ended = "FINISHED" if status == "success" else "FAILED"
        self.experiment.set_terminated(self.run_id, ended)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics(without_epoch(metrics), step)

    def log_picture(self, tag: str, picture: np.ndarray, *, step: int, description: str) -> None:
        self.experiment.log_image(self.run_id, picture, key=tag, step=step)

    def log_text(self, tag: str, text: str) -> None:
        self.experiment.log_text(self.run_id, text, f"{tag}.md")

    def state_dict(self) -> dict[str, Any]:
        # Which row is this run's.
        return {"run_id": self.run_id}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._run_id = state.get("run_id")
