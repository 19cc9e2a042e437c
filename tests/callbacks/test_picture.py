"""Pictures come at the right epochs, go where they should, and change nothing."""

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers.logger import DummyLogger
from tiny_vae import WHEN, Spy, TinyData, TinyVAE, drawn, snapshot_of, train
from torch import Tensor

from vae_lab.callbacks.drawing.grids import to_uint8
from vae_lab.callbacks.embedding import Embedding
from vae_lab.callbacks.histograms import Histograms
from vae_lab.callbacks.interpolations import Interpolations
from vae_lab.callbacks.kl_per_dim import KLPerDim
from vae_lab.callbacks.latent_map import LatentMap, QuantileMap
from vae_lab.callbacks.latent_scatter import LatentScatter
from vae_lab.callbacks.picture import (
    Origin,
    PictureCallback,
    Visualization,
    evaluation_mode,
)
from vae_lab.callbacks.reconstructions import Reconstructions
from vae_lab.callbacks.samples import Samples
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.callbacks.traversals import Traversals
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.training.trainer import with_pictures_together

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
]

PAIRS = [[1, 7], [0, 6]]
TAGS = [
    *("reconstructions/val", "samples/prior", "interpolations/latent", "latent_map/prior"),
    *("latent_map/quantiles", "latent_scatter/val", "traversals/latent", "kl_per_dim/val"),
]
FILES = [
    *("reconstructions", "samples", "interpolations", "latent_map"),
    *("quantile_map", "latent_scatter", "traversals", "kl_per_dim"),
]


def all_pictures() -> list[Visualization]:
    """Returns every kind of picture, in the order of TAGS, and the histograms."""
    look: dict[str, Any] = {"num_images": 12, **WHEN}
    return [
        Reconstructions(num_images=10, columns=5, **WHEN),
        Samples(num_images=9, columns=3, **WHEN),
        Interpolations(pairs=PAIRS, steps=4, num_images=12, **WHEN),
        LatentMap(steps=3, extent=1.5, corners=[0, 1, 7], first_epochs=0, **WHEN),
        QuantileMap(steps=3, **WHEN),
        LatentScatter(projection="pca", **look),
        Traversals(max_rows=3, steps=3, extent=3, start=[0], **look),
        KLPerDim(threshold=0.01, **look),
        Histograms(num_images=12, every_n_epochs=2, seed=3),
    ]


# When.


@pytest.mark.parametrize(
    ("limits", "epochs"),
    [
        ({"max_epochs": 5}, [0, 2, 4, 5]),
        ({"max_epochs": 4}, [0, 2, 4]),
        ({"max_epochs": -1, "max_steps": 7}, [0, 2, 3]),  # stops within the third epoch
        ({"fast_dev_run": True}, [0, 1]),
    ],
)
def test_schedule(tmp_path: Path, limits: dict[str, Any], epochs: list[int]) -> None:
    spy = Spy()
    train(tmp_path, [Samples(num_images=9, columns=3, **WHEN)], loggers=[spy], **limits)
    assert drawn(tmp_path) == epochs
    if "fast_dev_run" not in limits:  # which takes the loggers away
        assert [step for _, step, _ in spy.pictures] == epochs


def test_early_stop_draws_the_last_epoch(tmp_path: Path) -> None:
    class Stop(pl.Callback):
        def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            trainer.should_stop = trainer.current_epoch == 2

    train(tmp_path, [Samples(num_images=9, columns=3, **WHEN), Stop()], max_epochs=9)
    assert drawn(tmp_path) == [0, 2, 3]


def test_a_resumed_run_draws_no_picture_twice(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    train(tmp_path / "a", [ModelCheckpoint(dirpath=folder, save_last=True)], max_epochs=4)
    resumed = Samples(num_images=9, columns=3, **WHEN)
    callbacks = [resumed, ModelCheckpoint(dirpath=folder, save_last=True)]
    train(tmp_path / "b", callbacks, max_epochs=7, resume=folder / "last.ckpt")
    assert drawn(tmp_path / "b") == [6, 7]


# Where.


def test_files_and_loggers_get_the_same_pictures(tmp_path: Path) -> None:
    spy = Spy()
    train(tmp_path, all_pictures(), loggers=[DummyLogger(), spy], max_epochs=2)
    assert [(tag, step) for tag, step, _ in spy.pictures] == [(t, n) for n in (0, 2) for t in TAGS]
    names = dict(zip(TAGS, FILES, strict=True))
    for tag, step, picture in spy.pictures:
        with Image.open(tmp_path / "figures" / f"{names[tag]}_{step:04d}.png") as file:
            pixels = torch.from_numpy(np.array(file))
        assert torch.equal(pixels, torch.from_numpy(picture))
    assert len(list((tmp_path / "figures").glob("*.png"))) == len(spy.pictures)


def test_charts_are_there_without_pixels_too(tmp_path: Path) -> None:
    train(tmp_path, all_pictures(), max_epochs=2)
    found = {path.name for path in (tmp_path / "figures").glob("*.svg")}
    assert found == {"kl_per_dim.svg", "latent_scatter.svg"}
    text = (tmp_path / "figures" / "kl_per_dim.svg").read_text(encoding="utf-8")
    assert f"{tmp_path.name} \u00b7 epoch 2<" in text, "that of the last epoch"


def test_a_chart_is_drawn_anew_for_its_larger_file(tmp_path: Path) -> None:
    spy = Spy()
    chart = KLPerDim(threshold=0.01, num_images=12, **{**WHEN, "scale": 3})
    train(tmp_path, [chart], loggers=[spy], max_epochs=1)
    height, width, _ = spy.pictures[0][2].shape
    with Image.open(tmp_path / "figures" / "kl_per_dim_0000.png") as file:
        assert file.size == (3 * width, 3 * height)
        assert metadata(file)["scale"] == 3
        assert not np.array_equal(np.asarray(file)[::3, ::3], spy.pictures[0][2])


def metadata(file: Any) -> Any:
    return json.loads(file.text["vae_lab"])


def test_a_file_says_whose_picture_it_is_and_where_the_images_are(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "no-z2")
    samples = Samples(num_images=9, columns=3, **{**WHEN, "scale": 3})
    # TinyVAE has only what a picture asks of a VAE.
    snapshot = Snapshot(model=TinyVAE(latent_dim=2), data=TinyData(), epochs_done=7)  # type: ignore[arg-type]
    spy = Spy()
    samples.publish(snapshot, folder, [spy])
    with Image.open(folder.figure("samples", 7)) as file:
        about, pixels = metadata(file), np.array(file)
    names = {"picture": "samples", "run": "no-z2", "epoch": 7, "data": None}
    assert about == {**names, "scale": about["scale"], "grid": about["grid"]}
    left, top, right, bottom = about["grid"]
    assert pixels.shape[0] > bottom and pixels.shape[1] > right, "a caption stands below"
    step = about["scale"]
    cells = samples.draw(snapshot, torch.Generator().manual_seed(3)).picture
    assert np.array_equal(pixels[top:bottom:step, left:right:step], to_uint8(cells)[0].numpy())


@pytest.mark.parametrize("name", ["linear-z2", "\u5199\u771f", "x" * 200])
def test_the_caption_names_run_epoch_and_data(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path)
    result: Any = RunResult(name=name, data={"name": "digits"})
    folder.write_result(result)
    origin = Origin.of(folder, snapshot_of())
    assert origin == Origin(name, 0, "digits")
    assert origin.caption().endswith(" \u00b7 epoch 0 \u00b7 digits")
    assert (name in origin.caption()) == name.isascii()


def test_histograms_have_the_steps_of_pictures(tmp_path: Path) -> None:
    spy = Spy()
    train(tmp_path, all_pictures(), loggers=[DummyLogger(), spy], max_epochs=3)
    tags = ["posterior/mean", "posterior/variance"]
    assert [(t, n) for t, n, _ in spy.histograms] == [(t, n) for n in (0, 2, 3) for t in tags]
    mean = TinyData().images.flatten(1)[:, :2]
    torch.testing.assert_close(spy.histograms[0][2].view(12, 2), mean)
    torch.testing.assert_close(spy.histograms[1][2].view(12, 2), torch.exp(mean - 1))


def test_without_validation_nothing_is_called_val(tmp_path: Path) -> None:
    class NoValidation(TinyData):
        num_val = 0

        def val_dataloader(self) -> Any:
            return []

    spy = Spy()
    train(
        tmp_path,
        all_pictures(),
        loggers=[spy],
        max_epochs=1,
        limit_val_batches=0,
        data=NoValidation(),
    )
    tags = {tag for tag, _, _ in spy.pictures}
    assert tags == {tag.replace("/val", "/train") for tag in TAGS}


def test_images_are_encoded_once_for_all_pictures_of_an_epoch(tmp_path: Path) -> None:
    encoded: list[int] = []

    class Counting(TinyVAE):
        def encode(self, x: Tensor, labels: Tensor | None = None) -> Any:
            encoded.append(len(x))
            return super().encode(x)

    pictures = [
        picture
        for picture in [*all_pictures(), Embedding(num_images=12)]
        if not isinstance(picture, Reconstructions | Interpolations | Traversals)
    ]
    train(tmp_path, pictures, max_epochs=2, module=Counting(latent_dim=2))
    assert encoded == [12, 12]  # before training, and after two epochs


def test_fewer_images_are_a_part_of_what_was_seen() -> None:
    model = TinyVAE(latent_dim=2)
    snapshot = snapshot_of(model=model)
    encoded = snapshot.encoded(7)
    assert torch.equal(snapshot.encoded(3).mean, encoded.mean[:3])
    # TinyData has labels; the type allows for none.
    assert snapshot.encoded(3).labels.tolist() == [0, 1, 2]  # type: ignore[union-attr]
    assert len(snapshot.encoded(1000).images) == 12
    assert len(model.modes) == 2


def test_only_rank_zero_draws(tmp_path: Path) -> None:
    callback = PictureCallback([Samples(num_images=9, columns=3, **WHEN)])

    class FakeTrainer:
        is_global_zero, current_epoch, datamodule = False, 0, TinyData()
        default_root_dir = tmp_path

    trainer: Any = FakeTrainer()
    callback.setup(trainer, TinyVAE(latent_dim=2), "fit")
    callback.on_train_start(trainer, TinyVAE(latent_dim=2))
    assert not (tmp_path / "figures").exists()


# Drawing changes nothing.


def global_states() -> list[str]:
    return [str(torch.get_rng_state().tolist()), str(np.random.get_state()), str(random.getstate())]


def test_pictures_change_no_weight_and_no_generator(tmp_path: Path) -> None:
    ends = []
    for callbacks in ([], [*all_pictures(), Embedding(num_images=12)]):
        np.random.seed(0)
        random.seed(0)
        module = train(tmp_path, callbacks, max_epochs=3)
        ends.append((module.state_dict(), global_states()))
        expected_modes = {(False, False)} if callbacks else set()
        assert set(module.modes) == expected_modes
    (weights, states), (weights_drawn, states_drawn) = ends
    assert all(torch.equal(weights[name], weights_drawn[name]) for name in weights)
    assert states == states_drawn


def test_evaluation_mode_restores_each_part_even_after_an_error() -> None:
    module = TinyVAE(latent_dim=2)
    module.dropout.eval()  # as a frozen part would be

    def fail_while_drawing() -> None:
        with evaluation_mode(module):
            assert not module.training
            assert not torch.is_grad_enabled()
            raise KeyError("drawing")

    with pytest.raises(KeyError, match="drawing"):
        fail_while_drawing()
    assert module.training
    assert module.layer.training
    assert not module.dropout.training
    assert torch.is_grad_enabled()


# What they cost.


def test_an_idle_picture_costs_nothing_per_batch() -> None:
    # Lightning calls a hook only where a class overrides it, but asks each callback each time.
    per_epoch = ("setup", "teardown", "on_fit_end")
    hooks = {name for name in vars(PictureCallback) if name in vars(pl.Callback)}
    hooks -= {name for name in hooks if name.startswith("__")}
    assert hooks == {*per_epoch, "on_train_start", "on_train_epoch_end"}
    pictures, stop = all_pictures(), pl.Callback()
    (callback, other) = with_pictures_together([pictures[0], stop, *pictures[1:]])
    assert isinstance(callback, PictureCallback) and callback.pictures == pictures
    assert other is stop
    assert with_pictures_together([stop]) == [stop]


def test_no_data_module_is_told_at_setup() -> None:
    trainer: Any = SimpleNamespace(datamodule=None)
    callback = PictureCallback([Samples(num_images=9, columns=3, **WHEN)])
    with pytest.raises(ValueError, match=r"Call trainer\.fit\(module, datamodule"):
        callback.setup(trainer, TinyVAE(latent_dim=2), "fit")
