"""What the loggers write is read back with TensorBoard's own reader, and as CSV."""

import csv
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

from vae_lab.loggers.csv import CsvLogger
from vae_lab.loggers.event_files import EventFile
from vae_lab.loggers.tensorboard import TensorBoardRunLogger

COLUMNS = ["model", "latent_dim", "learned"]
HPARAMS: dict[str, Any] = {"model": "conv", "latent_dim": 2, "learned": True, "other": None}


def new_logger(folder: Path) -> TensorBoardRunLogger:
    return TensorBoardRunLogger(save_dir=folder, columns=COLUMNS, metrics=["elbo/test", "kl/test"])


def read(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()


def hparams_events(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yields tag and content of every HParams event in a folder's files, oldest file first."""
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                plugin = value.metadata.plugin_data
                if plugin.plugin_name == metadata.PLUGIN_NAME:
                    yield value.tag, plugin_data_pb2.HParamsPluginData.FromString(plugin.content)


@pytest.mark.parametrize(
    ("status", "code"),
    [("success", api_pb2.STATUS_SUCCESS), ("failure", api_pb2.STATUS_FAILURE)],
)
def test_one_row_with_fixed_columns_and_its_status(tmp_path: Path, status: Any, code: int) -> None:
    logger = new_logger(tmp_path)
    logger.open_run(HPARAMS)
    logger.log_hyperparams({"junk": 1})  # Lightning does this with what a module saved
    logger.save()
    logger.finalize("success")
    logger.close_run(status)
    counts = Counter(tag for tag, _ in hparams_events(tmp_path))
    assert counts == {
        metadata.EXPERIMENT_TAG: 1,
        metadata.SESSION_START_INFO_TAG: 1,
        metadata.SESSION_END_INFO_TAG: 1,
    }
    events = dict(hparams_events(tmp_path))
    experiment = events[metadata.EXPERIMENT_TAG].experiment
    assert [info.name for info in experiment.hparam_infos] == COLUMNS
    assert [info.name.tag for info in experiment.metric_infos] == ["elbo/test", "kl/test"]
    start = events[metadata.SESSION_START_INFO_TAG].session_start_info.hparams
    assert start["model"].string_value == "conv"
    assert start["latent_dim"].number_value == 2
    assert start["learned"].bool_value is True
    assert "other" not in start
    assert events[metadata.SESSION_END_INFO_TAG].session_end_info.status == code


def test_a_run_that_has_not_ended_has_a_row_on_disk(tmp_path: Path) -> None:
    new_logger(tmp_path).open_run(HPARAMS)
    tags = [tag for tag, _ in hparams_events(tmp_path)]
    assert tags == [metadata.EXPERIMENT_TAG, metadata.SESSION_START_INFO_TAG]


def test_a_resumed_run_takes_back_the_failure(tmp_path: Path) -> None:
    for status in ("failure", "success"):
        logger = new_logger(tmp_path)
        logger.load_state_dict({})
        logger.open_run(HPARAMS)
        logger.close_run(status)
    ends = [
        event.session_end_info.status
        for tag, event in hparams_events(tmp_path)
        if tag == metadata.SESSION_END_INFO_TAG
    ]
    assert ends == [api_pb2.STATUS_SUCCESS]


@pytest.mark.parametrize("hours", [-10_000, -1, 0])
def test_files_are_in_the_order_of_the_attempts_whatever_the_clock_does(
    hours: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, state = time.time(), dict[str, Any]()
    for epoch in range(1, 5):
        # Each attempt begins in the same second, or earlier than the one before.
        monkeypatch.setattr(time, "time", lambda now=clock + hours * 3600 * epoch: now)
        logger = new_logger(tmp_path)
        logger.load_state_dict(state)
        logger.log_metrics({"elbo/val": -1.0 / epoch}, step=epoch)
        state = logger.state_dict()
        logger.log_metrics({"elbo/val": 0.0}, step=epoch + 1)  # a kill takes this back
        logger.close_run("failure")
    new_logger(tmp_path).load_state_dict(state)
    assert [event.step for event in read(tmp_path).Scalars("elbo/val")] == [1, 2, 3, 4]


def test_event_files_of_somebody_else_stay_as_they_are(tmp_path: Path) -> None:
    theirs = tmp_path / "events.out.tfevents.1700000000.theirs.1.0"
    theirs.write_bytes(b"1")
    logger = new_logger(tmp_path)
    logger.log_metrics({"elbo/val": -1.0}, step=1)
    state = logger.state_dict()
    theirs.write_bytes(b"123")
    for kept in (state, {}):
        new_logger(tmp_path).load_state_dict(kept)
        assert theirs.read_bytes() == b"123"
    assert [path.name for path in tmp_path.iterdir()] == [theirs.name]


def test_a_run_of_an_earlier_version_is_cut_back_too(tmp_path: Path) -> None:
    earlier = tmp_path / "events.out.tfevents.1700000000.vm.1.0"
    earlier.write_bytes(b"12345")
    (tmp_path / "events.out.tfevents.1700000001.vm.1.1.session_end").write_bytes(b"1")
    new_logger(tmp_path).load_state_dict({"lengths": {earlier.name: 2}})
    assert [path.name for path in tmp_path.iterdir()] == [earlier.name]
    assert earlier.read_bytes() == b"12"


def test_a_full_disk_is_an_error_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    logger = new_logger(tmp_path)
    logger.log_metrics({"elbo/val": -1.0}, step=1)
    resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
    (file,) = tmp_path.iterdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 5, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            logger.log_metrics({"elbo/val": -2.0}, step=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert capfd.readouterr() == ("", "")
    assert [event.step for event in read(tmp_path).Scalars("elbo/val")] == [1]


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_an_event_is_written_as_tensorboards_own_writer_does(size: int, tmp_path: Path) -> None:
    event = Event(wall_time=1.5, step=3, graph_def=bytes(range(256)) * (size // 256) + b"x" * size)
    file = EventFile(tmp_path)
    (path,) = tmp_path.iterdir()
    before = path.read_bytes()
    file.add_event(event)
    RecordWriter(expected := BytesIO()).write(event.SerializeToString())
    assert path.read_bytes() == before + expected.getvalue()


def test_scalars_have_the_given_step_and_no_epoch_chart(tmp_path: Path) -> None:
    logger = new_logger(tmp_path)
    # Lightning hands tensors over, whatever the type says.
    logger.log_metrics({"epoch": 0, "loss/train": 5.0, "elbo/val": torch.tensor(-4.5)}, step=1)  # type: ignore[dict-item]
    logger.log_metrics({"epoch": 1, "loss/train": 4.0}, step=2)
    logger.finalize("success")  # after fit
    logger.log_metrics({"elbo/test": -3.0}, step=2)
    # No end yet: each call has put its values on disk.
    events = read(tmp_path)
    assert sorted(events.Tags()["scalars"]) == ["elbo/test", "elbo/val", "loss/train"]
    assert [(e.step, e.value) for e in events.Scalars("loss/train")] == [(1, 5.0), (2, 4.0)]
    assert [(e.step, e.value) for e in events.Scalars("elbo/val")] == [(1, -4.5)]
    assert [(e.step, e.value) for e in events.Scalars("elbo/test")] == [(2, -3.0)]


def test_files_lie_in_the_runs_folder_and_nothing_else(tmp_path: Path) -> None:
    logger = new_logger(tmp_path)
    logger.open_run(HPARAMS)
    logger.log_metrics({"loss/train": 1.0}, step=1)
    logger.save()
    logger.finalize("success")
    logger.log_metrics({"elbo/test": 1.0}, step=1)
    logger.finalize("success")
    logger.close_run("success")
    files = sorted(path.name for path in tmp_path.rglob("*"))
    assert len(files) == 2
    assert all(name.startswith("events.out.tfevents.") for name in files)
    assert files[1].endswith(".session_end")  # TensorBoard reads it last
    assert logger.log_dir.rstrip("/") == str(tmp_path)


def test_tensorboard_shows_pictures_rows_and_texts(tmp_path: Path) -> None:
    folder = tmp_path / "conv-z2"
    logger = new_logger(folder)
    logger.open_run(HPARAMS)
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    logger.log_picture("samples/prior", picture, step=0, description="by the *mean*")
    logger.log_picture("samples/prior", picture, step=20, description="by the *mean*")
    logger.log_text("config", "latent_dim: 2")
    logger.log_metrics({"elbo/test": -3.0}, step=20)
    logger.close_run("success")

    events = read(folder)
    (text,) = events.Tensors("config")  # not config/text_summary
    assert text.tensor_proto.string_val == [b"latent_dim: 2"]
    shown_pictures = events.Images("samples/prior")
    assert [event.step for event in shown_pictures] == [0, 20]
    with Image.open(BytesIO(shown_pictures[1].encoded_image_string)) as file:
        assert np.array_equal(np.asarray(file), picture)

    request = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_SUCCESS"],
        "colParams": [],
        "startIndex": 0,
        "sliceSize": 10,
    }
    with served(tmp_path) as url:
        deadline = time.monotonic() + 60
        # The status is what TensorBoard reads last: once the row has it, all else is there.
        groups = f"{url}data/plugin/hparams/session_groups"
        while not (table := ask(groups, request)).get("sessionGroups"):
            assert time.monotonic() < deadline, "TensorBoard never found the run"
            time.sleep(0.1)
        shown = ask(f"{url}data/plugin/images/tags")["conv-z2"]["samples/prior"]
    assert shown["displayName"] == "samples/prior"
    assert shown["description"] == "<p>by the <em>mean</em></p>"
    (row,) = table["sessionGroups"]
    assert row["hparams"] == {"model": "conv", "latent_dim": 2.0, "learned": True}
    assert row["metricValues"][0]["value"] == -3.0


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Runs TensorBoard on a folder, and yields its address."""
    command = [sys.executable, "-W", "ignore", "-m", "tensorboard.main", "--logdir", str(folder)]
    command += ["--port", "0", "--load_fast", "false"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            url = next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
            yield url
        finally:
            process.kill()  # its own handler of SIGTERM can be lost in a library


def ask(url: str, request: object = None) -> Any:
    body = None if request is None else json.dumps(request).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(url, body, headers), timeout=30) as reply:
        return json.load(reply)


def test_a_column_without_a_value_is_an_empty_cell_and_one_named_twice_is_one(
    tmp_path: Path,
) -> None:
    logger = TensorBoardRunLogger(
        save_dir=tmp_path, columns=["model", "beta", "model", "dims"], metrics=[]
    )
    logger.open_run({"model": "conv", "beta": None, "dims": [64, 32]})
    events = dict(hparams_events(tmp_path))
    infos = events[metadata.EXPERIMENT_TAG].experiment.hparam_infos
    assert [info.name for info in infos] == ["model", "beta", "dims"]
    start = events[metadata.SESSION_START_INFO_TAG].session_start_info.hparams
    assert {name: start[name].string_value for name in sorted(start)} == {
        "dims": "[64, 32]",
        "model": "conv",
    }


@pytest.mark.parametrize("num_val", [500, 0])
def test_training_and_validation_share_a_chart(num_val: int, tmp_path: Path) -> None:
    new_logger(tmp_path).open_run({**HPARAMS, "data.num_val": num_val})
    (event,) = read(tmp_path).Tensors("custom_scalars__config__")
    (category,) = Layout.FromString(event.tensor_proto.string_val[0]).category
    assert {chart.title for chart in category.chart} == {"loss", "elbo", "recon", "kl"}
    for chart in category.chart:
        # An area between two curves would be an error without validation images.
        areas = [(it.value, it.lower, it.upper) for it in chart.margin.series]
        train, val = f"{chart.title}/train", f"{chart.title}/val"
        assert areas == ([(val, train, val)] if num_val else [])
        assert list(chart.multiline.tag) == ([] if num_val else [f"^{train}$"])


def test_csv_has_one_row_per_step_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    logger = CsvLogger(save_dir=tmp_path)
    logger.log_metrics({"loss/train": 5.0, "epoch": 0}, step=1)
    logger.log_metrics({"elbo/val": -4.5}, step=1)
    logger.log_metrics({"loss/train": 4.0}, step=2)
    resumed = CsvLogger(save_dir=tmp_path)
    resumed.load_state_dict(logger.state_dict())
    resumed.log_metrics({"loss/train": 3.5}, step=2)
    resumed.log_metrics({"loss/train": 3.0}, step=3)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"step": "1", "loss/train": "5.0", "elbo/val": "-4.5"},
        {"step": "2", "loss/train": "3.5", "elbo/val": ""},
        {"step": "3", "loss/train": "3.0", "elbo/val": ""},
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]
