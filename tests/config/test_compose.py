"""Jobs are composed as Hydra composes them, whichever short cut is taken."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from vae_lab.cli.command_lines import parse_words
from vae_lab.cli.jobs import jobs_of
from vae_lab.cli.plan import plan
from vae_lab.config.compose import Composer
from vae_lab.config.identity import flatten
from vae_lab.config.resolve import resolved

RECIPE = "# @package _global_\ndefaults: [{override /model: conv}]\nlatent_dim: 7\nseed: 3\n"

# Overrides in every form, each behind others that it follows or undoes.
LINES = [
    "seed=3",
    "model=conv seed=3 latent_dim=10",
    "model.lr=1 model={lr:2} model.lr=${latent_dim}",
    "model={lr:2} model.lr=1",
    "~callbacks.samples callbacks.latent_map.every_n_epochs=3",
    "~report",
    "trainer.gradient_clip_val=1 trainer.strategy={a:{b:1}}",
    "data.num_val=0.1 data=digits",
    "optimizer.betas=[0.5,0.9] optimizer=adam",
    "optimizer.betas=[${seed},0.9] seed=5",
    "logger=[csv,tensorboard] logger.tensorboard.columns=[model]",
    "callbacks=none run_name=ab sweep_name=null",
    "experiment=iwae2015 latent_dim=4 ~callbacks.embedding",
    "--config-dir own experiment=mine seed=9",
    "hydra.run.dir=here/${hydra.job.override_dirname} latent_dim=3 seed=1",
    "hydra.job.name=${run_name} +hydra.job.env_set.A=b seed=1",
    "hydra.searchpath=[file://own] seed=1",
]


@pytest.mark.parametrize("line", LINES)
def test_a_job_is_what_hydra_composes(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "own" / "experiment" / "mine.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text(RECIPE)
    words = parse_words(line.split())
    composer = Composer(config_dir=words.config_dir)
    overrides = [str(override.input_line) for override in composer.parse(words.overrides)]
    # Other values of the same options first: what they set must not stay.
    composer.job([*overrides, "++seed=77", "++added.key=1"], RunMode.MULTIRUN)
    job = composer.job(overrides, RunMode.MULTIRUN)

    expected = composer.loader.load_configuration("config", overrides, RunMode.MULTIRUN)
    plain = OmegaConf.to_container(expected, resolve=False)
    assert isinstance(plain, dict)
    hydra = plain.pop("hydra")
    assert OmegaConf.to_container(job.config, resolve=False) == plain
    assert list(flatten(job.values)) == list(flatten(resolved(expected)))  # also their order
    assert OmegaConf.to_container(job.hydra, resolve=False) == hydra
    assert job.hydra.run.dir.startswith("here/") == line.startswith("hydra.run.dir")


def test_the_defaults_of_options_hold_no_override(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(RECIPE)
    composer = Composer(config_dir=str(tmp_path))

    def defaults(*overrides: str) -> list[tuple[str, object]]:
        return list(composer.job(overrides, RunMode.RUN).composition.defaults.items())

    assert defaults("++seed=3", "~callbacks.samples", "++added=1") == defaults()
    conv = defaults("model=conv")
    assert defaults("experiment=mine") == conv and dict(conv)["latent_dim"] == 2
    assert defaults("logger=[csv,tensorboard]", "++seed=1", "experiment=mine") == defaults(
        "model=conv", "logger=[csv,tensorboard]"
    )


@pytest.fixture
def composer() -> Composer:
    return Composer()


@pytest.fixture
def loads(composer: Composer, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The compositions that the composer asked Hydra for."""
    calls: list[object] = []
    load = composer.loader.load_configuration

    def recorded(*arguments: Any) -> Any:
        calls.append(arguments)
        return load(*arguments)

    monkeypatch.setattr(composer.loader, "load_configuration", recorded)
    return calls


def test_a_sweep_over_values_composes_its_options_once(
    composer: Composer, loads: list[object]
) -> None:
    line = parse_words(["-m", "model=linear,conv", "seed=range(20)", "data=mnist_5k"])
    jobs = jobs_of(composer, line, datetime(2026, 1, 2, 3, 4, 5))
    runs = plan(composer, jobs).runs
    assert runs is not None and len({run.folder for run in runs}) == len(jobs.jobs) == 40
    folders = [run.folder for run in runs]
    assert {folder.parent.name for folder in folders} == {"2026-01-02_03-04-05"}
    # What the jobs have in common, and the two models.
    assert len(loads) == 3


def test_a_single_run_is_composed_once(composer: Composer, loads: list[object]) -> None:
    jobs = jobs_of(composer, parse_words(["model=conv", "seed=1"]), datetime(2026, 1, 2))
    assert str(plan(composer, jobs).root).startswith("outputs/runs/conv-z2-seed1_")
    assert len(loads) == 1
