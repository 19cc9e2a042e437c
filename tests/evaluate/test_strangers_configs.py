"""Configurations that somebody made up: one line from evaluate, load, resume, and nothing done."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from runs import train

import vae_lab
from vae_lab.config.check import check_resumed
from vae_lab.config.identity import config_hash
from vae_lab.errors import UserError
from vae_lab.evaluate import __main__ as evaluate_command
from vae_lab.evaluate.requests import check
from vae_lab.run_folder import RunFolder

LOGGER = {
    "_target_": "vae_lab.loggers.mlflow.MlflowRunLogger",
    "tracking_uri": "http://127.0.0.1:9",
}
FOLDER = {"_target_": "vae_lab.data.image_folder.ImageFolder", "image_size": 8, "colour": True}

# What is put at which key; a key of several parts is set within its group.
CHANGES: tuple[tuple[str, Any], ...] = (
    *((key, wrong) for key in ("seed", "latent_dim") for wrong in (None, "x", -1, [1], {"a": 1})),
    *((key, wrong) for key in ("prior", "model", "likelihood", "optimizer") for wrong in (None, 5)),
    ("data", None),
    ("data.source", "x"),
    ("data.binarize", [1]),
    ("optimizer.schedule", [1]),
    ("likelihood._target_", 5),
    ("likelihood._target_", "os.system"),
    ("likelihood._target_", "vae_lab.board.server.LogFolder"),
    ("prior._target_", "vae_lab.networks.LinearEncoder"),
    ("model.encoder", {"_target_": "torch.nn.Linear", "in_features": 10**6, "out_features": 10**6}),
    ("model.encoder.hidden_dims", [10**6, 10**6]),
    ("latent_dim", 10**9),
    ("threads", 100_000),
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    _, folder = train(tmp_path_factory.mktemp("finished"), "data=digits", "trainer.max_epochs=1")
    return folder


def changed(finished: Path, target: Path, key: str, value: Any) -> Path:
    """Returns a copy of a run with a value in its configuration, and the hash of that."""
    shutil.copytree(finished, target)
    config = yaml.safe_load((target / "config.yaml").read_text())
    *parents, name = key.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    node[name] = value
    (target / "config.yaml").write_text(yaml.safe_dump(config))
    run = RunFolder(target)
    values = {key: value for key, value in config.items() if key != "choices"}
    hash_ = config_hash(values)
    run.write_result(replace(run.require_result(), config_hash=hash_))
    for path in run.checkpoints.glob("*.ckpt"):
        torch.save(torch.load(path, weights_only=True) | {"config_hash": hash_}, path)
    return target


@pytest.mark.parametrize(("key", "value"), CHANGES, ids=str)
def test_a_made_up_configuration_is_one_line(
    finished: Path, tmp_path: Path, key: str, value: Any
) -> None:
    run = changed(finished, tmp_path / "run", key, value)
    with pytest.raises(UserError) as told:
        vae_lab.load(run)
    assert "\n" not in str(told.value).strip()
    with pytest.raises(UserError):
        evaluate_command.evaluate_run(*check([str(run), "threads=1"]).requests)


def without(config: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != key}


def test_what_a_training_needs_is_checked_before_it_goes_on(finished: Path) -> None:
    config = RunFolder(finished).config
    check_resumed(config)
    for key in ("threads", "trainer", "callbacks", "logger", "seed", "prior", "compile"):
        with pytest.raises(UserError, match=f"{key}.* is missing"):
            check_resumed(without(config, key))
    trainer = config["trainer"]
    for argument in ("model_registry", "num_nodes", "plugins", "default_root_dir", "callbacks"):
        with pytest.raises(UserError, match=f"trainer.{argument}"):
            check_resumed(config | {"trainer": trainer | {argument: 2}})
    for group in ("callbacks", "logger"):
        wrongs: tuple[Any, ...] = ("x", {"a": None}, {"a": {}}, [1])
        for wrong in wrongs:
            with pytest.raises(UserError):
                check_resumed(config | {group: wrong})


def test_nothing_is_prepared_where_a_run_says(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LAB_DATA", str(tmp_path / "own"))
    source = {**FOLDER, "path": str(tmp_path), "root": "not/there/yet", "num_test": 1}
    run = changed(finished, tmp_path / "run", "data.source", source | {"skip_broken": False})
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="are not prepared in not/there/yet/prepared"):
        evaluate_command.evaluate_run(*check([str(run), "threads=1"]).requests)
    assert not (tmp_path / "not").exists() and not (tmp_path / "own").exists()


def test_weights_that_do_not_exist_and_a_home_folder_are_answered(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(finished.parent))
    assert vae_lab.load(f"~/{finished.name}").latent_dim > 0
    with pytest.raises(UserError, match="weights must be best or last, got final"):
        vae_lab.load(finished, weights="final")


def test_what_was_computed_is_printed_before_it_is_written(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)

    def refuse(path: Path, text: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(evaluate_command, "write_text", refuse)
    few = ["num_images=10", "num_samples=5", "num_train=50", "num_generated=20", "threads=1"]
    (request,) = check([str(run), *few]).requests
    with pytest.raises(RuntimeError, match="the values above are not kept: cannot write"):
        evaluate_command.evaluate_run(request)
    assert "elbo" in capsys.readouterr().out
