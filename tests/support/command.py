"""The command line `python -m vae_lab`, in a process of its own or in this one."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SUPPORT = Path(__file__).parent
QUICK = ("data=stripes", "trainer.max_epochs=2", "threads=1", "report=null")


class Done(NamedTuple):
    """What a command line ended with."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "vae_lab", "--config-dir", "conf", *arguments]
