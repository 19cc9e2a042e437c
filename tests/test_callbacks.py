"""Pictures come at the right epochs, show the right thing, and change nothing. Progress is plain.

A tiny stand-in for the module whose parts can be computed by hand: latent points are two pixels.
"""

import io
import logging
import random
import re
import sys
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
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vae_lab import images
from vae_lab.callbacks.base import Picture, looking
from vae_lab.callbacks.interpolations import Interpolations, between, find_pairs
from vae_lab.callbacks.latent_map import LatentMap
from vae_lab.callbacks.progress import ERASE_LINE, Progress, format_values
from vae_lab.callbacks.reconstructions import Reconstructions, in_turn
from vae_lab.callbacks.samples import Samples

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),  # Lightning 2.6 under torch 2.15
]

WHEN: dict[str, Any] = {"every_n_epochs": 2, "seed": 3, "scale": 1}
PAIRS = [[1, 7], [0, 6]]


class TinyVAE(pl.LightningModule):
    """Encodes an image (1, 2, 2) as its first `latent_dim` pixels; trains with global noise."""

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.layer = nn.Linear(4, 4)
        self.dropout = nn.Dropout(0.5)  # draws from torch's global generator
        self.modes: list[tuple[bool, bool]] = []

    def encode(self, x: Tensor) -> SimpleNamespace:
        self.modes.append((self.training, torch.is_grad_enabled()))
        return SimpleNamespace(mean=x.flatten(1)[:, : self.latent_dim])

    def decode(self, z: Tensor) -> Tensor:
        self.modes.append((self.training, torch.is_grad_enabled()))
        # Decoders of other people may be careless with global generators.
        torch.rand(1), np.random.random(), random.random()
        return z.repeat(1, 4)[:, :4].reshape(-1, 1, 2, 2)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x).mean)

    def sample(self, num_images: int, generator: torch.Generator) -> Tensor:
        return self.decode(torch.rand(num_images, self.latent_dim, generator=generator))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        assert self.training
        assert torch.is_grad_enabled()
        noisy = self.dropout(self.layer(batch.flatten(1)))
        return (noisy - batch.flatten(1)).square().sum(1).mean()

    def on_train_epoch_end(self) -> None:
        self.log("loss/train", 161.234 - self.current_epoch)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        self.log("elbo/val", -158.9)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class TinyData(pl.LightningDataModule):
    """Twelve random images (1, 2, 2), labels 0 to 9, 0, 1; three batches an epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.images = torch.rand(12, 1, 2, 2, generator=torch.Generator().manual_seed(5))

    def examples(self) -> tuple[Tensor, Tensor | None]:
        return self.images, torch.arange(12) % 10

    def train_dataloader(self) -> Any:
        return DataLoader(self.images, batch_size=4)  # type: ignore[arg-type]

    def val_dataloader(self) -> Any:
        return DataLoader(self.images, batch_size=12)  # type: ignore[arg-type]


class Spy(DummyLogger):
    """Keeps the pictures it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[tuple[str, int, Tensor]] = []

    def log_picture(self, tag: str, picture: Tensor, *, step: int, description: str) -> None:
        assert description
        self.pictures.append((tag, step, picture))


def all_pictures() -> list[Picture]:
    return [
        Reconstructions(num_images=10, columns=5, **WHEN),
        Samples(num_images=9, columns=3, **WHEN),
        Interpolations(pairs=PAIRS, steps=4, **WHEN),
        LatentMap(steps=3, extent=1.5, **WHEN),
    ]


def train(
    folder: Path,
    callbacks: list[Any],
    *,
    latent_dim: int = 2,
    loggers: list[Any] | None = None,
    resume: Path | None = None,
    **limits: Any,
) -> TinyVAE:
    torch.manual_seed(0)
    module = TinyVAE(latent_dim=latent_dim)
    trainer = pl.Trainer(
        default_root_dir=folder,
        callbacks=callbacks,
        logger=loggers or False,
        accelerator="cpu",
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_model_summary=False,
        log_every_n_steps=1,
        enable_progress_bar=any(isinstance(c, Progress) for c in callbacks),
        **limits,
    )
    trainer.fit(module, datamodule=TinyData(), ckpt_path=resume)
    return module


def drawn(folder: Path, name: str = "samples") -> list[int]:
    return sorted(int(path.stem.split("_")[-1]) for path in (folder / "figures").glob(f"{name}_*"))


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
    tags = ["reconstructions/val", "samples/prior", "interpolations/latent", "latent_map/prior"]
    assert [(tag, step) for tag, step, _ in spy.pictures] == [(t, n) for n in (0, 2) for t in tags]
    for tag, step, picture in spy.pictures:
        with Image.open(tmp_path / "figures" / f"{tag.split('/')[0]}_{step:04d}.png") as file:
            assert np.array_equal(np.asarray(file), picture[0].numpy())
    assert len(list((tmp_path / "figures").iterdir())) == len(spy.pictures)


def test_only_rank_zero_draws(tmp_path: Path) -> None:
    picture = Samples(num_images=9, columns=3, **WHEN)
    trainer: Any = SimpleNamespace(is_global_zero=False, datamodule=TinyData(), current_epoch=0)
    picture.setup(trainer, TinyVAE(latent_dim=2), "fit")
    picture.on_train_start(trainer, TinyVAE(latent_dim=2))
    assert not (tmp_path / "figures").exists()


# Looking changes nothing.


def global_states() -> list[str]:
    return [str(torch.get_rng_state().tolist()), str(np.random.get_state()), str(random.getstate())]


def test_pictures_change_no_weight_and_no_generator(tmp_path: Path) -> None:
    ends = []
    for callbacks in ([], all_pictures()):
        np.random.seed(0)
        random.seed(0)
        module = train(tmp_path, callbacks, max_epochs=3)
        ends.append((module.state_dict(), global_states()))
        expected_modes = {(False, False)} if callbacks else set()
        assert set(module.modes) == expected_modes
    (weights, states), (weights_drawn, states_drawn) = ends
    assert all(torch.equal(weights[name], weights_drawn[name]) for name in weights)
    assert states == states_drawn


def test_looking_restores_each_part_even_after_an_error() -> None:
    module = TinyVAE(latent_dim=2)
    module.dropout.eval()  # as a frozen part would be

    def fail_while_looking() -> None:
        with looking(module):
            assert not module.training
            assert not torch.is_grad_enabled()
            raise KeyError("drawing")

    with pytest.raises(KeyError, match="drawing"):
        fail_while_looking()
    assert module.training
    assert module.layer.training
    assert not module.dropout.training
    assert torch.is_grad_enabled()


# What.


def draw(picture: Picture, *, latent_dim: int = 2, data: Any = None) -> Tensor:
    module: Any = TinyVAE(latent_dim=latent_dim)
    return picture.draw(module, data or TinyData(), torch.Generator().manual_seed(picture.seed))


def test_reconstructions_show_each_label_in_turn() -> None:
    module, data = TinyVAE(latent_dim=2), TinyData()
    shown = data.images[:10]
    expected = images.above(shown, module.reconstruct(shown), columns=5)
    assert torch.equal(draw(Reconstructions(num_images=10, columns=5, **WHEN)), expected)


def test_in_turn_takes_one_of_each_label() -> None:
    labels = torch.tensor([7, 7, 1, 4, 1, 7])
    assert in_turn(labels, 6).tolist() == [2, 3, 0, 4, 1, 5]
    assert in_turn(None, 3).tolist() == [0, 1, 2]


def test_samples_are_the_same_draws_each_time() -> None:
    picture = Samples(num_images=9, columns=3, **WHEN)
    expected = TinyVAE(latent_dim=2).sample(9, torch.Generator().manual_seed(3))
    assert torch.equal(draw(picture), images.grid(expected, columns=3))
    assert torch.equal(draw(picture), draw(picture))


def test_interpolations_lead_from_mean_to_mean() -> None:
    data = TinyData()
    picture = draw(Interpolations(pairs=PAIRS, steps=4, **WHEN))
    first = 2 + images.BAND
    for row, (start, end) in enumerate(PAIRS):
        top = row * (2 + images.LINE)
        assert torch.equal(picture[:, top : top + 2, :2], data.images[start])
        assert torch.equal(picture[:, top : top + 2, -2:], data.images[end])
        for step in range(4):
            left = first + step * (2 + images.LINE)
            z = torch.lerp(data.images[start], data.images[end], step / 3).flatten()[:2]
            cell = picture[0, top : top + 2, left : left + 2]
            torch.testing.assert_close(cell, z.expand(2, 2))


def test_between_ends_exactly_at_both_ends() -> None:
    start, end = torch.rand(3, 2), torch.rand(3, 2)
    z = between(start, end, steps=10)
    assert z.shape == (3, 10, 2)
    assert torch.equal(z[:, 0], start)
    assert torch.equal(z[:, -1], end)


@pytest.mark.parametrize(
    ("labels", "pairs", "expected"),
    [
        ([7, 0, 1, 1, 7], [(1, 7), (7, 1)], [[2, 0], [4, 3]]),  # its second image the second time
        ([7, 0, 1, 1, 7], [(1, 1)], [[2, 3]]),
        ([7, 0, 1, 1, 7], [(1, 7), (0, 6)], [[2, 0], [2, 3]]),  # no 6
        (None, [(1, 7), (0, 6), (3, 8)], [[0, 1], [2, 3], [4, 0]]),
    ],
)
def test_find_pairs(labels: Any, pairs: list[tuple[int, int]], expected: list[list[int]]) -> None:
    tensor = None if labels is None else torch.tensor(labels)
    assert find_pairs(tensor, pairs, count=5).tolist() == expected


def test_latent_map_runs_right_and_upwards() -> None:
    picture = draw(LatentMap(steps=3, extent=1.0, **WHEN))
    pitch = 2 + images.LINE
    for row, up in enumerate([1.0, 0.0, -1.0]):
        for column, right in enumerate([-1.0, 0.0, 1.0]):
            cell = picture[0, row * pitch : row * pitch + 2, column * pitch : column * pitch + 2]
            assert cell.tolist() == [[right, up], [right, up]]  # decode repeats z


def test_latent_map_is_for_two_dimensions_only(tmp_path: Path) -> None:
    train(tmp_path, all_pictures(), latent_dim=3, max_epochs=2)
    assert drawn(tmp_path, "latent_map") == []
    assert drawn(tmp_path, "samples") == [0, 2]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Samples(num_images=9, columns=3, **{**WHEN, "every_n_epochs": 0}), "every_n"),
        (lambda: Samples(num_images=9, columns=3, **{**WHEN, "scale": 0}), "scale must be"),
        (lambda: Samples(num_images=0, columns=3, **WHEN), "num_images must be at least 1, got 0"),
        (lambda: Reconstructions(num_images=9, columns=0, **WHEN), "columns must be at least 1"),
        (lambda: Interpolations(pairs=[[1]], steps=4, **WHEN), "two labels each"),
        (lambda: Interpolations(pairs=PAIRS, steps=1, **WHEN), "steps must be at least 2, got 1"),
        (lambda: LatentMap(steps=3, extent=0.0, **WHEN), "extent must be above 0, got 0.0"),
        (lambda: Progress(refreshes_per_second=0), "refreshes_per_second must be above 0"),
    ],
)
def test_wrong_settings_are_named(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_no_data_module_is_said_at_setup() -> None:
    trainer: Any = SimpleNamespace(datamodule=None)
    with pytest.raises(ValueError, match=r"Call trainer\.fit\(module, datamodule"):
        Samples(num_images=9, columns=3, **WHEN).setup(trainer, TinyVAE(latent_dim=2), "fit")


# Progress.


def test_one_plain_line_per_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, [Progress(refreshes_per_second=4)], max_epochs=10)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"epoch  1/10  loss 161\.23  elbo/val -158\.90  \d+\.\d s", lines[0])
    assert re.fullmatch(r"epoch 10/10  loss 152\.23  elbo/val -158\.90  \d+\.\d s", lines[9])


def test_a_limit_in_steps_has_no_last_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [Progress(refreshes_per_second=4)], max_epochs=-1, max_steps=6)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1", "epoch 2"]


def test_values_that_are_missing_are_left_out() -> None:
    assert format_values({}) == ""
    assert format_values({"elbo/train": torch.tensor(-2.0)}) == "  elbo/train -2.00"
    both = {"elbo/train": -2.0, "elbo/val": -3.0, "loss/train": 2.0}
    assert format_values(both) == "  loss 2.00  elbo/val -3.00"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    # No fixture: between fixtures and test, pytest sets its own sys.stdout again.
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


def test_bar_on_a_terminal_leaves_one_line_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(monkeypatch)
    handlers = list(logging.root.handlers)
    train(tmp_path, [Progress(refreshes_per_second=1000)], max_epochs=2)
    shown = terminal.getvalue()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert "epoch 1/2" in plain
    assert "3/3" in plain
    assert re.search(r"epoch 2/2.*it/s  loss 161\.23  elbo/val -158\.90", plain)  # of epoch 1
    last = plain.splitlines()[-1].split("\r")[-1]
    assert re.fullmatch(r"epoch 2/2  loss 160\.23  elbo/val -158\.90  \d+\.\d s", last)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
    assert sys.stdout is terminal
    assert logging.root.handlers == handlers


def test_a_log_message_stands_on_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(monkeypatch)

    class Talk(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            logging.getLogger("vae_lab.test").warning("learning")

    handler = logging.StreamHandler(terminal)
    logging.root.addHandler(handler)
    try:
        train(tmp_path, [Progress(refreshes_per_second=1000), Talk()], max_epochs=1)
    finally:
        logging.root.removeHandler(handler)
    shown = terminal.getvalue()
    assert shown.count("learning\n") == 3
    assert shown.count(ERASE_LINE + "learning\n") == 3


def test_an_error_gives_the_terminal_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)

    class Fail(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        train(tmp_path, [Progress(refreshes_per_second=4), Fail()], max_epochs=1)
    assert sys.stdout is terminal
    shown = terminal.getvalue()
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
