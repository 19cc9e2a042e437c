"""A run's row in the loggers that keep one: opened when it begins, closed with how it ended."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from omegaconf import OmegaConf
from pytorch_lightning.loggers import Logger

from vae_lab import columns


@contextmanager
def session(
    loggers: Sequence[Logger], config: Mapping[str, Any], result: Mapping[str, Any], *, is_new: bool
) -> Iterator[None]:
    """Opens a run's row in the loggers that keep one, and closes it with how the run ended."""
    keepers: list[Any] = [logger for logger in loggers if hasattr(logger, "start_session")]
    # A run that goes on has its row already.
    for keeper in keepers if is_new else []:
        keeper.start_session(columns.values(config, result["choices"]))
        keeper.log_text("command", f"```\n{_one_word_a_line(result['command'])}\n```")
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
