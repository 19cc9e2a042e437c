"""The options of conf/callbacks that change a training: when it ends, and which weights count."""

from pathlib import Path

import torch
from runs import train

from vae_lab.checkpoints import read_checkpoint

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
