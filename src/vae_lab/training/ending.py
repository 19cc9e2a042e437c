"""Why a training ended, and which of its limits cannot be reached."""

import logging
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, Timer

from vae_lab.epochs import callbacks_of

log = logging.getLogger(__name__)


class LimitWarnings(Callback):
    """Warns before the training of limits that cannot have their effect."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.is_global_zero:
            for warning in limit_warnings(trainer):
                log.warning(warning)


def limit_warnings(trainer: Trainer) -> list[str]:
    """Returns a sentence for each limit without effect; the trainer is about to train."""
    batches, steps = trainer.num_training_batches, trainer.estimated_stepping_batches
    warnings = []
    if trainer.max_steps > steps:
        warnings.append(
            f"trainer.max_steps={trainer.max_steps} is not reached: trainer.max_epochs="
            f"{trainer.max_epochs} ends the training after {steps} steps. Raise trainer.max_epochs."
        )
    if trainer.accumulate_grad_batches > batches:
        warnings.append(
            f"trainer.accumulate_grad_batches={trainer.accumulate_grad_batches} is more than the "
            f"{batches} batches of an epoch: each epoch makes one step with all of them."
        )
    return warnings


def ending(trainer: Trainer) -> dict[str, Any]:
    """Returns the fields of `result.json` that say how far a training came."""
    steps = trainer.global_step
    return {"epochs": trainer.current_epoch, "steps": steps, "ended_by": ended_by(trainer)}


def ended_by(trainer: Trainer) -> str:
    """Returns which limit ended a training, with details after a colon if it has any."""
    max_epochs = trainer.max_epochs
    if trainer.is_last_batch and max_epochs is not None and max_epochs == trainer.current_epoch:
        return "max_epochs"
    if 0 <= trainer.max_steps <= trainer.global_step:
        return "max_steps"
    if any((timer.time_remaining() or 1) <= 0 for timer in callbacks_of(trainer, Timer)):
        return "max_time"
    reasons = [stop.stopping_reason_message for stop in callbacks_of(trainer, EarlyStopping)]
    texts = [" ".join(reason.split()) for reason in reasons if reason]
    return f"early_stopping: {texts[0]}" if texts else "a callback that asked for it"
