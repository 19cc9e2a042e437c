"""What the loggers of a run have in common: a row that is opened and closed, and their state."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from pytorch_lightning.loggers import Logger
from torch import Tensor

from vae_lab.config.remarks import remarks_in_words
from vae_lab.loggers import hparams
from vae_lab.run_folder import RunResult


class RunLogger:
    """What a logger can do beside Lightning's scalars. By default it does nothing of it.

    A subclass names it before Lightning's class. Loggers that are not a RunLogger get scalars only.
    Of several processes, the first one opens, closes and logs.
    """

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing: Lightning passes whatever a module saved; `open_run` has the run's."""

    def finalize(self, status: str = "success") -> None:
        """Does nothing: Lightning calls it after fit, and the test comes later; see `close_run`."""

    def open_run(self, hparams: Mapping[str, Any]) -> None:
        """Opens the run's row with its hyper-parameters; called once, before training."""

    def close_run(self, status: str) -> None:
        """Closes the row with "success" or "failure"; called once, when all else is logged."""

    def log_text(self, tag: str, text: str) -> None:
        """Logs a text in Markdown."""

    def log_picture(self, tag: str, picture: np.ndarray, *, step: int, description: str) -> None:
        """Logs a picture of bytes, (H, W) or (H, W, 3), at a step, with a text about it."""

    def log_histogram(self, tag: str, values: Tensor, *, step: int) -> None:
        """Logs how values (any shape, on the CPU, all finite) are distributed."""

    def state_dict(self) -> dict[str, Any]:
        """Returns numbers and texts that say how far it has come, all of it on disk."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back whatever came after a state; all of it, if the state is empty."""


def without_epoch(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Returns metrics without Lightning's own "epoch", as plain numbers."""
    return {tag: float(value) for tag, value in metrics.items() if tag != "epoch"}


@contextmanager
def logged_run(
    loggers: Sequence[Logger], config: Mapping[str, Any], result: RunResult, *, is_new: bool
) -> Iterator[None]:
    """Opens a run's row in the loggers that keep one, and closes it with how the run ended."""
    run_loggers = [logger for logger in loggers if isinstance(logger, RunLogger)]
    # A resumed run has its row already.
    for logger in run_loggers if is_new else []:
        logger.open_run(hparams.values(config, result.choices))
        logger.log_text("command", f"```\n{_folded(result.command)}\n```")
        if remarks := remarks_in_words(result.note, result.tags):
            # Indented by four: a text as it is, whatever signs of Markdown and HTML it has.
            logger.log_text("note", f"    {remarks}")
        logger.log_text("config", f"```yaml\n{OmegaConf.to_yaml(dict(config))}```")
    try:
        yield
    except BaseException:
        for logger in run_loggers:
            # On a full disk this fails too, and the first error tells more.
            with suppress(Exception):
                logger.close_run("failure")
        raise
    for logger in run_loggers:
        logger.close_run("success")


def _folded(command: str) -> str:
    """Returns a command that a shell reads the same, on lines that TensorBoard does not cut."""
    words = shlex.split(command)
    return " \\\n  ".join([shlex.join(words[:3]), *map(shlex.quote, words[3:])])
