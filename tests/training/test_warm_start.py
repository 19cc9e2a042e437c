"""`init_from`: a training starts with the weights that another run tested."""

import hashlib
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import killable
import pytest
import torch
from runs import run_job
from safetensors.torch import save_file
from stripes import small_config
from torch import Tensor

from vae_lab.checkpoints import read_checkpoint
from vae_lab.config.identity import config_hash, run_name
from vae_lab.errors import JobFailed, Stopped, UserError
from vae_lab.export.folder import write_folder
from vae_lab.export.sources import read_source
from vae_lab.exported import read_config
from vae_lab.report.runs import Run
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.starting_weights import checksum, source_file
from vae_lab.training import resume_state
from vae_lab.training.warm_start import read_weights

QUIET = ("callbacks=none", "logger=none", "threads=1")

# A step of this size changes no weight in single precision.
STILL = ("optimizer=adam", "optimizer.lr=1e-30", "trainer.max_epochs=1")


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conf")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, conf: Path) -> Path:
    return trained(tmp_path_factory.mktemp("source"), conf)[1]


def trained(folder: Path, conf: Path, *overrides: str) -> tuple[RunResult, Path]:
    folder.mkdir(exist_ok=True)
    return run_job(*small_config(conf, *QUIET, *overrides), folder), folder


def best(folder: Path) -> dict[str, Tensor]:
    return read_weights(folder / "checkpoints" / "best.ckpt")


def test_the_first_step_has_exactly_the_tested_weights(
    tmp_path: Path, conf: Path, source: Path
) -> None:
    result, folder = trained(tmp_path, conf, *STILL, f"init_from={source}")
    before, after = best(source), best(folder)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    # The seeds of validation and test are the same, so the bound is too, bit for bit.
    earlier = RunFolder(source).require_result()
    assert result.metrics == earlier.metrics != {}
    assert result.warm_start["not_taken"] == []
    assert result.warm_start["weights"] == checksum(source_file(str(source)))


@pytest.mark.parametrize(
    "changed", ["objective=iwae", "data.batch_size=16", "objective=mmd", "optimizer=muon"]
)
def test_another_objective_or_optimizer_takes_all_weights(
    changed: str, tmp_path: Path, conf: Path, source: Path
) -> None:
    result, _ = trained(tmp_path, conf, f"init_from={source}", changed)
    assert result.status == "success" and result.warm_start["not_taken"] == []


def test_weights_that_do_not_fit_are_named(tmp_path: Path, conf: Path, source: Path) -> None:
    with pytest.raises(JobFailed) as error:
        trained(tmp_path / "a", conf, f"init_from={source}", "latent_dim=3")
    text = str(error.value)
    assert "encoder.layers.2.weight ((4, 64) in the source, (6, 64) here)" in text
    assert "add init_strict=false" in text
    result, folder = trained(
        tmp_path / "b", conf, *STILL, f"init_from={source}", "latent_dim=3", "init_strict=false"
    )
    not_taken = {line.partition(" ")[0] for line in result.warm_start["not_taken"]}
    before, after = best(source), best(folder)
    fits = {name for name in before if torch.equal(before[name], after[name])}
    assert not_taken == before.keys() - fits
    assert not_taken == {
        "encoder.layers.2.weight",
        "encoder.layers.2.bias",
        "decoder.layers.0.0.weight",
    }


def test_the_parameters_of_prior_and_likelihood_are_weights_too(
    tmp_path: Path, conf: Path, source: Path
) -> None:
    mixture = ("prior=gaussian_mixture", "likelihood=gaussian", "likelihood.scale=null")
    with pytest.raises(JobFailed, match=r"prior\.logits \(not in the source\)"):
        trained(tmp_path / "a", conf, f"init_from={source}", mixture[0])
    _, other = trained(tmp_path / "b", conf, mixture[0])
    _, folder = trained(tmp_path / "c", conf, *STILL, mixture[0], f"init_from={other}")
    assert torch.equal(best(other)["prior.means"], best(folder)["prior.means"])
    with pytest.raises(JobFailed, match=r"prior\.logits \(only in the source\)"):
        trained(tmp_path / "d", conf, f"init_from={other}")


def test_nothing_that_fits_is_an_error(tmp_path: Path, conf: Path, source: Path) -> None:
    with pytest.raises(JobFailed, match=r"no weight of init_from=.* fits this model"):
        trained(tmp_path, conf, f"init_from={source}", "model=conv", "init_strict=false")


def test_an_export_and_an_example_are_sources(tmp_path: Path, conf: Path, source: Path) -> None:
    weights = read_weights(source_file("example:linear-z2"))
    result, folder = trained(tmp_path / "run", conf, *STILL, "init_from=example:linear-z2")
    after = best(folder)
    assert result.warm_start["source"] == "example:linear-z2"
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    write_folder(
        read_source(str(folder), trust=True),
        tmp_path / "export",
        without=("onnx",),
        license_id="mit",
        trust=True,
    )
    # What is exported names no place, and the hash is the same.
    about = read_config(tmp_path / "export")
    assert "init_from" not in about.config
    assert about.config["init_weights"] == result.warm_start["weights"]
    digits = result.warm_start["weights"][:6]
    assert Run(RunFolder(folder)).settings["init_from"] == f"linear-z2 ({digits})"
    assert checksum(source_file(str(tmp_path / "export"))) == result.warm_start["weights"]


def test_the_weights_enter_the_hash_and_their_place_does_not(
    tmp_path: Path, conf: Path, source: Path
) -> None:
    def hash_of(*overrides: str) -> str:
        return config_hash(small_config(conf, *QUIET, *overrides)[0])

    shutil.copytree(source, tmp_path / "moved")
    exported = tmp_path / "exported"
    exported.mkdir()
    save_file(best(source), exported / "model.safetensors")
    hashes = {hash_of(f"init_from={it}") for it in (source, tmp_path / "moved", exported)}
    assert len(hashes) == 1
    # What no run starts from changes nothing: the hashes of earlier versions stay.
    config = small_config(conf, *QUIET)[0]
    before = {key: value for key, value in config.items() if not key.startswith("init_")}
    assert config_hash(before) == config_hash(config) == hash_of("init_strict=false")
    changed = best(source)
    changed["encoder.layers.2.bias"][0] += 1e-7
    save_file(changed, exported / "model.safetensors")
    others = {
        hash_of(f"init_from={exported}"),
        hash_of(),
        hash_of(f"init_from={source}", "init_strict=false"),
    }
    assert len(others | hashes) == 4


def test_changed_weights_are_not_taken_for_those_that_were_planned(
    tmp_path: Path, conf: Path, source: Path
) -> None:
    shutil.copytree(source, tmp_path / "moved")
    planned = small_config(conf, *QUIET, f"init_from={tmp_path / 'moved'}")
    path = tmp_path / "moved" / "checkpoints" / "best.ckpt"
    content = read_checkpoint(path)
    content["state_dict"]["encoder.layers.2.bias"][0] += 1
    torch.save(content, path)
    with pytest.raises(JobFailed, match="have changed since this run was planned"):
        run_job(*planned, tmp_path / "run")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere", "init_from=nowhere is not a folder: name that of a run"),
        ("example:none", "init_from=example:none does not exist: choose from "),
        (".", "init_from=. has no weights"),
    ],
)
def test_a_source_without_weights_is_refused_before_the_start(
    given: str, message: str, conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        small_config(conf, f"init_from={given}")


def test_the_checksum_is_nobodys_to_set(conf: Path) -> None:
    with pytest.raises(UserError, match="init_weights cannot be set"):
        small_config(conf, "init_weights=0")


def test_a_name_says_where_the_weights_come_from() -> None:
    def name(value: str) -> str:
        return run_name({"model": "conv", "data": "mnist"}, 10, {"init_from": value})

    assert name("outputs/sweeps/a/linear-z2/") == "conv-z10-from-linear-z2"
    assert name("example:conv-z10") == "conv-z10-from-conv-z10"
    assert name("null") == "conv-z10"


def test_a_stopped_warm_start_goes_on_bit_for_bit_without_its_source(
    tmp_path: Path, conf: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(source, tmp_path / "gone")
    configured = small_config(
        conf, *QUIET, "trainer.max_epochs=4", "run_name=run", f"init_from={tmp_path / 'gone'}"
    )
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run_job(*configured, whole)

    def stop(self: Any, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch == 2:
            monkeypatch.undo()
            raise Stopped(15)

    monkeypatch.setattr(resume_state.ResumeState, "on_train_batch_start", stop)
    with pytest.raises(Stopped):
        run_job(*configured, broken)
    shutil.rmtree(tmp_path / "gone")
    result = run_job(*configured, broken)
    assert result.resumed_after == [2] and result.warm_start["not_taken"] == []
    assert killable.fingerprint(broken) == killable.fingerprint(whole)


def test_the_checksum_is_of_the_weights_in_any_layout(tmp_path: Path) -> None:
    shared = torch.arange(12.0)
    weights = {
        "plain": torch.randn(2, 3),
        "turned": torch.randn(4, 5).t(),
        "part": shared[3:9].view(2, 3),
        "same": shared,
        "half": torch.randn(3).to(torch.bfloat16),
        "one": torch.tensor(7),
        "none": torch.zeros(0, 3),
        "switch": torch.tensor([True, False]),
    }
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    # Beside the weights a checkpoint has whatever callbacks keep.
    others = {"callbacks": {"a": {"b": torch.ones(2), "c": [torch.Size([1])]}}, "epoch": 3}
    torch.save({"state_dict": weights, **others}, folder / "last.ckpt")
    digest = hashlib.sha256()
    kinds = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64", torch.bool: "BOOL"}
    for name, weight in sorted(weights.items()):
        digest.update(f"{json.dumps(name)} {kinds[weight.dtype]} {list(weight.shape)}\n".encode())
        digest.update(
            bytes(
                weight.contiguous().flatten().view(torch.uint8).tolist() if weight.numel() else b""
            )
        )
    assert checksum(source_file(str(tmp_path))) == digest.hexdigest()
    copies = {name: weight.contiguous().clone() for name, weight in weights.items()}
    save_file(copies, tmp_path / "model.safetensors")
    assert checksum(tmp_path / "model.safetensors") == digest.hexdigest()


class Harmful:
    """What a stranger's checkpoint could ask to call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["call", "large", "cut", "other"])
def test_a_strangers_weights_are_only_read(kind: str, tmp_path: Path) -> None:
    path, victim = tmp_path / "last.ckpt", tmp_path / "victim"
    content: Any = {"state_dict": {"a": torch.ones(3)}}
    if kind == "call":
        content["state_dict"]["b"] = Harmful(victim)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(content["state_dict"]["b"]))
    elif kind == "large":
        torch.save({"state_dict": {"a": torch.ones(1).expand(10**15)}}, path)
    elif kind == "other":
        torch.save({"state_dict": {"a": "text"}}, path)
    else:
        torch.save(content, path)
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"the weights in .* cannot be read"):
        checksum(path)
    assert not victim.exists()
