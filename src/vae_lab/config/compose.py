"""From overrides to the configurations of jobs, by Hydra's grammar, before Hydra runs.

Hydra composes a job when its turn comes. All are composed here first, so that every job is checked
before the first starts, and each gets a folder.
"""

import pickle
import re
from collections.abc import Sequence
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, Sweep
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from vae_lab.config.hydra_messages import answer_to
from vae_lab.config.identity import RECIPES, config_hash
from vae_lab.config.job import Composition, Job, choices_of
from vae_lab.config.overrides import as_hydra, quoted
from vae_lab.config.resolve import resolved
from vae_lab.config.rules import OPTIONAL
from vae_lab.errors import UserError


def conf_folder() -> Path:
    """Returns the folder of the YAML files: inside an installed wheel, else the checkout's."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "conf"


def own_data_root() -> str:
    """Returns where a person's data are unless a command line says otherwise."""
    return str(OmegaConf.select(OmegaConf.load(conf_folder() / "data" / "folder.yaml"), "root"))


CONFIG_NAME = "config"


class Composer:
    """Composes configurations from `conf/` and the folder given by --config-dir."""

    def __init__(self, config_dir: str | None = None, config_name: str | None = None) -> None:
        setup_globals()
        register_resolvers()
        config_path = conf_folder()
        _stand_for_plugins(config_path)
        path = create_automatic_config_search_path(None, None, str(config_path))
        if config_dir is not None:
            folder = Path(config_dir).absolute()
            if not folder.is_dir():
                raise UserError(f"--config-dir {folder} is not a folder: name one that exists.")
            path.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
        self.loader = ConfigLoaderImpl(path)
        self.loader.repository = _Repository(path)
        self.config_name = config_name or CONFIG_NAME
        self._groups: dict[str, bool] = {}
        self._parsed: dict[str, Override] = {}
        self._compositions: dict[tuple[RunMode, tuple[str, ...]], Composition] = {}

    def parse(self, overrides: Sequence[str], *, sweep: bool = False) -> list[Override]:
        """Parses overrides as they were typed, for one run or for a sweep; see `as_hydra`.

        A `+` is optional: a plain key is set wherever it is, or is new. Only the check decides what
        may be new, so that `key`, `+key` and `++key` get one answer.
        """
        lines = [as_hydra(line, self._parses, sweep=sweep) for line in overrides]
        return self._parse([self._forced(override) for override in self._parse(lines)])

    def _parses(self, line: str) -> bool:
        try:
            self._parse([line])
        except UserError:
            return False
        return True

    def job(self, overrides: Sequence[str], run_mode: RunMode) -> Job:
        """Returns one job, composed as Hydra will compose it."""
        parsed = self._parse(overrides)
        assigned = [override for override in parsed if self._is_value(override)]
        options = tuple(str(o.input_line) for o in parsed if not self._is_value(o))
        key = (run_mode, options)
        try:
            if key not in self._compositions:
                self._compositions[key] = self._compose(options, run_mode)
            composition = self._compositions[key]
            config = composition.with_values(assigned)
        except Exception as error:  # Hydra raises any error for an odd value
            raise UserError(self._describe(error)) from error
        return Job(list(overrides), parsed, composition, assigned, config)

    def _compose(self, options: Sequence[str], run_mode: RunMode) -> Composition:
        config = self.loader.load_configuration(self.config_name, [*options], run_mode)
        choices = config.hydra.runtime.choices
        if not any(map(choices.get, RECIPES)) and not any(line.startswith("~") for line in options):
            return Composition(config, None)
        # A recipe sets values too, and a removed group is a key that exists.
        groups = [f"{group}={quoted(option)}" for group, option in choices_of(choices).items()]
        # Hydra's record of choices leaves out those of several options, as logger=[csv,none].
        groups += [line for line in options if "=[" in line and self.is_group(key_of(line))]
        defaults = self.loader.load_configuration(self.config_name, groups, run_mode)
        return Composition(config, defaults)

    def _is_value(self, override: Override) -> bool:
        """Tells whether an override sets a plain value, which Hydra does after all files are read.

        Not Hydra's own: `hydra.searchpath` says where files are.
        """
        key = override.key_or_group
        if key == "hydra" or override.is_hydra_override():
            return False
        is_group: bool = self.loader.repository.group_exists(key)
        return not is_group or isinstance(override.value(), dict)

    def _forced(self, override: Override) -> str:
        line = override.input_line
        assert line is not None
        if not override.key_or_group.strip("./@ "):
            raise UserError(f"'{line}' names no key: write key=value.")
        group, value = override.key_or_group, override.value()
        if value is None and group in OPTIONAL and self.is_group(group):
            return f"~{group}"  # Hydra knows no null for a group
        is_option = isinstance(value, str | list | dict | Sweep | Glob) and value != ""
        if not is_option and not override.is_delete() and self.is_group(group):
            options = self._options(group)
            raise UserError(f"{line} is not an option: choose from {options}, or leave it out.")
        is_plain = not override.is_delete() and not override.is_force_add()
        is_ours = not override.key_or_group.startswith("hydra.") and override.package is None
        if is_plain and is_ours and not self.is_group(override.key_or_group):
            return "++" + line.removeprefix("+")
        return line

    def is_group(self, key: str) -> bool:
        """Tells whether a key is a group, of which an option is chosen."""
        if key not in self._groups:
            found = self.loader.list_groups(key) or self.loader.get_group_options(key)
            self._groups[key] = bool(found)
        return self._groups[key]

    def _parse(self, overrides: Sequence[str]) -> list[Override]:
        parser = OverridesParser.create(config_loader=self.loader)
        try:
            for line in overrides:
                # The jobs of a sweep have most lines in common.
                if line not in self._parsed:
                    (self._parsed[line],) = parser.parse_overrides([line])
        except Exception as error:  # Hydra raises any error for an odd line
            raise UserError(self._unreadable(line)) from error
        return [self._parsed[line] for line in overrides]

    def options(self, group: str) -> list[str]:
        """Returns the options of a group."""
        return list(self.loader.get_group_options(group))

    def _options(self, group: str) -> str:
        return ", ".join(self.options(group))

    def _unreadable(self, line: str) -> str:
        """Returns what is said of a line that Hydra cannot read."""
        key, equals, value = line.partition("=")
        if not equals and key.isprintable() and self.is_group(key):
            return f"'{line}' names no option: write {key}=OPTION, one of {self._options(key)}."
        if not equals:
            return f"'{line}' is not a setting: write key=value, or see python -m vae_lab --help."
        if not key.isascii():
            return f"unknown key {key}: a key has letters from a to z; --help shows all keys."
        if value.startswith(("[", "{")):
            return f"{line} is not a complete list: write it without spaces, as in {key}=[1,2]."
        return (
            f"{line} cannot be read: write key=value or group=option, and a text that has signs "
            f"in quotes, as in {key}=\"'...'\"."
        )

    def _describe(self, error: Exception) -> str:
        """Returns in a line why a configuration cannot be composed."""
        if missing := re.search(r"Could not (?:find|load) '([^']+)'", str(error)):
            group, option = missing[1], ""
            while "/" in group and not self.loader.get_group_options(group):
                group, _, last = group.rpartition("/")
                option = f"{last}/{option}" if option else last
            own = " For images of your own: data=folder data.path=FOLDER." * (group == "data")
            options = self._options(group)
            return f"{group}={option} does not exist: choose from {options}.{own}"
        if unknown := re.match(r"Could not override '(hydra\.([^'.]+)[^']*)'", str(error)):
            key, group = unknown[1], f"hydra/{unknown[2]}"
            other = f", or choose the {group}=OPTION that has it" if self.is_group(group) else ""
            return f"{key} does not exist: leave it out{other}."
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        words = " ".join(lines[:2]) or type(error).__name__
        if words.startswith("Error merging override ") and error.__cause__ is not None:
            line = words.removeprefix("Error merging override ").lstrip("+")
            if line.startswith("~"):
                return f"{line[1:]} cannot be removed, only changed: leave {line} out."
            is_place = "list index" in str(error.__cause__)
            why = "write the whole list" if is_place else "the key takes another kind of value"
            return f"{line} cannot be set: {why}."
        return answer_to(words) or f"the configuration cannot be composed: {words.rstrip('.')}."


class _ParsedFiles(dict[tuple[str, ...], bytes]):
    """Parsed YAML files, pickled: shared by all copies that Hydra makes of a repository."""

    def __deepcopy__(self, memo: object) -> "_ParsedFiles":
        return self


class _Repository(ConfigRepository):
    """Hydra's reader of YAML files, which parses each file once."""

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._files = _ParsedFiles()

    def load_config(self, config_path: str) -> ConfigResult | None:
        # `hydra.searchpath` gives a composition other sources.
        key = (config_path, *(source.path for source in self.get_sources()))
        if key not in self._files:
            self._files[key] = pickle.dumps(super().load_config(config_path))
        # Hydra changes what it loads.
        result: ConfigResult | None = pickle.loads(self._files[key])
        return result


# The interpolation that names a job by what it computes, in the job itself. Not by its number,
# which begins again when a search is resumed: the same values find their run again.
TRIAL = "${vae_lab.trial:}"


def register_resolvers() -> None:
    """Makes the interpolation `TRIAL` known to OmegaConf."""
    OmegaConf.register_new_resolver("vae_lab.trial", _trial, replace=True)


def _trial(*, _root_: DictConfig) -> str:
    config = OmegaConf.masked_copy(_root_, [str(key) for key in _root_ if key != "hydra"])
    with open_dict(config):
        config.run_name = None  # that is what is asked for
    return f"trial-{config_hash(resolved(config))[:8]}"


def _stand_for_plugins(config_path: Path) -> None:
    """Lets the files of `conf/hydra/` stand for the configurations that plugins bring.

    Of two with the same name Hydra would take the plugin's for the schema of the file, and warn, or
    refuse if it has a defaults list.
    """
    Plugins.instance()  # which makes them register what they bring
    brought = ConfigStore.instance().repo["hydra"]
    for path in config_path.glob("hydra/*/*.yaml"):
        brought.get(path.parent.name, {}).pop(path.name, None)


def split_sweep(overrides: Sequence[Override]) -> list[list[str]]:
    """Returns the overrides of each job in Hydra's order; UserError for what it cannot expand."""
    try:
        return BasicSweeper.split_arguments(list(overrides), max_batch_size=None)[0]
    except Exception as error:  # as above
        given = (str(each.input_line) for each in overrides if each.is_interval_sweep())
        lines = [line.lstrip("+") for line in given]
        raise UserError(
            f"{', '.join(lines) or 'a sweep'} names no values to try one by one: list them, as in "
            "seed=0,1, or add hydra/sweeper=optuna."
        ) from error


def key_of(override: str) -> str:
    """Returns the key or group that an override such as `++optimizer.lr=1` names."""
    return override.partition("=")[0].lstrip("+~")
