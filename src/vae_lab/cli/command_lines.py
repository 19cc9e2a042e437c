"""Command lines: what one says, and the text of those that repeat a run or go on with it."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.utils import get_args_parser

from vae_lab.config.compose import key_of
from vae_lab.errors import UserError

PROGRAM = ("python", "-m", "vae_lab")

RESUME, TRUST = "resume", "trust"


@dataclass(frozen=True)
class CommandLine:
    """The words of a command line, taken apart."""

    overrides: tuple[str, ...]
    multirun: bool
    config_dir: str | None
    config_name: str | None
    show: tuple[str, ...]  # what Hydra shows of the configuration instead of a run: --cfg, --info
    asks_hydra: bool  # for help or completion, which need no job

    @property
    def asks_to_resume(self) -> bool:
        """Whether it names a run to go on with."""
        return any(key_of(line) == RESUME for line in self.overrides)

    @property
    def flags(self) -> list[str]:
        """The flags that choose the configuration."""
        flags = {"--config-dir": self.config_dir, "--config-name": self.config_name}
        return [
            word for flag, value in flags.items() if value is not None for word in (flag, value)
        ]

    def for_hydra(self, overrides: Sequence[str], *, multirun: bool) -> list[str]:
        """Returns the words for Hydra: the person's own flags, with what was decided for them."""
        return [*["--multirun"] * multirun, *self.flags, *self.show, *overrides]

    def repeat_sweep(self, root: Path) -> str:
        """Returns the command line that repeats the sweep in the folder `root`, or goes on."""
        words = [*PROGRAM, *self.flags, "-m", *self.overrides]
        if not {"sweep_name", "hydra.sweep.dir"} & {key_of(line) for line in self.overrides}:
            words.append(f"sweep_name={root.name}")
        return shlex.join(words)


def parse_words(argv: Sequence[str]) -> CommandLine:
    """Returns Hydra's flags and the overrides of a command line.

    Raises:
        UserError: where it has a flag that does not exist.
    """
    parser = get_args_parser()

    def refuse(message: str) -> Any:
        raise UserError(f"{message}: see python -m vae_lab --help.")

    parser.error = refuse  # type: ignore[method-assign]
    words = parser.parse_intermixed_args(list(argv))
    show = []
    for flag in ("cfg", "info", "package"):
        if value := getattr(words, flag):
            show += [f"--{flag}", value]
    return CommandLine(
        overrides=tuple(words.overrides),
        multirun=bool(words.multirun),
        config_dir=words.config_dir,
        config_name=words.config_name,
        show=(*show, *["--resolve"] * bool(words.resolve)) if words.cfg or words.info else (),
        asks_hydra=bool(words.help or words.hydra_help or words.shell_completion),
    )


def command_of(overrides: Sequence[str]) -> str:
    """Returns the command line that repeats one job, without the names that were made for it."""
    own = [line.lstrip("+") for line in overrides if key_of(line) not in ("run_name", "sweep_name")]
    return shlex.join([*PROGRAM, *own])


def command_to_resume(folder: Path, *, trust: bool) -> str:
    """Returns the command line that goes on with the run of a folder."""
    path = str(folder) if re.fullmatch(r"[\w./-]+", str(folder)) else quoted(folder)
    return shlex.join([*PROGRAM, f"{RESUME}={path}", *[f"{TRUST}=true"] * trust])


def tensorboard_command(folder: Path) -> str:
    """Returns the command that opens TensorBoard on a folder."""
    return f"python -m vae_lab.board {shlex.quote(str(folder))}"


def quoted(value: object) -> str:
    """Returns a text as a value of Hydra's grammar, in quotes."""
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
