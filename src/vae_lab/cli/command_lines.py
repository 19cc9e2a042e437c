"""Command lines as text: of a job, and those that go on with a run or a sweep."""

import argparse
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from vae_lab.config.compose import key_of


def command_of(overrides: Sequence[str]) -> str:
    """Returns the command line that repeats one job, without the names that were made for it."""
    own = [line.lstrip("+") for line in overrides if key_of(line) not in ("run_name", "sweep_name")]
    return " ".join(["python -m vae_lab", *map(shlex.quote, own)])


def command_to_go_on(arguments: argparse.Namespace, root: Path) -> str:
    """Returns the command line that goes on with the sweep in the folder `root`."""
    words = ["python", "-m", "vae_lab", *flags(arguments), "-m", *arguments.overrides]
    if not {"sweep_name", "hydra.sweep.dir"} & {key_of(line) for line in arguments.overrides}:
        words.append(f"sweep_name={root.name}")
    return shlex.join(words)


def flags(arguments: argparse.Namespace) -> list[str]:
    """Returns the flags of a command line that choose the configuration."""
    words = []
    for flag in ("config_dir", "config_name"):
        if getattr(arguments, flag) is not None:
            words += [f"--{flag.replace('_', '-')}", getattr(arguments, flag)]
    return words


def quoted(path: Path) -> str:
    """Returns a path as a value of Hydra's grammar."""
    text = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"


RESUME, TRUST = "resume", "trust"


def command_to_resume(folder: Path, *, trust: bool) -> str:
    """Returns the command line that goes on with the run of a folder."""
    path = str(folder) if re.fullmatch(r"[\w./-]+", str(folder)) else quoted(folder)
    words = ["python", "-m", "vae_lab", f"{RESUME}={path}", *([f"{TRUST}=true"] * trust)]
    return shlex.join(words)


def tensorboard_command(folder: Path) -> str:
    """Returns the command that opens TensorBoard on a folder."""
    return f"python -m vae_lab.board {shlex.quote(str(folder))}"
