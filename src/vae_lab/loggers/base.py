"""What the loggers of a run have in common: a row that is opened and closed, and their state."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

from omegaconf import OmegaConf
from pytorch_lightning.loggers import Logger
from torch import Tensor

from vae_lab.loggers import hparams
from vae_lab.run_folder import RunResult


@runtime_checkable
class PictureLogger(Protocol):
    """A logger that takes pictures. Loggers without this method are passed over."""

    def log_picture(self, tag: str, picture: Tensor, *, step: int, description: str) -> None:
        """Logs a picture of bytes, (C, H, W) on the CPU, at a step, with a text about it."""


@runtime_checkable
class HistogramLogger(Protocol):
    """A logger that takes histograms. Loggers without this method are passed over."""

    def log_histogram(self, tag: str, values: Tensor, *, step: int) -> None:
        """Logs how values (any shape, on the CPU) are distributed."""


def _without_epoch(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {tag: float(value) for tag, value in metrics.items() if tag != "epoch"}


@runtime_checkable
class Rememberer(Protocol):
    """A logger that can go on exactly where a checkpoint was written."""

    def state(self) -> dict[str, Any]:
        """Returns numbers and texts that say how far it has come, all of it on disk."""

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back whatever came later; all of it, where the state is empty."""


@contextmanager
def session(
    loggers: Sequence[Logger], config: Mapping[str, Any], result: RunResult, *, is_new: bool
) -> Iterator[None]:
    """Opens a run's row in the loggers that keep one, and closes it with how the run ended."""
    keepers: list[Any] = [logger for logger in loggers if hasattr(logger, "start_session")]
    # A run that goes on has its row already.
    for keeper in keepers if is_new else []:
        keeper.start_session(hparams.values(config, result.choices))
        keeper.log_text("command", f"```\n{_one_word_a_line(result.command)}\n```")
        keeper.log_text("config", f"```yaml\n{OmegaConf.to_yaml(dict(config))}```")
    status = "failure"
    try:
        yield
        status = "success"
    finally:
        for keeper in keepers:
            keeper.end_session(status)


def _one_word_a_line(command: str) -> str:
    """Returns a command that a shell reads the same: TensorBoard cuts long lines off."""
    words = shlex.split(command)
    return " \\\n  ".join([shlex.join(words[:3]), *map(shlex.quote, words[3:])])


def _pixels(picture: Tensor) -> Any:
    """Returns bytes (C, H, W) as an array, (H, W) where they are grey, else (H, W, C)."""
    return picture[0].numpy() if len(picture) == 1 else picture.permute(1, 2, 0).numpy()
