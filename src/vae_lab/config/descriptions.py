"""What each group, option and key of conf/ means: its comment, its default, its range.

The comments of the YAML files are the only source of meaning, the tables of rules the only source
of ranges. `--help` and docs/reference/keys.md print what is read here.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from omegaconf import OmegaConf

from vae_lab.config.check import TYPES, rules_of
from vae_lab.config.combinations import INVALID_COMBINATIONS
from vae_lab.config.compose import CONFIG_NAME, conf_folder
from vae_lab.config.constructors import OPEN_GROUPS
from vae_lab.config.yaml_comments import CommentedFile, YamlKey, read_comments

# Entries of the defaults list that are not groups of ours.
_NO_GROUPS = ("_self_", "hydra")

# The letters of a list of defaults, by option; of a longer one only the first default is shown.
LONGEST_LIST = 100


class ConfigKey(NamedTuple):
    """A key as a command line names it, the text of its default, its meaning, and its range."""

    name: str
    default: str
    meaning: str
    values: str


class ConfigGroup(NamedTuple):
    """A group, its sentence, the option that is the default, and the names of all options."""

    name: str
    sentence: str
    default: str
    options: list[str]

    @property
    def folder(self) -> str:
        """The folder of its options below conf/."""
        return _folder(self.name)

    @property
    def prefix(self) -> str:
        """What its keys begin with."""
        return _prefix(self.name)


class ConfigOption(NamedTuple):
    """An option of a group: the comment that opens its file, and its keys.

    An option of callbacks or loggers may consist of other options, its `parts`. A recipe has no
    keys of its own.
    """

    group: str
    name: str
    header: list[str]
    keys: list[ConfigKey]
    parts: list[str]

    @property
    def sentence(self) -> str:
        """The first line of its comment."""
        return self.header[0] if self.header else ""


class KeyOfOptions(NamedTuple):
    """A key that options of a group have with one meaning, and the default by option."""

    name: str
    meaning: str
    values: str
    group: str
    defaults: dict[str, str]

    @classmethod
    def of(cls, key: ConfigKey) -> "KeyOfOptions":
        """Returns a key that is described for itself."""
        return cls(key.name, key.meaning, key.values, "", {"": key.default})

    def default(self, show: Callable[[str], str] = str) -> str:
        """Returns the default in words: `1e-2 (conv: 5e-3; burda, resnet: 1e-3)`."""
        options: dict[str, list[str]] = {}
        for option, default in self.defaults.items():
            options.setdefault(default, []).append(option)
        first, *others = options
        words = "; ".join(f"{', '.join(options[other])}: {show(other)}" for other in others)
        if len(words) > LONGEST_LIST:
            words = "other options have their own"
        return f"{show(first)} ({words})" if words else show(first)


class Descriptions:
    """The descriptions of conf/, and of a person's own folder of options."""

    def __init__(self, config_dir: Path | None = None) -> None:
        self.folders = [*([config_dir] if config_dir else []), conf_folder()]

    @cached_property
    def groups(self) -> dict[str, ConfigGroup]:
        """The groups by name, in the order of conf/config.yaml, but the model first."""
        file = _read(conf_folder() / f"{CONFIG_NAME}.yaml")
        # People choose the model first. Hydra wants what the model chooses to come before it.
        entries = sorted([*file.included, *file.left_out], key=lambda entry: entry.name != "model")
        return {
            entry.name: ConfigGroup(
                entry.name, entry.meaning, entry.value, self._options(entry.name, entry.value)
            )
            for entry in entries
            if entry.name not in _NO_GROUPS
        }

    def _options(self, group: str, default: str) -> list[str]:
        paths = [
            path for folder in self.folders for path in (folder / _folder(group)).glob("*.yaml")
        ]
        first = [] if default == "null" else [default]
        return [*first, *sorted({path.stem for path in paths} - {*first})]

    def top_level(self) -> list[ConfigKey]:
        """Returns the keys that belong to no group."""
        return self._keys("", CONFIG_NAME)

    def settings(self, *files: str) -> list[ConfigKey]:
        """Returns the keys of files of conf/, named without a group, as an evaluation has them."""
        keys = []
        for file in files:
            folder, _, name = file.removesuffix(".yaml").rpartition("/")
            group = next((group for group in self.groups if _folder(group) == folder), "")
            keys += self._keys(group, name, prefix="")
        return keys

    def option(self, group: str, name: str) -> ConfigOption:
        """Returns an option of a group; one without a file, which is Hydra's own, has no keys."""
        path = self._path(group, name)
        if path is None:
            return ConfigOption(group, name, [], [], [])
        file = _read(path)
        parts = [entry.name for entry in file.included] if group in OPEN_GROUPS else []
        keys = [] if file.is_recipe else self._keys(group, name, _prefix(group))
        return ConfigOption(group, name, file.header, keys, parts)

    def rows(self, group: str) -> list[KeyOfOptions]:
        """Returns the keys of all options of a group, those of one meaning together."""
        found: dict[tuple[str, str, str], dict[str, str]] = {}
        for name in self.groups[group].options:
            for key in self.option(group, name).keys:
                found.setdefault((key.name, key.meaning, key.values), {})[name] = key.default
        names = [name for name, _, _ in found]
        rows = [KeyOfOptions(*row, group, defaults) for row, defaults in found.items()]
        return sorted(rows, key=lambda row: names.index(row.name))

    def _keys(self, group: str, name: str, prefix: str = "") -> list[ConfigKey]:
        entries, known = self._entries(group, name), self._meanings(group, name)
        start = f"{prefix}." if prefix else ""
        return [
            _key(f"{start}{entry.name}", entry.value, known[_shared(group, entry.name)])
            for entry in entries
            if not entry.name.endswith("_target_") and not _is_passed_on(entry.value, prefix)
        ]

    def _path(self, group: str, name: str) -> Path | None:
        paths = [folder / _folder(group) / f"{name}.yaml" for folder in self.folders]
        return next((path for path in paths if path.is_file()), None)

    def _files(self, group: str, name: str) -> Iterator[CommentedFile]:
        """Yields the file of an option, then those of the options that it builds on."""
        if path := self._path(group, name):
            file = _read(path)
            yield file
            for included in file.included:
                if not included.value:
                    yield from self._files(group, included.name)

    def _entries(self, group: str, name: str) -> list[YamlKey]:
        """Returns the keys of an option and of those that it builds on, with its own values.

        A callback or logger has its own keys only.
        """
        files = [*self._files(group, name)][: 1 if group in OPEN_GROUPS else None]
        merged: dict[str, YamlKey] = {}
        for file in reversed(files):
            merged |= {entry.name: entry for entry in file.entries}
        left_out = [entry for file in files for entry in file.left_out if group]
        return [*merged.values(), *(entry for entry in left_out if entry.name not in merged)]

    def _meanings(self, group: str, name: str) -> dict[str, str]:
        """Returns the meaning of each key of an option.

        It is the comment of the option's own file, else of those that it builds on, else of the
        group's default option.
        """
        default = self.groups[group].default if group in self.groups else name
        meanings: dict[str, str] = {}
        for file in (*self._files(group, name), *self._files(group, default)):
            for entry in (*file.entries, *file.left_out):
                key = _shared(group, entry.name)
                meanings[key] = meanings.get(key) or entry.meaning
        return meanings


def limits(group: str, option: str) -> list[str]:
    """Returns what an option cannot be combined with, each with its reason and a remedy."""
    found = []
    for row in INVALID_COMBINATIONS:
        for (own, options), (other, values) in ((row.first, row.second), (row.second, row.first)):
            if own == group and option in options:
                words = " or ".join(map(str, values))
                found.append(f"Not with {other}={words}: {row.why}; {row.remedy}.")
    return found


@cache
def _read(path: Path) -> CommentedFile:
    return read_comments(path)


def _folder(group: str) -> str:
    return group.partition("@")[0]


def _prefix(group: str) -> str:
    """Returns what the keys of a group begin with."""
    folder, _, package = group.partition("@")
    return package or folder.replace("/", ".")


def _shared(group: str, name: str) -> str:
    """Returns the name under which a key's meaning is looked up: that in its callback or logger."""
    return name.partition(".")[2] if group in OPEN_GROUPS and "." in name else name


def _is_passed_on(value: str, prefix: str) -> bool:
    """Tells whether a value is another key of the same group, handed to a constructor."""
    return re.fullmatch(rf"\$\{{{re.escape(prefix)}\.[\w.]+\}}", value) is not None


def _key(name: str, value: str, meaning: str) -> ConfigKey:
    return ConfigKey(name, _default(value), meaning, _values(name, value))


def _default(value: str) -> str:
    """Returns a default for a reader: of an interpolation what it stands for."""
    if variable := re.fullmatch(r"\$\{oc\.env:(\w+),(\w+)\}", value):
        return f"${variable[1]}, else {variable[2]}"
    other = re.fullmatch(r"\$\{(?:oc\.select:)?([\w.]+)(?:,([\w.-]+))?\}", value)
    return ", else ".join(filter(None, other.groups())) if other else value


def _values(name: str, value: str) -> str:
    """Returns what a key may be: the words of its rules, else its type."""
    if rules := rules_of(name):
        return ", ".join(rule.requirement for rule in rules)
    content = OmegaConf.to_container(OmegaConf.create(f"value: {value}"), resolve=False)
    default = content["value"] if isinstance(content, dict) and value != "{...}" else {}
    kinds = (words for kind, words in TYPES.items() if isinstance(default, kind))
    return next(kinds, "keys of its own" if isinstance(default, dict) else "any value")
