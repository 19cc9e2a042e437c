"""Each of Trainer's arguments that a person may set has its effect: a test of its name."""

import os
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from fits import Fit
from pytorch_lightning.callbacks import Timer
from pytorch_lightning.strategies import DDPStrategy
from runs import train
from stripes import small_config

from vae_lab.config.trainer_rules import TRAINER_ARGUMENTS
from vae_lab.epochs import share_done
from vae_lab.run_folder import RunFolder
from vae_lab.training.ending import ended_by, limit_warnings
from vae_lab.training.trainer import build_trainer

# The stripes: 80 training images in 3 batches of 32, 32 and 16, and 20 validation images.


def test_every_argument_has_a_test() -> None:
    assert {f"test_{name}" for name in TRAINER_ARGUMENTS} <= globals().keys()


def test_max_epochs(tmp_path: Path) -> None:
    fit = Fit(tmp_path, "max_epochs=3")
    assert fit.notes.epochs == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert ended_by(fit.trainer) == "max_epochs"


def test_max_steps(tmp_path: Path) -> None:
    result, folder = train(
        tmp_path, "trainer.max_epochs=3", "trainer.max_steps=5", "callbacks=none", "logger=csv"
    )
    # The second epoch is cut short, and judged like the first.
    rows = (folder / "metrics.csv").read_text().splitlines()
    header, points = rows[0].split(","), [row.split(",") for row in rows[1:]]
    by_name = [dict(zip(header, row, strict=True)) for row in points]
    for name in ("loss/train", "elbo/train", "elbo/val"):
        assert [row["step"] for row in by_name if row[name]] == ["1", "2"]
        assert len({row[name] for row in by_name if row[name]}) == 2
    assert (result.epochs, result.steps, result.ended_by) == (2, 5, "max_steps")
    assert result.protocol["weights_epoch"] == 2
    last = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 5


def test_the_rate_is_planned_for_the_steps_that_there_are(tmp_path: Path) -> None:
    rates = [Fit(tmp_path / steps, f"max_steps={steps}").notes.rates for steps in ("5", "6")]
    # After the last step it is at its end, wherever in an epoch that is.
    assert rates[0][-1] == pytest.approx(rates[1][-1])
    assert rates[0][-1] < 1e-3 * max(rates[0])


def test_a_limit_of_steps_that_is_not_reached_is_said(tmp_path: Path) -> None:
    fit = Fit(tmp_path, "max_steps=100")
    (warning,) = limit_warnings(fit.trainer)
    assert "max_steps=100 is not reached" in warning and "after 6 steps" in warning


def test_max_time(tmp_path: Path) -> None:
    result, _ = train(
        tmp_path, "trainer.max_epochs=100000", "trainer.max_time={seconds:1}", "callbacks=none"
    )
    assert result.ended_by == "max_time"
    assert (result.epochs or 0) < 100_000


@pytest.mark.parametrize(
    ("elapsed", "share"), [(0.0, 0.01), (0.3, 0.01), (30.0, 0.5), (60.0, 1.0), (61.0, 1.0)]
)
def test_the_share_that_is_done_is_that_of_the_time_if_it_is_more(
    elapsed: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Timer, "time_elapsed", lambda *_: elapsed)
    limited = pl.Trainer(max_time={"minutes": 1}, logger=False, enable_checkpointing=False)
    assert share_done(limited, 10, 1000) == pytest.approx(share)
    free = pl.Trainer(logger=False, enable_checkpointing=False)
    assert share_done(free, 10, 1000) == pytest.approx(0.01)


def test_min_epochs(tmp_path: Path) -> None:
    fit = Fit(tmp_path, "max_epochs=4", "min_epochs=2", stop=True)
    assert fit.notes.epochs[-1] == 1 and fit.notes.validations[-1] == (1, 1)
    assert ended_by(fit.trainer) == "a callback that asked for it"


def test_min_steps(tmp_path: Path) -> None:
    assert Fit(tmp_path / "with", "min_steps=4", stop=True).notes.steps[-1] == 4
    assert Fit(tmp_path / "without", stop=True).notes.steps[-1] == 1


def test_check_val_every_n_epoch(tmp_path: Path) -> None:
    fit = Fit(tmp_path, "max_epochs=5", "check_val_every_n_epoch=2")
    # The last one too: its weights are judged.
    assert [epoch for epoch, _ in fit.notes.validations] == [1, 3, 4]


def test_limit_train_batches(tmp_path: Path) -> None:
    assert Fit(tmp_path, "limit_train_batches=2").notes.epochs == [0, 0, 1, 1]


def test_limit_val_batches(tmp_path: Path) -> None:
    assert Fit(tmp_path / "none", "limit_val_batches=0").notes.validations == []
    fit = Fit(tmp_path / "one", "limit_val_batches=1")
    assert [batches for _, batches in fit.notes.validations] == [1, 1]


def test_num_sanity_val_steps(tmp_path: Path) -> None:
    fit = Fit(tmp_path, "num_sanity_val_steps=1")
    assert fit.notes.validations[0] == (-1, 1) and len(fit.notes.validations) == 3


def test_overfit_batches(tmp_path: Path) -> None:
    rows = Fit(tmp_path / "one", "overfit_batches=1").notes.rows
    assert len(rows) == 2 and rows[0] == rows[1]
    every = Fit(tmp_path / "all").notes.rows
    assert every[0] == rows[0] and every[0] != every[3]


def test_accumulate_grad_batches(tmp_path: Path) -> None:
    assert Fit(tmp_path / "two", "accumulate_grad_batches=2").notes.steps == [0, 1, 2, 2, 3, 4]
    beyond = Fit(tmp_path / "beyond", "accumulate_grad_batches=50")
    assert beyond.notes.steps[-1] == 2
    (warning,) = limit_warnings(beyond.trainer)
    assert "accumulate_grad_batches=50 is more than the 3 batches" in warning


def test_gradient_clip_val(tmp_path: Path) -> None:
    assert max(Fit(tmp_path / "clipped", "gradient_clip_val=0.5").notes.norms) <= 0.5001
    assert max(Fit(tmp_path / "free").notes.norms) > 1


def test_gradient_clip_algorithm(tmp_path: Path) -> None:
    clip = ("gradient_clip_val=0.01", "gradient_clip_algorithm=value")
    notes = Fit(tmp_path, *clip).notes
    assert max(notes.largest) == pytest.approx(0.01) and max(notes.norms) > 0.011


@pytest.mark.parametrize(
    ("override", "flag"),
    [("detect_anomaly=true", "anomaly"), ("deterministic=true", "deterministic"),
     ("benchmark=true", "benchmark")],
)  # fmt: skip
def test_flags_of_torch(override: str, flag: str, tmp_path: Path) -> None:
    before = torch.backends.cudnn.benchmark
    try:
        assert Fit(tmp_path / "on", override).notes.flags[flag]
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = before
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
    assert not Fit(tmp_path / "off").notes.flags[flag]


test_detect_anomaly = test_deterministic = test_benchmark = test_flags_of_torch


@pytest.mark.parametrize("kind", ["simple", "advanced"])
def test_profiler(kind: str, tmp_path: Path) -> None:
    Fit(tmp_path, f"profiler={kind}")
    (report,) = tmp_path.glob("*profile*.txt")
    assert "run_training_batch" in report.read_text()
    assert not list(Fit(tmp_path / "none").folder.glob("*profile*"))


def test_enable_checkpointing(tmp_path: Path) -> None:
    assert not list(Fit(tmp_path / "off", "enable_checkpointing=false").folder.rglob("*.ckpt"))
    assert list(Fit(tmp_path / "on").folder.rglob("*.ckpt"))


def test_enable_progress_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Fit(tmp_path / "off", "enable_progress_bar=false")
    assert "epoch" not in capsys.readouterr().out
    Fit(tmp_path / "on", "enable_progress_bar=true")
    assert "epoch 2/2" in capsys.readouterr().out


def test_enable_model_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Fit(tmp_path, "enable_model_summary=true")
    assert "decoder" in capsys.readouterr().out


def test_log_every_n_steps(tmp_path: Path) -> None:
    # Only its default is allowed, see tests/config: nothing is logged per step.
    trainer = Fit(tmp_path, "log_every_n_steps=0").trainer
    assert getattr(trainer, "log_every_n_steps", None) == 0


def test_precision(tmp_path: Path) -> None:
    weights = [
        Fit(tmp_path / kind, f"precision={kind}").model.decode(torch.zeros(1, 2))
        for kind in ("32-true", "32", "bf16-mixed")
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_the_precision_that_was_used_is_recorded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = ("callbacks=none", "logger=none", "trainer.max_epochs=1")
    half, _ = train(tmp_path / "half", *short, "trainer.precision=16-mixed")
    # There is no fp16 on a processor.
    assert half.precision == "bf16-mixed"
    assert "trainer.precision=16-mixed" in caplog.text
    plain, _ = train(tmp_path / "plain", *short, "trainer.precision=32")
    assert plain.precision == "32-true"


def test_accelerator(tmp_path: Path) -> None:
    assert Fit(tmp_path, "accelerator=cpu").trainer.strategy.root_device.type == "cpu"


def test_devices(tmp_path: Path) -> None:
    config, _ = small_config(tmp_path, "trainer=ddp", "trainer.devices=3")
    trainer = build_trainer(config, RunFolder(tmp_path), trust=True)
    assert trainer.num_devices == 3 and trainer.world_size == 3


def test_strategy(tmp_path: Path) -> None:
    config, _ = small_config(tmp_path, "trainer.strategy=ddp", "trainer.devices=2")
    trainer = build_trainer(config, RunFolder(tmp_path), trust=True)
    assert isinstance(trainer.strategy, DDPStrategy)
