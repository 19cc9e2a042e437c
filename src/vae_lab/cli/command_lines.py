"""Command lines: their parts, and the text of those that repeat or resume a run."""

import re
import shlex
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from hydra._internal.utils import get_args_parser

from vae_lab.config.compose import key_of
from vae_lab.config.overrides import quoted
from vae_lab.errors import UserError
from vae_lab.ownership import EXPLORER
from vae_lab.terminal import in_this_shell

PROGRAM = ("python", "-m", "vae_lab")

RESUME, TRUST, DATA_PATH = "resume", "trust", "data.path"
DRY_RUN = "--dry-run"


def in_shell(words: Sequence[str]) -> str:
    """Returns the words of a command line as a person's shell takes them."""
    return in_this_shell(shlex.join([*PROGRAM, *words]))


class Interface(NamedTuple):
    """Where a person types."""

    # The words of a command line -> what to type.
    typed: Callable[[Sequence[str]], str]
    to_sweep: str  # what asks for a sweep


SHELL = Interface(in_shell, "add -m")


@dataclass(frozen=True)
class CommandLine:
    """The parts of a command line."""

    overrides: tuple[str, ...]
    multirun: bool
    config_dir: str | None
    config_name: str | None
    show: tuple[str, ...]  # what Hydra shows of the configuration instead of a run: --cfg, --info
    asks_help: bool  # the overrides are then what it is about
    asks_hydra: bool  # for its own help or completion, which need no configuration either
    interface: Interface = SHELL
    dry_run: bool = False  # whether it is only told what would be done

    @property
    def is_sweep(self) -> bool:
        """Whether several values of a key make several jobs."""
        modes = [line for line in self.overrides if key_of(line) == "hydra.mode"]
        return self.multirun or any(line.endswith("MULTIRUN") for line in modes)

    @property
    def flags(self) -> list[str]:
        """The flags that choose the configuration."""
        pairs = (("--config-dir", self.config_dir), ("--config-name", self.config_name))
        return [word for flag, value in pairs if value is not None for word in (flag, value)]

    def for_hydra(self, overrides: Sequence[str], *, multirun: bool) -> list[str]:
        """Returns the arguments for Hydra: the user's flags, and the overrides as decided."""
        return [*["--multirun"] * multirun, *self.flags, *self.show, *overrides]

    def words_to_repeat(self, root: Path) -> list[str]:
        """Returns the words that repeat or resume the sweep in the folder `root`."""
        words = [*self.flags, "-m", *self.overrides]
        if not {"sweep_name", "hydra.sweep.dir"} & {key_of(line) for line in self.overrides}:
            words.append(f"sweep_name={root.name}")
        return words


def argument_parser() -> ArgumentParser:
    """Returns Hydra's parser of command lines, with our own flag."""
    parser = get_args_parser()
    words = "tell what would be done, and do nothing"
    parser.add_argument(DRY_RUN, action="store_true", help=words)
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = f"VAE Lab {version('vae-lab')}"  # type: ignore[attr-defined]
    return parser


def parse_words(argv: Sequence[str], interface: Interface = SHELL) -> CommandLine:
    """Returns the parts of a command line; UserError for a flag that does not exist."""
    parser = argument_parser()

    def refuse(message: str) -> Any:
        raise UserError(f"{message}: see python -m vae_lab --help.")

    parser.error = refuse  # type: ignore[method-assign]
    words = parser.parse_intermixed_args(list(argv))
    if words.dry_run and any(key_of(line) == RESUME for line in words.overrides):
        raise UserError(f"{DRY_RUN} is about new runs: leave it or {RESUME}= out.")
    show: list[str] = []
    for flag in ("cfg", "info", "package"):
        if value := getattr(words, flag):
            show += [f"--{flag}", value]
    return CommandLine(
        interface=interface,
        overrides=tuple(words.overrides),
        multirun=bool(words.multirun),
        config_dir=words.config_dir,
        config_name=words.config_name,
        show=(*show, *["--resolve"] * bool(words.resolve)) if words.cfg or words.info else (),
        asks_help=bool(words.help),
        asks_hydra=bool(words.hydra_help or words.shell_completion),
        dry_run=words.dry_run,
    )


def command_of(overrides: Sequence[str]) -> str:
    """Returns the command line that repeats one job, without the names that were made for it."""
    lines = (line.lstrip("+") for line in overrides)
    return shlex.join(
        [*PROGRAM, *[x for x in lines if key_of(x) not in ("run_name", "sweep_name")]]
    )


def words_to_resume(folder: Path, *, trust: bool, data_path: object = None) -> list[str]:
    """Returns the words that resume the run of a folder, whose data may have moved."""
    moved = [] if data_path is None else [f"{DATA_PATH}={quoted(data_path)}"]
    return [f"{RESUME}={as_value(folder)}", *moved, *[f"{TRUST}=true"] * trust]


def as_value(path: Path) -> str:
    """Returns a path as the value of an override, in quotes if it has signs."""
    return str(path) if re.fullmatch(r"[\w./-]+", str(path)) else quoted(path)


def command_for(module: str, folder: Path) -> str:
    """Returns the command line of a command such as `vae_lab.report` on a folder, to print."""
    return in_this_shell(f"python -m vae_lab.{module} {shlex.quote(str(folder))}")


def print_commands_to_look(folder: Path) -> None:
    """Prints what shows more of the runs in a folder: their page, and command lines."""
    page = folder / EXPLORER
    print("Explorer:    ", page if page.exists() else command_for("explore", folder))
    print("TensorBoard: ", command_for("board", folder))
    print("Likelihoods: ", command_for("evaluate", folder))
