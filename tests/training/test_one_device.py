"""Hooks of Lightning that nobody has are left out, and one that somebody has is called."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from fits import Fit
from pytorch_lightning.callbacks import LambdaCallback
from pytorch_lightning.profilers import SimpleProfiler
from pytorch_lightning.strategies import SingleDeviceStrategy

from vae_lab.training.one_device import NoProfiler, OneProcessor
from vae_lab.vae import VAE

HOOKS = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")


class Listener(pl.Callback):
    """Notes the hooks that it has, of each batch."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_before_backward(self, *_: Any) -> None:
        self.calls.append("on_before_backward")

    def on_after_backward(self, *_: Any) -> None:
        self.calls.append("on_after_backward")

    def on_before_optimizer_step(self, *_: Any) -> None:
        self.calls.append("on_before_optimizer_step")


def test_hooks_of_callbacks_are_called_in_their_order(tmp_path: Path) -> None:
    listener = Listener()
    fit = Fit(tmp_path, more=[listener])
    assert isinstance(fit.trainer.strategy, OneProcessor)
    assert listener.calls == list(HOOKS) * 6


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_was_set_on_an_object_is_called(hook: str, tmp_path: Path) -> None:
    calls: list[str] = []
    callback = LambdaCallback(**{hook: lambda *_: calls.append(hook)})
    Fit(tmp_path, more=[callback])
    assert calls == [hook] * 6


def test_hooks_change_no_weight(tmp_path: Path) -> None:
    weights = [
        Fit(tmp_path / name, *overrides, more=more).model.state_dict()
        for name, overrides, more in (
            ("none", (), ()),
            ("listener", (), (Listener(),)),
            # Lightning's own strategy.
            ("profiler", ("profiler=simple",), ()),
        )
    ]
    assert all(torch.equal(weights[0][name], it[name]) for it in weights[1:] for name in it)


def test_a_report_has_all_parts_of_a_step(tmp_path: Path) -> None:
    fit = Fit(tmp_path, "profiler=simple")
    assert type(fit.trainer.strategy) is SingleDeviceStrategy
    profiler = fit.trainer.profiler  # type: ignore[attr-defined]  # set from elsewhere
    assert isinstance(profiler, SimpleProfiler) and not isinstance(profiler, NoProfiler)
    (report,) = tmp_path.glob("*profile*.txt")
    names = ("SingleDeviceStrategy.training_step", "VAE.on_before_backward", "VAE.optimizer_step")
    text = report.read_text()
    assert all(name in text for name in names)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_the_precision_is_still_that_of_the_trainer(precision: str, tmp_path: Path) -> None:
    fit = Fit(tmp_path, f"precision={precision}")
    assert isinstance(fit.trainer.strategy, OneProcessor) and fit.trainer.precision == precision


class Zeroing(torch.optim.SGD):
    """Sets gradients to zero, not to none."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none=False)


@pytest.mark.parametrize(("kind", "expected"), [(torch.optim.SGD, None), (Zeroing, 0.0)])
def test_an_optimizer_may_clear_gradients_in_its_own_way(kind: Any, expected: Any) -> None:
    weight = torch.nn.Parameter(torch.ones(()))
    weight.grad = torch.ones(())
    model: Any = None  # it is not asked
    VAE.optimizer_zero_grad(model, 0, 0, kind([weight], lr=0.1))
    assert weight.grad == expected
