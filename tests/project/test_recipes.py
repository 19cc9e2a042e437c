"""The recipes: composed, headed, and the reference report's first epochs on real data."""

import csv
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from repository import ROOT

from vae_lab.cli import launchers
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config import compose
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.objectives.elbo import Elbo, WarmUpElbo
from vae_lab.objectives.iwae import Iwae
from vae_lab.run_folder import RunFolder
from vae_lab.training.trainer import build_trainer
from vae_lab.vae import VAE

RECIPES = sorted((compose.conf_folder() / "experiment").glob("*.yaml"))
CURVES = ROOT / "tests" / "support" / "reference_train_loss.csv"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_opens_with_its_command_result_and_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launchers, "find_spec", lambda _: True)  # an extra may be missing here
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    for word in ("Sweep:", "Result:", "Time:"):
        assert any(line.startswith(f"# {word}") for line in header)
    commands = [line.split("python -m vae_lab ")[1] for line in header if "-m vae_lab " in line]
    assert commands and all(compose_jobs(command.split()) for command in commands)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_names_its_optimizer(path: Path) -> None:
    # Its results are those of that optimizer, whatever the default is.
    assert "  - override /optimizer: " in path.read_text(encoding="utf-8")


def test_make_sweep_trains_equally_long_on_either_data_set(tmp_path: Path) -> None:
    line = next(
        line
        for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        if "-m vae_lab" in line
    )
    words = line.partition("-m vae_lab ")[2].replace("$(ARGS)", "").split()
    for data in ("mnist", "mnist_5k"):
        jobs = compose_jobs([*words, f"data={data}"])
        assert [(job.choices["model"], job.values["latent_dim"]) for job in jobs] == [
            *(("linear", 2), ("linear", 10), ("conv", 2), ("conv", 10))
        ]
        for job in jobs:
            images, trainer = job.values["data"], job.values["trainer"]
            assert (job.choices["optimizer"], trainer["max_epochs"]) == ("muon", 20)
            # Each epoch has so many batches, also of the small data set.
            num_train = images["num_images"] - images["num_val"]
            assert trainer["limit_train_batches"] * images["batch_size"] <= num_train
            assert images["num_val"] == 500


def test_the_reference_recipe_is_the_reports_set_up_in_nats() -> None:
    jobs = compose_jobs(["-m", "experiment=reference", "model=linear,conv", "latent_dim=2,10"])
    assert len(jobs) == 4
    for job in jobs:
        config = resolved(job.config)
        assert config["objective"]["beta"] == pytest.approx(1e-5 * 784 * 128)
        assert config["optimizer"]["weight_decay"] == pytest.approx(1e-5 * 784)
        assert config["optimizer"]["eps"] == pytest.approx(1e-8 * 784)
        assert (config["optimizer"]["lr"], config["optimizer"]["schedule"]) == (1e-3, "constant")
        assert (config["data"]["num_val"], config["data"]["batch_size"]) == (0, 128)
        assert config["trainer"]["max_epochs"] == 100


def test_the_davidson_recipe_is_its_protocol() -> None:
    (job,) = compose_jobs(["experiment=davidson2018", "latent_dim=10"])
    config = resolved(job.config)
    assert config["data"]["binarize"] == "dynamic"
    assert config["data"]["batch_size"] == 64
    model = VAE.from_config(config, (1, 28, 28), trust=False)
    sizes = [tuple(p.shape) for p in model.encoder.parameters() if p.dim() == 2]
    assert sizes == [(256, 784), (128, 256), (20, 128)]
    assert isinstance(model.objective, WarmUpElbo)


def test_the_iwae_recipe_is_its_protocol() -> None:
    words = ["objective=elbo,iwae", "objective.num_samples=1,5,50"]
    jobs = compose_jobs(["-m", "experiment=iwae2015", *words])
    assert len(jobs) == 6
    for job in jobs:
        config = resolved(job.config)
        data, optimizer = config["data"], config["optimizer"]
        assert (data["binarize"], data["batch_size"], data["num_val"]) == ("dynamic", 20, 400)
        # 1e-4 against a sum over the 20 images of a batch is 5e-6 against their mean.
        assert (optimizer["lr"], optimizer["eps"]) == (1e-3, pytest.approx(1e-4 / 20))
        assert optimizer["betas"] == [0.99, 0.999]
        assert optimizer["schedule"] == "tripling"
        assert (config["latent_dim"], config["trainer"]["max_epochs"]) == (50, 3280)
    model = VAE.from_config(resolved(jobs[-1].config), (1, 28, 28), trust=False)
    assert model.objective.num_samples == 50 and isinstance(model.objective, Iwae)
    sizes = [tuple(p.shape) for p in model.parameters() if p.dim() == 2]
    assert sizes == [(200, 784), (200, 200), (100, 200), (200, 50), (200, 200), (784, 200)]
    assert sum(isinstance(layer, torch.nn.Tanh) for layer in model.modules()) == 4


def test_the_rate_distortion_recipe_sweeps_beta_by_itself() -> None:
    jobs = compose_jobs(["-m", "experiment=rate_distortion"])
    betas = [resolved(job.config)["objective"]["beta"] for job in jobs]
    assert betas == [0.1, 0.25, 0.5, 1, 2, 4, 10]


def test_warm_up_weighs_the_kl_in_training_alone() -> None:
    objective = WarmUpElbo(beta=4.0, num_samples=1, warmup=0.2)
    assert [objective.at(progress).beta for progress in (0, 0.1, 0.2, 1)] == [0, 2, 4, 4]
    assert objective.beta == 4
    plain = Elbo(beta=4.0, num_samples=1)
    assert plain.at(0) is plain


class Curve(Callback):
    """Notes the training loss of each epoch."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.losses.append(float(trainer.callback_metrics["loss/train"]))


@pytest.mark.real_mnist
@pytest.mark.parametrize("latent_dim", [10, pytest.param(2, marks=pytest.mark.golden)])
def test_the_first_epochs_follow_the_reference_report(
    latent_dim: int, mnist_root: Path, tmp_path: Path
) -> None:
    (job,) = compose_jobs([
        "experiment=reference", f"latent_dim={latent_dim}", "trainer.max_epochs=3", "threads=1",
        "callbacks=none", "logger=none", f"data.root={mnist_root}",
        "trainer.enable_progress_bar=false", "+trainer.enable_checkpointing=false",
    ])  # fmt: skip
    config = resolved(job.config)
    torch.set_num_threads(1)
    data = ImageDataModule.from_config(config, trust=False)
    data.setup()
    trainer = build_trainer(config, RunFolder(tmp_path), trust=False)
    curve = Curve()
    # Lightning's Trainer sets this attribute from elsewhere.
    trainer.callbacks.append(curve)  # type: ignore[attr-defined]
    trainer.fit(VAE.from_config(config, data.image_shape, trust=False), datamodule=data)
    with CURVES.open(newline="", encoding="utf-8") as file:
        column = [row[f"linear_{latent_dim}"] for row in csv.DictReader(file)]
    expected = {epoch: float(value) * 784 for epoch, value in enumerate(column[:3]) if value}
    assert len(curve.losses) == 3 and len(expected) >= 2
    for epoch, loss in expected.items():
        assert curve.losses[epoch] == pytest.approx(loss, rel=0.02), f"epoch {epoch + 1}"
