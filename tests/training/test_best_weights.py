"""Which weights are the best: by what the objective minimises, or by what a person says."""

import csv
from pathlib import Path

import pytest
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from runs import run_job, train
from stripes import small_config

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.identity import config_hash
from vae_lab.config.instantiate import instantiate
from vae_lab.config.resolve import resolved
from vae_lab.errors import UserError
from vae_lab.run_folder import RunFolder
from vae_lab.trained_vae import load
from vae_lab.training.trainer import model_checkpoints

SHORT = ("callbacks=none", "logger=csv", "trainer.max_epochs=5", "optimizer.lr=1e-2")


@pytest.mark.parametrize(
    ("line", "by"),
    [
        ("objective=elbo", "elbo"),
        ("objective=elbo_warmup", "elbo"),
        ("objective=elbo_cyclic", "elbo"),
        ("objective=iwae", "elbo"),
        ("objective=beta_tc objective.beta=1", "elbo"),
        ("objective=elbo_free_bits objective.free_bits=0", "elbo"),
        ("objective=mmd objective.alpha=0 objective.mmd_weight=1", "elbo"),
        ("objective=elbo objective.beta=0.1", "loss"),
        ("objective=elbo_warmup objective.beta=4", "loss"),
        ("objective=elbo_free_bits", "loss"),
        ("objective=elbo_capacity objective.beta=1", "loss"),
        ("objective=beta_tc", "loss"),
        ("objective=mmd", "loss"),
    ],
)
def test_the_rule_of_each_objective(line: str, by: str) -> None:
    (job,) = compose_jobs(line.split())
    assert instantiate(resolved(job.config)["objective"], trust=False).best_by == by


@pytest.mark.parametrize(
    ("overrides", "metric", "words"),
    [
        ((), "elbo", "highest elbo/val"),
        (("objective=elbo_capacity", "objective.capacity=40"), "loss", "lowest loss/val"),
        (("objective=elbo", "best_by=loss"), "loss", "lowest loss/val"),
        (("objective=elbo_capacity", "objective.capacity=40", "best_by=elbo"), "elbo", "highest"),
    ],
)
def test_the_weights_that_are_tested_are_the_best_by_the_rule(
    overrides: tuple[str, ...], metric: str, words: str, tmp_path: Path
) -> None:
    result, folder = train(tmp_path, *SHORT, *overrides)
    with (folder / "metrics.csv").open() as file:
        points = [(row["step"], row[f"{metric}/val"]) for row in csv.DictReader(file)]
    values = {float(value): int(step) for step, value in points if value}
    best = max(values) if metric == "elbo" else min(values)
    assert result.protocol["weights_epoch"] == values[best]
    assert words in result.protocol["checkpoint"]
    assert result.metrics[f"{metric}/val"] == pytest.approx(best, rel=1e-4)


def test_weights_that_were_not_chosen_say_so(tmp_path: Path) -> None:
    result, _ = train(tmp_path, *SHORT, "data.num_val=0")
    assert "checkpoint" not in result.protocol


def test_the_rule_as_it_was_changes_no_hash(tmp_path: Path) -> None:
    config, _ = small_config(tmp_path)
    before = {key: value for key, value in config.items() if key != "best_by"}
    assert config_hash(config) == config_hash(before)
    assert config_hash({**config, "best_by": "loss"}) != config_hash(before)


def test_another_metric_is_refused() -> None:
    with pytest.raises(UserError, match="best_by must be null, elbo or loss, got 'kl'"):
        compose_jobs(["best_by=kl"])


def test_averaged_weights_are_judged_kept_and_tested(tmp_path: Path) -> None:
    option = tmp_path / "conf" / "callbacks" / "average.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("average: {_target_: pytorch_lightning.callbacks.EMAWeightAveraging}\n")
    plain, _ = train(tmp_path / "plain", *SHORT)
    config, choices = small_config(tmp_path / "conf", *SHORT, "callbacks=[average]")
    folder = tmp_path / "run"
    folder.mkdir()
    result = run_job(config, choices, folder)
    with (folder / "metrics.csv").open() as file:
        curve = {int(row["step"]): row["elbo/val"] for row in csv.DictReader(file)}
    tested = result.protocol["weights_epoch"]
    assert result.metrics["elbo/val"] == pytest.approx(float(curve[tested]), rel=1e-5)
    assert result.metrics["elbo/val"] != pytest.approx(plain.metrics["elbo/val"], rel=1e-5)
    loaded = load(folder, weights="best", trust=True).model.state_dict()
    stored = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(value, stored[name]) for name, value in loaded.items())


def test_checkpoints_of_earlier_versions_know_what_keeps_them(tmp_path: Path) -> None:
    best, last = model_checkpoints(RunFolder(tmp_path), best_by="elbo", averages=False)
    assert best.state_key == ModelCheckpoint(monitor="elbo/val", mode="max").state_key
    assert last.state_key == ModelCheckpoint().state_key
