"""TensorBoard: one clean run and one clean row in its table for each run.

The step of every scalar and picture is the number of epochs completed, 0 before training: callers
pass it, and no logger guesses it. Lightning's own "epoch" entries are dropped. Files lie in the
run's folder itself, and a resumed run continues where it stopped.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning_fabric.loggers.logger import rank_zero_experiment
from PIL import Image as PngImage
from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.text.summary_v2 import text_pb
from torch import Tensor
from torch.utils.tensorboard.writer import FileWriter, SummaryWriter

from vae_lab.loggers import event_files
from vae_lab.loggers.base import RunLogger, without_epoch
from vae_lab.loggers.event_files import END_SUFFIX, EventFile

# Custom Scalars: the validation curve of each run is a line, and the distance to its training curve
# an area. TensorBoard would draw two lines of one run alike.
QUANTITIES = ("loss", "elbo", "recon", "kl")
# It shows areas from the last to the first.
AREAS = {
    name: ["Margin", [f"{name}/val", f"{name}/train", f"{name}/val"]]
    for name in reversed(QUANTITIES)
}
LINES = {name: ["Multiline", [f"^{name}/train$"]] for name in QUANTITIES}


class _FileWriter(FileWriter):
    """Torch's writer of values, into one of our files."""

    def __init__(self, folder: Path, suffix: str = "") -> None:
        self.event_writer = EventFile(folder, suffix)


class _SummaryWriter(SummaryWriter):
    """Torch's writer of summaries, which opens our files."""

    file_writer: FileWriter | None  # type: ignore[assignment]
    all_writers: dict[str, FileWriter] | None  # type: ignore[assignment]

    def _get_file_writer(self) -> FileWriter:
        if self.file_writer is None:
            self.file_writer = _FileWriter(Path(self.log_dir))
            self.all_writers = {self.log_dir: self.file_writer}
        return self.file_writer


class TensorBoardRunLogger(RunLogger, TensorBoardLogger):
    """Writes event files directly into `save_dir`: no sub-folder, hparams.yaml, graph, hp_metric.

    A run that is running, or failed, has a row in TensorBoard's HParams table too.
    """

    def __init__(
        self, *, save_dir: str | Path, columns: Sequence[str], metrics: Sequence[str]
    ) -> None:
        """Takes the run's folder, and the hyper-parameters and metrics of its HParams row.

        The row of a run without a value for a column is empty there. Of a metric, the tag of a
        scalar, TensorBoard shows the last value.
        """
        super().__init__(save_dir=str(save_dir), name="", version="")
        self._columns, self._metric_tags = tuple(dict.fromkeys(columns)), tuple(metrics)

    @property
    @rank_zero_experiment
    def experiment(self) -> SummaryWriter:
        """The writer, opened with the first thing that is logged."""
        if self._experiment is None:
            self._experiment = _SummaryWriter(self.log_dir)
        return self._experiment

    def open_run(self, hparams: Mapping[str, Any]) -> None:
        """Writes the HParams row: of all hyper-parameters the values of its columns.

        TensorBoard gives it the status "unknown" until it finds an end, as for a killed run. It
        would believe an early end that says "running" for ever.
        """
        experiment = api_pb2.Experiment(time_created_secs=time.time())
        start = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
        for column in self._columns:
            data_type, field, value = _typed(hparams.get(column))
            experiment.hparam_infos.add(name=column, type=data_type)
            if value is not None:
                setattr(start.hparams[column], field, value)
        for tag in self._metric_tags:
            experiment.metric_infos.add(name=api_pb2.MetricName(tag=tag))
        self._write(_hparams_summary(metadata.EXPERIMENT_TAG, experiment=experiment))
        self._write(_hparams_summary(metadata.SESSION_START_INFO_TAG, session_start_info=start))
        layout = {"line: validation, area: distance to training; nats per image": AREAS}
        if hparams.get("data.num_val") == 0:
            layout = {"training, nats per image": LINES}
        self.experiment.add_custom_scalars(layout)

    def close_run(self, status: str) -> None:
        code = api_pb2.STATUS_SUCCESS if status == "success" else api_pb2.STATUS_FAILURE
        end = plugin_data_pb2.SessionEndInfo(status=code, end_time_secs=time.time())
        self.experiment.close()
        writer = _FileWriter(Path(self.log_dir), END_SUFFIX)
        writer.add_summary(_hparams_summary(metadata.SESSION_END_INFO_TAG, session_end_info=end), 0)
        writer.close()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        # Lightning's own method calls an error of the disk a value that is not supported.
        for tag, value in without_epoch(metrics).items():
            self.experiment.add_scalar(tag, value, step)

    def log_picture(self, tag: str, picture: np.ndarray, *, step: int, description: str) -> None:
        summary = event_files.image_summary(tag, PngImage.fromarray(picture), description)
        self._write(summary, step)

    def log_histogram(self, tag: str, values: Tensor, *, step: int) -> None:
        self.experiment.add_histogram(tag, values, step)

    def log_text(self, tag: str, text: str) -> None:
        # SummaryWriter.add_text would show `tag` as `tag/text_summary`.
        self._write(text_pb(tag, text))

    @rank_zero_only
    def save(self) -> None:
        """Does nothing: events are on disk, and Lightning's hparams.yaml is not wanted."""

    @rank_zero_only
    def finalize(self, status: str = "success") -> None:
        """Does nothing: Lightning calls it after fit and after test, and the run continues."""

    def state_dict(self) -> dict[str, Any]:
        # How long each event file is: all that was logged is in them.
        return {"lengths": event_files.lengths(Path(self.log_dir))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the event files back to a state. Call it before anything is logged."""
        event_files.cut_back(Path(self.log_dir), state.get("lengths", {}))

    def _write(self, summary: Summary, step: int = 0) -> None:
        # The public methods of SummaryWriter take no ready-made summary. This one reopens the
        # writer where it was closed.
        self.experiment._get_file_writer().add_summary(summary, step)


def _typed(value: Any) -> tuple[Any, str, str | float | bool | None]:
    """Returns a value's data type in the HParams table, the protobuf field, and the value."""
    if isinstance(value, bool):
        return api_pb2.DATA_TYPE_BOOL, "bool_value", value
    if isinstance(value, int | float):
        return api_pb2.DATA_TYPE_FLOAT64, "number_value", value
    return api_pb2.DATA_TYPE_STRING, "string_value", None if value is None else str(value)


def _hparams_summary(tag: str, **content: Any) -> Summary:
    """Wraps one message of the HParams plugin as the summary that TensorBoard expects."""
    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    plugin = SummaryMetadata.PluginData(
        plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
    )
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])
