"""A training on one processor, without the hooks of Lightning that nobody has.

Lightning asks every callback and the model before and after each part of a step, and its profiler
about each question. Most hooks do nothing, and a step of a small model is short.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from inspect import signature
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.core.hooks import DataHooks
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.optim import Optimizer

_BACKWARD = ("on_before_backward", "on_after_backward")
_STEP = ("on_before_optimizer_step", "configure_gradient_clipping")
_TRANSFER = ("on_after_batch_transfer",)


class NoProfiler(PassThroughProfiler):
    """Measures nothing, and makes no context for each thing that it does not measure."""

    _nothing = nullcontext("")

    def profile(self, action_name: str) -> AbstractContextManager[str]:  # type: ignore[override]
        # Lightning's makes a generator each time.
        return self._nothing


class OneProcessor(SingleDeviceStrategy):
    """Lightning's strategy for one processor, which leaves out hooks that have no effect.

    Those of callbacks, model and data module are looked for when a training is set up.
    """

    _is_backward_free = _is_step_free = _is_transfer_free = False

    def setup(self, trainer: Trainer) -> None:
        super().setup(trainer)
        self._is_backward_free = not _has_any(trainer, _BACKWARD)
        self._is_step_free = not _has_any(trainer, _STEP)
        self._is_transfer_free = not _has_any(trainer, _TRANSFER)
        # Lightning asks in every step which arguments it takes: the answer is kept.
        training_step: Any = type(trainer.lightning_module).training_step
        training_step.__signature__ = signature(training_step)

    def backward(
        self, closure_loss: Tensor, optimizer: Optimizer | None, *args: Any, **kwargs: Any
    ) -> Tensor:
        if not self._is_backward_free:
            return super().backward(closure_loss, optimizer, *args, **kwargs)
        assert self.lightning_module is not None
        given = closure_loss, self.lightning_module, optimizer
        self.precision_plugin.backward(*given, *args, **kwargs)
        return closure_loss.detach()

    def optimizer_step(
        self, optimizer: Optimizer, closure: Callable[[], Any], model: Any = None, **kwargs: Any
    ) -> Any:
        module = self.lightning_module
        # Clipping comes between the gradients and the step.
        if self._is_step_free and module is not None and not module.trainer.gradient_clip_val:
            return optimizer.step(closure=closure, **kwargs)
        return super().optimizer_step(optimizer, closure, model, **kwargs)

    def batch_to_device(self, batch: Any, device: Any = None, dataloader_idx: int = 0) -> Any:
        # It is there.
        if self._is_transfer_free:
            return batch
        return super().batch_to_device(batch, device, dataloader_idx)


def without_unused_hooks(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what to give a Trainer in place of some of these arguments."""
    # The report of a profiler has all parts of a step.
    if arguments.get("profiler"):
        return {}
    one = arguments["accelerator"] == "cpu" and str(arguments["devices"]) in ("1", "auto")
    is_plain = one and arguments.get("strategy", "auto") == "auto"
    return {"profiler": NoProfiler(), **({"strategy": OneProcessor()} if is_plain else {})}


def _has_any(trainer: Trainer, hooks: tuple[str, ...]) -> bool:
    """Tells whether one of the parts of a training has a hook of its own among these."""
    # Lightning's Trainer sets both attributes from elsewhere.
    parts = [trainer.lightning_module, trainer.datamodule, *trainer.callbacks]  # type: ignore[attr-defined]
    kinds = (Callback, LightningModule, DataHooks)
    none = [getattr(kind, hook) for kind in kinds for hook in hooks if hasattr(kind, hook)]
    found = [getattr(part, hook) for part in parts for hook in hooks if hasattr(part, hook)]
    # A hook that was set on an object, and not by its class, has no such function.
    return any(getattr(hook, "__func__", None) not in none for hook in found)
