"""One run from configuration to result: what it leaves behind, and that it can be repeated."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from runs import train
from stripes import small_config, striped_data
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_lab import vae
from vae_lab.checkpoints import load_weights, read_checkpoint
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import JobFailed
from vae_lab.evaluate import evaluation
from vae_lab.evaluate.bound import bound_per_image
from vae_lab.optimizers import learning_rate_factor
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.training.trainer import build_trainer
from vae_lab.vae import VAE

# What a result says of the stripes, beside how many are in training and validation.
FACTS = {"name": "stripes", "test": 20, "labels": list("0123456789")}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, Path]:
    return train(tmp_path_factory.mktemp("finished"))


def test_what_only_the_test_at_the_end_needs_is_not_imported_before_the_first_step() -> None:
    code = (
        "import sys, vae_lab.training.run, vae_lab.loggers.tensorboard;"
        "print({'sklearn', 'pandas', 'joblib', 'vae_lab.training.final_test'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_a_folder_explains_itself(finished: tuple[RunResult, Path]) -> None:
    result, folder = finished
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for name in ("config.yaml", "result.json", "per_image.npz", "checkpoints/best.ckpt",
                 "checkpoints/last.ckpt", "figures/reconstructions_0002.png",
                 "figures/samples_0000.png", "figures/interpolations_0002.png",
                 "figures/latent_map_0002.png"):  # fmt: skip
        assert name in files
    assert result == RunFolder(folder).result
    assert result.status == "success"
    assert len(result.data["fingerprint"]) == 32
    assert result.data == result.data | FACTS | {"train": 80, "val": 20}
    assert result.num_parameters == 101_652
    assert result.epochs == 2
    assert result.protocol["weights"] in ("best", "last")
    for key in ("config_hash", "versions", "machine", "threads", "precision", "seconds", "command"):
        assert getattr(result, key)
    assert (result.peak_memory_mb or 0) > 50
    saved = OmegaConf.load(folder / "config.yaml")
    assert saved.latent_dim == 2 and saved.choices.model == "linear"


def test_the_test_metrics_are_the_means_of_the_per_image_file(
    finished: tuple[RunResult, Path],
) -> None:
    result, folder = finished
    with np.load(folder / "per_image.npz", allow_pickle=False) as scores:
        assert scores["elbo"].shape == (20,)
        np.testing.assert_allclose(scores["elbo"], -scores["recon"] - scores["kl"])
        for name in ("elbo", "recon", "kl"):
            assert result.metrics[f"{name}/test"] == pytest.approx(scores[name].mean())
    assert result.metrics["loss/test"] == pytest.approx(-result.metrics["elbo/test"])


def test_curves_have_one_point_per_epoch_and_no_other_tag(
    finished: tuple[RunResult, Path],
) -> None:
    curves = scalars(finished[1])
    names = [f"{name}/{split}" for name in ("loss", "elbo", "recon", "kl")
             for split in ("train", "val", "test")]  # fmt: skip
    assert set(curves) == {*names, "lr"}
    assert [step for step, _ in curves["loss/train"]] == [1, 2]
    assert [step for step, _ in curves["elbo/val"]] == [1, 2]
    assert len(curves["elbo/test"]) == 1
    for split in ("train", "val", "test"):
        last = {name: curves[f"{name}/{split}"][-1][1] for name in ("elbo", "recon", "kl", "loss")}
        elbo, recon, kl, loss = last.values()
        assert elbo == pytest.approx(-recon - kl, rel=1e-5)
        assert loss == pytest.approx(-elbo, rel=1e-5), "beta = 1: the loss is minus the bound"
        assert kl > 0 and recon > 0


def test_the_best_checkpoint_gives_the_validation_bound_of_its_curve(
    finished: tuple[RunResult, Path],
) -> None:
    result, folder = finished
    best = max(value for _, value in scalars(folder)["elbo/val"])
    assert result.metrics["elbo/val"] == pytest.approx(best, rel=1e-5)


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first, folder = train(tmp_path, "callbacks=none")
    stamp = (folder / "per_image.npz").stat().st_mtime_ns
    again, _ = train(tmp_path, "callbacks=none")
    assert again == first
    assert (folder / "per_image.npz").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("model", ["linear", "conv"])
def test_the_same_seed_gives_the_same_numbers_to_the_last_bit(model: str, tmp_path: Path) -> None:
    overrides = [f"model={model}", "callbacks=none", "logger=csv"]
    if model == "conv":
        overrides.append("model.channels=[8,16]")
    first, folder = train(tmp_path / "first", *overrides)
    torch.rand(7)  # what others draw in between changes nothing
    second, other = train(tmp_path / "second", *overrides)
    assert first.metrics == second.metrics
    weights = [torch.load(path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
               for path in (folder, other)]  # fmt: skip
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert (folder / "metrics.csv").read_text() == (other / "metrics.csv").read_text()
    third, _ = train(tmp_path / "third", *overrides, "seed=1")
    assert third.metrics != first.metrics


def test_pictures_change_no_number(tmp_path: Path, finished: tuple[RunResult, Path]) -> None:
    without, _ = train(tmp_path, "callbacks=none")
    assert without.metrics == finished[0].metrics


def test_without_validation_the_last_weights_are_tested(tmp_path: Path) -> None:
    result, folder = train(tmp_path, "data.num_val=0")
    assert result.protocol["weights"] == "last"
    assert not [tag for tag in scalars(folder) if tag.endswith("/val")]
    assert not [name for name in result.metrics if name.endswith("/val")]
    assert result.data == result.data | FACTS | {"train": 100, "val": 0}
    assert (folder / "figures" / "reconstructions_0002.png").exists()


def test_several_samples_per_image_give_a_bound_of_the_same_mean(tmp_path: Path) -> None:
    one, _ = train(tmp_path / "one", "callbacks=none")
    config, _ = small_config(tmp_path / "conf", "objective.num_samples=50")
    model = VAE.from_config(config, (1, 28, 28), trust=True)
    model.config_hash = None  # the weights of another configuration, on purpose
    load_weights(model, tmp_path / "one" / "run" / "checkpoints" / "best.ckpt")
    images = striped_data().test_images[:]
    many = bound_per_image(model.eval(), images, num_samples=50, batch_size=7, split="test")
    assert many.elbo.mean() == pytest.approx(one.metrics["elbo/test"], rel=0.03)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20, 1000])
def test_any_batch_split_gives_the_same_evaluation(
    batch_size: int, finished: tuple[RunResult, Path], tmp_path: Path
) -> None:
    result, folder = finished
    config, _ = small_config(tmp_path)
    model: VAE = VAE.from_config(config, (1, 28, 28), trust=True)
    load_weights(model, folder / "checkpoints" / f"{result.protocol['weights']}.ckpt")
    images = striped_data().test_images[:]
    state = torch.get_rng_state()
    scores = bound_per_image(
        model.eval(), images, num_samples=1, batch_size=batch_size, split="test"
    )
    with np.load(folder / "per_image.npz", allow_pickle=False) as kept:
        np.testing.assert_allclose(scores.elbo, kept["elbo"], rtol=1e-5)
    assert scores.loss == pytest.approx(result.metrics["loss/test"], rel=1e-6)
    assert torch.equal(state, torch.get_rng_state()), "evaluation moves no other generator"


class Batches(pl.Callback):
    """Notes the loss and the size of each training batch."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.sizes: list[int] = []

    def on_train_batch_end(self, *given: Any) -> None:
        _, _, outputs, batch, _ = given
        self.losses.append(float(outputs["loss"]))
        self.sizes.append(len(batch.images))


def test_training_metrics_are_unweighted_means_by_the_true_sizes_of_batches(
    tmp_path: Path,
) -> None:
    config, _ = small_config(
        tmp_path, "objective.beta=4", "data.batch_size=48", "trainer.max_epochs=1",
        "callbacks=none", "logger=none", "trainer.enable_progress_bar=false",
        "+trainer.enable_checkpointing=false",
    )  # fmt: skip
    trainer, noted = build_trainer(config, RunFolder(tmp_path), trust=True), Batches()
    # Lightning's Trainer sets this attribute from elsewhere.
    trainer.callbacks.append(noted)  # type: ignore[attr-defined]
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    trainer.fit(VAE.from_config(config, data.image_shape, trust=True), datamodule=data)
    assert noted.sizes == [48, 32]
    mean = float(np.average(noted.losses, weights=noted.sizes))
    names = ("loss/train", "elbo/train", "recon/train", "kl/train")
    loss, elbo, recon, kl = (float(trainer.callback_metrics[name]) for name in names)
    assert loss == pytest.approx(mean, rel=1e-6)
    assert loss == pytest.approx(recon + 4 * kl, rel=1e-6)
    assert elbo == pytest.approx(-recon - kl, rel=1e-6)
    assert mean != pytest.approx(np.mean(noted.losses), rel=1e-4)


def test_a_run_on_the_processor_hides_gpus_and_shows_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(
        VAE, "on_train_end", lambda _: seen.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
    )
    for before in ("3", None):
        if before is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
        train(tmp_path / str(before), "callbacks=none", "trainer.max_epochs=1")
        assert os.environ.get("CUDA_VISIBLE_DEVICES") == before
    assert seen == ["", ""]


def test_a_bound_that_is_no_number_stops_the_run_and_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(JobFailed, match=r"run diverged: the train bound is not finite any more"):
        train(tmp_path, "optimizer.lr=1e30", "optimizer.schedule=constant", "callbacks=none")
    folder = tmp_path / "run"
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "diverged"
    assert "not finite" in result["error"] and "optimizer.lr" in result["error"]
    # The first step spoils the weights, the second is the one that shows it.
    found = result["diverged"]
    assert (found["split"], found["epoch"], found["step"], found["lr"]) == ("train", 1, 2, 1e30)
    assert found["loss"] == "nan" and found["gradient_norm_before"] > 0
    with np.load(folder / found["batch"], allow_pickle=False) as batch:
        images = striped_data().train_images[:].float() / 255
        assert batch["images"].shape == (32, 1, 28, 28) and batch["index"].shape == (32,)
        assert {image.tobytes() for image in batch["images"]} <= {
            image.numpy().tobytes() for image in images
        }


def test_a_gpu_is_made_to_wait_for_the_loss_of_few_steps_and_a_bad_epoch_is_never_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = VAE._checks_finite
    monkeypatch.setattr(VAE, "_checks_finite", lambda *_: False)
    with pytest.raises(JobFailed, match=r"run diverged: the train bound is not finite any more"):
        train(tmp_path, "optimizer.lr=1e30", "optimizer.schedule=constant", "callbacks=none")
    assert not list((tmp_path / "run" / "checkpoints").glob("*.ckpt"))
    for device, steps in (("cpu", list(range(120))), ("cuda", [0, 50, 100])):
        one = SimpleNamespace(device=torch.device(device), global_rank=0)
        # A stand-in with the two things that are looked at.
        assert [step for step in range(120) if looks(one, step)] == steps  # type: ignore[arg-type]


def test_a_run_that_diverges_later_keeps_its_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_: object) -> Callable[[float], float]:
        return lambda progress: 1.0 if progress < 0.3 else 1e33

    monkeypatch.setattr(vae, "learning_rate_factor", explode)
    with pytest.raises(JobFailed, match="diverged"):
        train(tmp_path, "callbacks=none", "trainer.max_epochs=4")
    folder = tmp_path / "run"
    assert json.loads((folder / "result.json").read_text())["diverged"]["epoch"] == 2
    kept = read_checkpoint(folder / "checkpoints" / "last.ckpt")
    assert kept["epoch"] == 0
    assert all(value.isfinite().all() for value in kept["state_dict"].values())


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_bound_that_is_no_number_at_the_final_test_is_no_success(
    split: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(*given: Any, **settings: Any) -> Any:
        bound = bound_per_image(*given, **settings)
        if settings["split"] == split:
            bound.elbo[3] = np.nan
        return bound

    monkeypatch.setattr(evaluation, "bound_per_image", spoilt)
    with pytest.raises(JobFailed, match=f"run diverged: the {split} bound is not finite any more"):
        train(tmp_path, "callbacks=none")
    # JSON has no word for it.
    text = (tmp_path / "run" / "result.json").read_text()
    result = json.loads(text, parse_constant=pytest.fail)
    assert result["status"] == "diverged" and result["diverged"]["elbo"] == "nan"
    assert result["diverged"]["split"] == split and result["metrics"] == {}


def test_the_rate_of_an_epoch_is_that_of_its_last_step(tmp_path: Path) -> None:
    _, folder = train(tmp_path, "callbacks=none", "optimizer.warmup=0.5", "optimizer.lr=1e-2")
    schedule = learning_rate_factor("one_cycle", 0.5)
    # Six steps in two epochs: 0 to 5 of 6 were done before them.
    wanted = [1e-2 * schedule(step / 6) for step in (2, 5)]
    assert [value for _, value in scalars(folder)["lr"]] == pytest.approx(wanted, rel=1e-5)


def test_bf16_computes_the_bound_in_single_precision(tmp_path: Path) -> None:
    exact, _ = train(tmp_path / "exact", "callbacks=none")
    rounded, _ = train(tmp_path / "rounded", "callbacks=none", "trainer.precision=bf16-mixed")
    assert rounded.metrics["elbo/test"] == pytest.approx(exact.metrics["elbo/test"], rel=0.01)
    assert rounded.metrics != exact.metrics


@pytest.mark.parametrize(
    "overrides",
    [
        ("+trainer.limit_train_batches=1", "+trainer.limit_val_batches=1", "callbacks=none"),
        ("+trainer.gradient_clip_val=1", "callbacks=none"),
        ("trainer.check_val_every_n_epoch=2", "callbacks=none"),
        ("+trainer.max_steps=4",),
        ("+trainer.enable_checkpointing=false", "callbacks=none"),
        ("trainer.enable_progress_bar=false",),
        ("likelihood=gaussian", "prior=standard"),
        ("logger=none", "callbacks=none"),
        ("data.batch_size=80", "callbacks=none"),
        ("latent_dim=1",),
    ],
)
def test_overrides_of_many_kinds_end_in_a_result(
    overrides: tuple[str, ...], tmp_path: Path
) -> None:
    result, folder = train(tmp_path, *overrides)
    assert result.status == "success"
    assert np.isfinite(result.metrics["elbo/test"])
    assert (folder / "per_image.npz").exists()
