"""A model in somebody's own program: it is a LightningModule, or says in one line what to use."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from stripes import small_config, striped_data
from torch.utils.data import DataLoader, TensorDataset

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import UserError
from vae_lab.vae import VAE

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*no `val_dataloader`",
    "ignore:.*no logger configured",
)


def make(folder: Path, *overrides: str) -> tuple[VAE, ImageDataModule]:
    config, _ = small_config(folder, *overrides)
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    return VAE.from_config(config, data.image_shape, trust=True), data


def trainer(folder: Path) -> pl.Trainer:
    return pl.Trainer(
        default_root_dir=folder, max_epochs=1, accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        log_every_n_steps=0,
    )  # fmt: skip


@pytest.mark.parametrize("schedule", ["one_cycle", "constant", "tripling"])
def test_a_model_can_be_pickled_before_and_after_it_is_trained(
    schedule: str, tmp_path: Path
) -> None:
    model, data = make(tmp_path, f"optimizer.schedule={schedule}")
    x = torch.rand(3, 1, 28, 28)
    for _ in range(2):
        torch.save(model, tmp_path / "model.pt")
        # Written here a line above.
        copies = [
            pickle.loads(pickle.dumps(model)),
            torch.load(tmp_path / "model.pt", weights_only=False),
        ]
        for copy in copies:
            assert torch.equal(copy.eval()(x), model.eval()(x))
        model.train()
        trainer(tmp_path).fit(model, datamodule=data)
    # A copy trains on as the model would.
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        trainer(tmp_path).fit(each.train(), datamodule=data)
    assert torch.equal(copy.eval()(x), model.eval()(x))


def test_forward_reconstructs(tmp_path: Path) -> None:
    model, _ = make(tmp_path)
    x = torch.rand(2, 1, 28, 28)
    model.eval()
    assert torch.equal(model(x), model.reconstruct(x))


def test_predictions_are_reconstructions_of_anybodys_batches(tmp_path: Path) -> None:
    model, _ = make(tmp_path)
    x: Any = torch.rand(6, 1, 28, 28)
    wanted = model.eval().reconstruct(x)
    for loader in (
        DataLoader(x, batch_size=4),
        DataLoader(TensorDataset(x, torch.arange(6)), batch_size=4),
    ):
        found: Any = trainer(tmp_path).predict(model, loader)
        assert found is not None
        torch.testing.assert_close(torch.cat(found), wanted)


def test_validate_returns_the_bound_of_the_validation_images(tmp_path: Path) -> None:
    model, data = make(tmp_path)
    (before,) = trainer(tmp_path).validate(model, datamodule=data, verbose=False)
    assert before["elbo/val"] == pytest.approx(-before["recon/val"] - before["kl/val"], rel=1e-6)
    training = trainer(tmp_path)
    training.fit(model, datamodule=data)
    (after,) = trainer(tmp_path).validate(model, datamodule=data, verbose=False)
    assert after["elbo/val"] == pytest.approx(float(training.callback_metrics["elbo/val"]))
    assert after["elbo/val"] > before["elbo/val"]


def test_batches_of_another_loader_are_refused_with_what_to_use(tmp_path: Path) -> None:
    model, _ = make(tmp_path)
    # A tensor serves as a data set: it has a length and rows.
    images: Any = striped_data().train_images
    loader = DataLoader(images, batch_size=8)
    with pytest.raises(UserError, match=r"trainer.fit\(model, datamodule=ImageDataModule"):
        trainer(tmp_path).fit(model, loader)
    with pytest.raises(UserError, match="takes its batches from an ImageDataModule"):
        trainer(tmp_path).validate(model, loader, verbose=False)


def test_a_checkpoint_is_loaded_with_its_run() -> None:
    with pytest.raises(UserError, match=r"vae_lab.load\(RUN_FOLDER\).model"):
        VAE.load_from_checkpoint("checkpoints/best.ckpt")
