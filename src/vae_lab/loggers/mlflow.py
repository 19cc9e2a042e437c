"""MLflow (an extra): many runs in one store.

The step is the number of epochs completed. A run that goes on writes to the row that it had. MLflow
cannot take back what came after a checkpoint: the epoch that is repeated is there twice, with the
same values.
"""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import MLFlowLogger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor

from vae_lab.loggers.base import _pixels


class MlflowRunLogger(MLFlowLogger):
    """Writes to an MLflow store: scalars, pictures, the configuration, and how the run ended."""

    def __init__(
        self, *, save_dir: str | Path, tracking_uri: str, artifact_location: str, project: str
    ) -> None:
        """Names the store; it is opened with the first thing that is logged.

        Args:
            save_dir: the run's folder, whose name is the run's.
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

    @rank_zero_only
    def start_session(self, hparams: Mapping[str, Any]) -> None:
        """Opens the run's row with its hyper-parameters."""
        super().log_hyperparams({key: value for key, value in hparams.items() if value is not None})

    @rank_zero_only
    def end_session(self, status: str) -> None:
        """Closes the row with how the run ended."""
        ended = "FINISHED" if status == "success" else "FAILED"
        self.experiment.set_terminated(self.run_id, ended)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics({tag: float(v) for tag, v in metrics.items() if tag != "epoch"}, step)

    @rank_zero_only
    def log_picture(self, tag: str, picture: Tensor, *, step: int, description: str) -> None:
        """Logs a picture of bytes (C, H, W)."""
        self.experiment.log_image(self.run_id, _pixels(picture), key=tag, step=step)

    @rank_zero_only
    def log_text(self, tag: str, text: str) -> None:
        """Logs a text in Markdown."""
        self.experiment.log_text(self.run_id, text, f"{tag}.md")

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any) -> None:
        """Does nothing: see `start_session`."""

    @rank_zero_only
    def finalize(self, status: str = "success") -> None:
        """Does nothing: Lightning calls it after fit, and the test comes later."""

    def state(self) -> dict[str, Any]:
        """Returns which row is this run's."""
        return {"run_id": self.run_id}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on with that row."""
        self._run_id = state.get("run_id")
