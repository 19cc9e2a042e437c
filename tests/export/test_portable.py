"""What is exported says nothing of the machine: no path, and no place of data."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vae_lab.config.identity import flatten, is_volatile
from vae_lab.export.portable import portable, portable_command, portable_config
from vae_lab.run_folder import RunFolder, RunResult


def run_of(config: dict[str, Any], **known: Any) -> RunFolder:
    """A run whose files were read already."""
    run = RunFolder(Path("run"))
    run.__dict__.update(config=config, result=replace(RunResult(), **known))
    return run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(RunFolder, "require_result", lambda self: self.result)
    data = {
        "name": "npz:/srv/ada/my data/photos.npz",
        "path": "/srv/ada/my data/photos.npz",
        "root": "/srv/data",
        "source": {"_target_": "vae_lab.data.npz.Npz", "path": "/srv/ada/my data/photos.npz"},
        "batch_size": 128,
    }
    config = {
        "seed": 0,
        "run_name": "ada",
        "sweep_name": "s",
        "data": data,
        "logger": {"mlflow": {"tracking_uri": "http://ada.example:5000"}},
        "callbacks": {"own": {"_target_": "own.Callback", "folder": r"C:\Users\ada\out\x"}},
    }
    return run_of(config, directory="/srv/ada/work")


def test_a_configuration_has_no_volatile_keys_and_no_places(run: RunFolder) -> None:
    config = portable_config(run)
    assert config == {
        "seed": 0,
        "data": {
            "name": "npz:photos.npz",
            "source": {"_target_": "vae_lab.data.npz.Npz"},
            "batch_size": 128,
        },
        "callbacks": {"own": {"_target_": "own.Callback", "folder": "x"}},
    }
    assert not [key for key, _ in flatten(config) if is_volatile(key)]


def test_a_command_keeps_what_a_run_computes() -> None:
    words = ("python -m vae_lab data=npz", "data.path=x.npz '++trainer.max_epochs=2' '~model.lr'")
    rest = "note='for \"ada\"' 'tags=[a]' hydra.run.dir=out run_name=a report=null '~explorer'"
    assert portable_command(" ".join([*words, rest])) == (
        "python -m vae_lab data=npz data.path=x.npz ++trainer.max_epochs=2 '~model.lr'"
    )
    assert portable_command("python -m vae_lab '") == "python -m vae_lab '"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.path='/srv/ada/my data/photos.npz'", "data.path='photos.npz'"),
        ("--config-dir /srv/ada/work/conf", "--config-dir work/conf"),
        ("hydra.run.dir=/mnt/big/runs/a", "hydra.run.dir=a"),
        ("hydra.run.dir=~/runs/a", "hydra.run.dir=a"),
        (r"hydra.run.dir=D:\runs\a", "hydra.run.dir=a"),
        ("python -m vae_lab +x=[/a/b,/c/d]", "python -m vae_lab +x=[b,d]"),
        # What looks like a path and is none.
        ("elbo/val and /test", "elbo/val and /test"),
        ("of 1/3 to 2/3", "of 1/3 to 2/3"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("data.path=photos/mine", "data.path=photos/mine"),
    ],
)
def test_of_a_path_only_the_last_part_stays(run: RunFolder, text: str, expected: str) -> None:
    assert portable(run, {"a": [text]}) == {"a": [expected]}
