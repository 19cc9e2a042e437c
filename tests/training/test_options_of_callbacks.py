"""The options of conf/callbacks that change a training: when it ends, and which weights count."""

from pathlib import Path
from typing import Any

import killable
import pytest
import torch
from runs import train

import vae_lab
from vae_lab.checkpoints import read_checkpoint
from vae_lab.errors import Stopped
from vae_lab.training import resume_state

LONG = ("trainer.max_epochs=6", "threads=1", "report=null", "logger=none")


def test_early_stopping_ends_a_run_whose_bound_has_stopped_rising(tmp_path: Path) -> None:
    stopping = ("callbacks=[progress,early_stopping]", "callbacks.early_stopping.patience=2")
    # No epoch is better by as much as this: the first is the best, and two more are waited for.
    result, _ = train(tmp_path / "a", *LONG, *stopping, "callbacks.early_stopping.min_delta=1e6")
    assert result.epochs == 3
    assert result.ended_by is not None and result.ended_by.startswith("early_stopping")
    # One that rises goes on to its end.
    result, _ = train(tmp_path / "b", *LONG, *stopping)
    assert (result.epochs, result.ended_by) == (6, "max_epochs")


def test_averaged_weights_lag_behind_the_last(tmp_path: Path) -> None:
    averaging = ("callbacks=[progress,ema]", "callbacks.weight_averaging.decay=1")
    _, plain = train(tmp_path / "a", *LONG, "callbacks=none")
    # With a decay of 1 the average stays where it began, with the first step.
    _, averaged = train(tmp_path / "b", *LONG, *averaging)
    first, last = (
        read_checkpoint(folder / "checkpoints" / "best.ckpt")["state_dict"]
        for folder in (averaged, plain)
    )
    assert first.keys() == last.keys()
    assert not any(torch.equal(first[name], last[name]) for name in first)


AVERAGED = (*LONG, "callbacks=[progress,ema]", "callbacks.weight_averaging.decay=0.9")


def test_the_averaged_weights_are_those_that_are_tested(tmp_path: Path) -> None:
    result, folder = train(tmp_path, *AVERAGED, "logger=tensorboard")
    checkpoint = read_checkpoint(folder / "checkpoints" / "best.ckpt")
    averaged, last = checkpoint["state_dict"], checkpoint["current_model_state"]
    assert not any(
        torch.equal(averaged[name], last[f"module.{name}"])
        for name in averaged
        if f"module.{name}" in last
    )
    model = vae_lab.load(folder, trust=True)
    assert all(torch.equal(averaged[name], it) for name, it in model.model.state_dict().items())
    # The bound that chose them, of the same images and noise, is that of the loaded weights.
    curve = killable.curves(folder)["elbo/val"]
    assert result.metrics["elbo/val"] == pytest.approx(max(value for _, value in curve), rel=1e-5)


def test_a_run_with_averaged_weights_is_resumed_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = train(tmp_path / "whole", *AVERAGED, "run_name=run")

    def stop(self: resume_state.ResumeState, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch == 3:
            raise Stopped(15)

    with monkeypatch.context() as patch:
        patch.setattr(resume_state.ResumeState, "on_train_batch_start", stop)
        with pytest.raises(Stopped):
            train(tmp_path / "stopped", *AVERAGED, "run_name=run")
    result, stopped = train(tmp_path / "stopped", *AVERAGED, "run_name=run")
    assert result.resumed_after == [3]
    assert killable.fingerprint(stopped) == killable.fingerprint(whole)
    # Both sets of weights that a checkpoint holds: the average, and the one that is trained.
    weights = [
        killable.tensors(read_checkpoint(folder / "checkpoints" / "last.ckpt")[key], "")
        for key in ("state_dict", "current_model_state")
        for folder in (stopped, whole)
    ]
    assert weights[0] == weights[1] and weights[2] == weights[3] and weights[0] != weights[2]
