"""Checkpoints that somebody made up: no command to Lightning, no bomb, no other kind of number."""

import inspect
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning.callbacks
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.callbacks.spike import SpikeDetection
from torch import nn

from vae_lab.checkpoints import check_moments, load_weights, read_checkpoint
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.errors import UserError
from vae_lab.training.trainer import check_size

PATHS = (
    "local:///victim/precious",
    "/victim/best.ckpt",
    "checkpoints/../../../victim",
    "http://127.0.0.1:9/beacon.ckpt",
    "s3://bucket/best.ckpt",
    r"C:\victim\best.ckpt",
    "/x/..",
    "..",
    ".hidden.ckpt",
    7,
    None,
    ["/victim"],
)


def content(**more: Any) -> dict[str, Any]:
    return {
        "epoch": 0,
        "state_dict": {"weight": torch.zeros(3)},
        "pytorch-lightning_version": "2.6.0",
        **more,
    }


def saved(folder: Path, **more: Any) -> Path:
    path = folder / "last.ckpt"
    torch.save(content(**more), path)
    return path


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in [*value.keys(), *value.values()] if isinstance(value, dict) else value:
            yield from texts(item)


@pytest.mark.parametrize("path", PATHS, ids=str)
@pytest.mark.parametrize("left_out", [(), ("best_k_models",), ("dirpath",), ("best_model_path",)])
def test_every_path_of_a_state_is_one_of_the_folder(
    tmp_path: Path, path: Any, left_out: tuple[str, ...]
) -> None:
    state = {
        "dirpath": path,
        "best_model_path": path,
        "kth_best_model_path": path,
        "last_model_path": path,
        "best_k_models": {path if isinstance(path, str) else 0: torch.tensor(0.0)},
        "best_model_score": torch.tensor(0.0),
        "an_extra_key": path,
    }
    kept = {key: value for key, value in state.items() if key not in left_out}
    checkpoint = read_checkpoint(saved(tmp_path, callbacks={"AnyCallback": kept, "other": path}))
    state = checkpoint["callbacks"]["AnyCallback"]
    found = [Path(text) for text in texts(list(state.values())) if text]
    assert all(path == tmp_path or path.parent == tmp_path for path in found)
    # Lightning itself takes such a state, and knows no other path then.
    callback = ModelCheckpoint(dirpath=tmp_path)
    callback.load_state_dict(state)
    assert Path(callback.best_model_path or tmp_path / "x").parent == tmp_path


def test_the_callbacks_of_lightning_that_take_paths_from_their_state_are_known(
    tmp_path: Path,
) -> None:
    classes: list[Any] = [
        cls for _, cls in inspect.getmembers(pytorch_lightning.callbacks, inspect.isclass)
    ]
    with_state = [cls for cls in classes if cls.load_state_dict is not Callback.load_state_dict]
    with_paths = {cls for cls in with_state if "path" in inspect.getsource(cls.load_state_dict)}
    assert with_paths == {ModelCheckpoint, SpikeDetection}
    state = {"bad_batches_path": "/victim/diary.txt", "warmup": 1}
    checkpoint = read_checkpoint(saved(tmp_path, callbacks={"SpikeDetection": state}))
    assert checkpoint["callbacks"] == {"SpikeDetection": {"bad_batches_path": None, "warmup": 1}}


@pytest.mark.parametrize("version", ["0.9.0", "1.9.5", "", "x", None, 2])
def test_what_lightning_would_translate_from_an_earlier_form_is_refused(
    tmp_path: Path, version: Any
) -> None:
    more = {"pytorch-lightning_version": version, "checkpoint_callback_best_model_path": "/victim"}
    with pytest.raises(UserError, match="not a whole checkpoint"):
        read_checkpoint(saved(tmp_path, **more))


@pytest.mark.parametrize("key", ["epoch", "state_dict", "callbacks", "loops", "lr_schedulers"])
def test_parts_of_another_kind_are_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match=f"{key} is missing"):
        read_checkpoint(saved(tmp_path, **{key: "x"}))


def test_a_tensor_that_is_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    everywhere = torch.zeros(1).expand(10**12)
    for more in ({"state_dict": {"w": everywhere}}, {"optimizer_states": [{0: (everywhere,)}]}):
        with pytest.raises(UserError, match="larger than the file"):
            read_checkpoint(saved(tmp_path, **more))


def test_compressed_and_overlapping_parts_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path)
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w") as target:
        for member in source.infolist():
            target.writestr(member.filename, source.read(member), zipfile.ZIP_DEFLATED)
    overlapping = io.BytesIO()
    with zipfile.ZipFile(overlapping, "w") as target:
        target.writestr("data.pkl", b"0" * 10_000)
        target.filelist = target.filelist * 100  # the directory names one part a hundred times
    monkeypatch.setattr(zipfile.ZipFile, "testzip", lambda self: pytest.fail("it was read"))
    for data in (packed, overlapping):
        path.write_bytes(data.getvalue())
        with pytest.raises(UserError, match="compressed or overlap"):
            read_checkpoint(path)


@pytest.mark.parametrize("kind", [torch.int64, torch.complex64, torch.bool])
def test_weights_of_another_kind_of_number_are_refused(tmp_path: Path, kind: torch.dtype) -> None:
    model: Any = nn.Linear(2, 2)  # in place of a VAE: what is asked of it is the same
    model.config_hash = None
    weights = model.state_dict()
    name = next(iter(weights))
    wrong = weights | {name: weights[name].to(kind)}
    with pytest.raises(UserError, match="belongs to another configuration"):
        load_weights(model, saved(tmp_path, state_dict=wrong))
    assert load_weights(model, saved(tmp_path, state_dict=weights)) == 1


@pytest.mark.parametrize(
    "moment",
    [torch.zeros(3), torch.zeros(1), torch.zeros(1).expand(2, 3), torch.zeros(2, 0)],
    ids=["shorter", "one", "repeated", "empty"],
)
def test_moments_that_do_not_lie_as_their_weights_never_reach_a_fused_kernel(
    moment: torch.Tensor,
) -> None:
    weight = nn.Parameter(torch.ones(2, 3))
    optimizer = torch.optim.Adam([weight], fused=True)
    weight.grad = torch.ones(2, 3)
    optimizer.step()
    check_moments(optimizer)
    optimizer.state[weight]["exp_avg"] = moment
    with pytest.raises(UserError, match="exp_avg of the optimizer is of shape"):
        check_moments(optimizer)
    optimizer.param_groups[0]["fused"] = False
    check_moments(optimizer)  # the other kernels look for themselves


def test_a_model_beyond_the_memory_is_refused_before_it_is_made() -> None:
    (job,) = compose_jobs(["data=digits"])
    config = resolved(job.config)
    check_size(config, (1, 28, 28), num_classes=0)
    with pytest.raises(UserError, match="it cannot be trained on this machine"):
        check_size({**config, "latent_dim": 10**12}, (1, 28, 28), num_classes=0)
