"""What a run is asked to do. No torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vae_lab.run_folder import RunFolder


class SweepPlace(NamedTuple):
    """A run's place in its sweep.

    `title` is such as "run 3/4"; `rest` tells how many seconds the later runs take if this one
    takes so many, or that it is not known.
    """

    title: str = ""
    rest: Callable[[float], float | None] | None = None


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a run is asked to do.

    Attributes:
        config: resolved and checked; see `config.resolve.resolved`.
        choices: the option of each config group, for tables and TensorBoard's columns.
        folder: where everything goes.
        command: the command line that asked for it.
        trust: whether classes of other packages may be used; see `config.instantiate.locate`.
        data: that part of `config` with the places where the images are now, if they differ.
        directory: where the relative paths of `config` begin.
        place: the run's place in its sweep, to be shown.
        is_longer: whether the folder's run was of fewer epochs, and continues.
    """

    config: Mapping[str, Any]
    choices: Mapping[str, str]
    folder: RunFolder
    command: str
    trust: bool
    data: Mapping[str, Any] | None = None
    directory: str | None = None
    place: SweepPlace | None = None
    is_longer: bool = False
