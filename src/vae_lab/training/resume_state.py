"""What a run has to remember so that it can resume as if it had never stopped.

Weights, optimiser and schedule are in every checkpoint, and the noise of an epoch depends only on
(seed, epoch). What is left: how long the event files were, the latest metrics, and the time spent.
"""

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pytorch_lightning import Callback, LightningModule, Trainer

from vae_lab.checkpoints import check_moments, read_checkpoint
from vae_lab.epochs import training_ends
from vae_lab.errors import UserError
from vae_lab.loggers.base import RunLogger
from vae_lab.run_folder import BEST, LAST, PREVIOUS, RunFolder, RunResult
from vae_lab.training.signals import check_stopped

log = logging.getLogger(__name__)

KEY = "resume_state"


class ResumePoint(NamedTuple):
    """Where a run begins: a checkpoint, and the state that it holds; or nothing, at the start."""

    checkpoint: Path | None
    epochs_done: int
    state: dict[str, Any]

    @property
    def is_end(self) -> bool:
        """Whether all epochs are done: what is left are the last pictures and the test."""
        return bool(self.state.get("is_end"))


class FolderGone(RuntimeError):
    """The folder of a running run is not where it was."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(
            f"{folder.path} was removed or moved while the run used it: start it again, or resume "
            f"it with resume=FOLDER if you moved the folder."
        )


def check_in_place(folder: RunFolder) -> None:
    """Raises FolderGone if the folder of a run that began is gone."""
    if not folder.exists:
        raise FolderGone(folder)


class ResumeState(Callback):
    """Puts into each checkpoint what a resumed run needs beside weights and optimiser."""

    def __init__(self, *, point: ResumePoint) -> None:
        self._spent = float(point.state.get("seconds", 0.0))
        self._curves = dict(point.state.get("curves", {}))
        self._began = time.perf_counter()
        self._point = point
        self._max_steps = -1

    @property
    def seconds(self) -> float:
        """The time of the training so far, with what came before an interruption."""
        return self._spent + time.perf_counter() - self._began

    def curves(self, trainer: Trainer) -> dict[str, float]:
        """Returns the latest value of every metric, of whichever part of the run."""
        latest = {name: float(value) for name, value in trainer.callback_metrics.items()}
        return self._curves | latest

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._began = time.perf_counter()
        # What asked for the end before does not ask again.
        trainer.should_stop = self._point.is_end or bool(self._point.state.get("should_stop"))
        # With a limit of steps Lightning takes each checkpoint for one from inside an epoch, and
        # ends that epoch a second time. So it knows none until it has found out where it begins.
        self._max_steps = trainer.max_steps
        if self._point.checkpoint is not None:
            trainer.fit_loop.epoch_loop.max_steps = -1

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.fit_loop.epoch_loop.max_steps = self._max_steps
        for optimizer in trainer.optimizers:
            check_moments(optimizer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._point.is_end:
            trainer.fit_loop.epoch_loop.max_steps = self._max_steps
            # For Lightning the epoch is not over: the checkpoint was written in its last hook.
            trainer.fit_loop.epoch_progress.current.completed = self._point.epochs_done

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # A signal's exception is lost where it is raised inside a destructor.
        check_stopped()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Before the others write files that would never be complete.
        check_in_place(RunFolder(Path(trainer.default_root_dir)))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint[KEY] = {
            "seconds": self.seconds,
            "curves": self.curves(trainer),
            # Nothing is left then but the last pictures and the test.
            "is_end": training_ends(trainer),
            # It may have to wait for trainer.min_epochs.
            "should_stop": trainer.should_stop,
            # In the order of the configuration, which is that of a resumed run.
            "loggers": [
                logger.state_dict() if isinstance(logger, RunLogger) else {}
                for logger in trainer.loggers
            ],
        }


def find_resume_point(folder: RunFolder, result: RunResult) -> ResumePoint:
    """Returns where the run of a folder resumes: after the last epoch that is whole on disk.

    A checkpoint of a shorter run that it continues is its own, and not its end.
    """
    shorter = result.continues.values()
    # The newest first; the one before is for a file that was cut off by a kill or a full disk.
    for name in (LAST, PREVIOUS):
        path = folder.checkpoints / name
        if not path.exists():
            continue
        try:
            checkpoint = read_checkpoint(path)
            # The best weights lie in a file of their own: they belong to this state.
            if _keeps_best(checkpoint):
                read_checkpoint(folder.checkpoints / BEST)
        except UserError as error:
            log.warning("%s An earlier state is taken.", error)
            continue
        # Not of another configuration.
        state = checkpoint.get(KEY)
        hash_ = checkpoint.get("config_hash")
        if hash_ in (result.config_hash, *shorter) and isinstance(state, dict):
            state = {**state, "is_end": False} if hash_ in shorter else state
            return ResumePoint(path, checkpoint["epoch"] + 1, state)
    return ResumePoint(None, 0, {})


def restore_loggers(loggers: Iterable[Any], point: ResumePoint) -> None:
    """Takes the loggers of a run back to where its checkpoint was written."""
    loggers = list(loggers)
    states = point.state.get("loggers", [])
    for number, logger in enumerate(loggers):
        if isinstance(logger, RunLogger):
            logger.load_state_dict(states[number] if len(states) == len(loggers) else {})


def _keeps_best(checkpoint: dict[str, Any]) -> bool:
    states = checkpoint.get("callbacks", {}).values()
    paths = [state.get("best_model_path", "") for state in states if isinstance(state, dict)]
    return any(Path(path).name == BEST for path in paths)
