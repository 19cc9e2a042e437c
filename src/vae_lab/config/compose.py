"""From a command line to the configurations of its jobs, by Hydra's own grammar, before Hydra runs.

Hydra composes a job when its turn comes. Composing all of them first lets every job be checked
before the first one starts, and lets each have a folder of its own.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_automatic_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig

from vae_lab.config.identity import is_volatile
from vae_lab.errors import UserError, first_line


def conf_folder() -> Path:
    """Returns the folder of the YAML files: inside an installed wheel, else the checkout's."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "conf"


CONFIG_NAME = "config"


class Job(NamedTuple):
    """One run: its overrides, and its configuration with and without them."""

    overrides: list[str]
    config: DictConfig
    known: DictConfig

    @property
    def choices(self) -> dict[str, str]:
        """The option of each of the project's groups."""
        return choices_of(self.config.hydra.runtime.choices)


class Composer:
    """Composes configurations from `conf/` and the folder given by --config-dir."""

    def __init__(self, *, config_path: Path, arguments: argparse.Namespace) -> None:
        setup_globals()
        _stand_for_plugins(config_path)
        path = create_automatic_config_search_path(None, None, str(config_path))
        if arguments.config_dir is not None:
            folder = Path(arguments.config_dir).absolute()
            if not folder.is_dir():
                raise UserError(f"--config-dir {folder} is no folder: name one that exists.")
            path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
        self.loader = ConfigLoaderImpl(path)
        self.config_name = arguments.config_name or CONFIG_NAME
        self._known: dict[tuple[str, ...], DictConfig] = {}

    def parse(self, overrides: Sequence[str]) -> list[Override]:
        """Parses overrides; a `+` is optional: a plain key is set wherever it is, or is new.

        What may be new is decided by the check alone, so that `key`, `+key` and `++key` get one
        answer.
        """
        parsed = self._parse(overrides)
        for override in parsed:
            if not override.key_or_group.strip("./@ "):
                raise UserError(f"'{override.input_line}' names no key: write key=value.")
        return self._parse([self._forced(override) for override in parsed])

    def job(self, overrides: Sequence[str], run_mode: RunMode) -> Job:
        """Composes one job."""
        config = self._load(overrides, run_mode)
        choices = choices_of(config.hydra.runtime.choices)
        groups = [f"{group}={option}" for group, option in choices.items()]
        # Hydra's record of choices leaves out those of several options, as logger=[csv,none].
        groups += [line for line in overrides if "=[" in line and self._is_group(key_of(line))]
        known = self._known.get(tuple(groups))
        if known is None:
            known = self._known[tuple(groups)] = self._load(groups, run_mode)
        return Job(list(overrides), config, known)

    def _forced(self, override: Override) -> str:
        line = override.input_line
        assert line is not None
        if override.value() is None and self._is_group(group := override.key_or_group):
            options = ", ".join(self.loader.get_group_options(group))
            raise UserError(f"{group}=null is no option: choose from {options}, or leave it out.")
        plain = not override.is_delete() and not override.is_force_add()
        own = not override.key_or_group.startswith("hydra.") and override.package is None
        if plain and own and not self._is_group(override.key_or_group):
            return "++" + line.removeprefix("+")
        return line

    def _is_group(self, key: str) -> bool:
        return bool(self.loader.list_groups(key) or self.loader.get_group_options(key))

    def _parse(self, overrides: Sequence[str]) -> list[Override]:
        try:
            return OverridesParser.create(config_loader=self.loader).parse_overrides(
                list(overrides)
            )
        except Exception as error:  # Hydra raises whatever an odd word leads it into
            raise UserError(f"{first_line(error)} Write key=value, or group=option.") from error

    def _load(self, overrides: Sequence[str], run_mode: RunMode) -> DictConfig:
        try:
            return self.loader.load_configuration(self.config_name, list(overrides), run_mode)
        except Exception as error:  # as above
            raise UserError(_describe(error)) from error


def parse_words(argv: Sequence[str]) -> argparse.Namespace:
    """Returns Hydra's flags and the overrides of a command line.

    Raises:
        UserError: where it has a flag that does not exist.
    """
    parser = get_args_parser()

    def refuse(message: str) -> Any:
        raise UserError(f"{message}: see python -m vae_lab --help.")

    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_intermixed_args(list(argv))


def _stand_for_plugins(config_path: Path) -> None:
    """Lets the files of `conf/hydra/` stand for the configurations that plugins bring.

    Of two with one name Hydra would take the plugin's for the schema of the file, and warn, or
    refuse where it has a defaults list.
    """
    Plugins.instance()  # they have said by now what they bring
    brought = ConfigStore.instance().repo["hydra"]
    for path in config_path.glob("hydra/*/*.yaml"):
        brought.get(path.parent.name, {}).pop(path.name, None)


def split_sweep(overrides: Sequence[Override]) -> list[list[str]]:
    """Returns the overrides of each job of a sweep, in Hydra's order.

    Raises:
        UserError: for a kind of sweep that only other sweepers know.
    """
    try:
        return BasicSweeper.split_arguments(list(overrides), max_batch_size=None)[0]
    except Exception as error:  # as above
        raise UserError(first_line(error)) from error


def key_of(override: str) -> str:
    """Returns the key or group that an override such as `++optimizer.lr=1` names."""
    return override.partition("=")[0].lstrip("+~")


def choices_of(choices: Mapping[str, Any]) -> dict[str, str]:
    """Returns the option of each of the project's groups, from Hydra's own record of all."""
    return {
        group: str(option)
        for group, option in choices.items()
        if group != "experiment"
        and not group.startswith("hydra")
        and not is_volatile(group)
        and option is not None
    }


def _describe(error: Exception) -> str:
    missing = re.search(r"Could not find '(.+?)/([^/']+)'", str(error))
    options = re.findall(r"^\t(\S+)$", str(error), flags=re.MULTILINE)
    if missing and options:
        group, option = missing.groups()
        return f"{group}={option} does not exist: choose from {', '.join(sorted(options))}."
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__
