"""Why a training ended, what is said then, and which of its limits cannot be reached."""

import logging
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping, Timer

from vae_lab.config.remarks import remarks_in_words
from vae_lab.epochs import callbacks_of
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.terminal import printable

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


def announce_end(result: RunResult, folder: RunFolder) -> None:
    """Logs why the training ended, the test bound, and what the person says about the run."""
    if result.ended_by != "max_epochs":
        log.info(
            "%s: the training ended in epoch %s, after step %s: %s",
            *(result.name, result.epochs, result.steps, result.ended_by),
        )
    log.info(
        "%s: test elbo %.2f = -(recon %.2f + kl %.2f) nats per image, %.1f s, in %s",
        result.name,
        *(result.metrics[f"{name}/test"] for name in ("elbo", "recon", "kl")),
        result.seconds["total"],
        folder.path,
    )
    if remarks := remarks_in_words(result.note, result.tags):
        log.info("%s: %s", result.name, printable(remarks))
