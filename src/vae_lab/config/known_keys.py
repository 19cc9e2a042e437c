"""Every key that some option of `conf/` has, whether it is chosen or not."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from vae_lab.config.compose import CONFIG_NAME, conf_folder
from vae_lab.config.trainer_rules import TRAINER_ARGUMENTS
from vae_lab.reading import parse_yaml

# What a resumed run may be given besides (`cli/resume.py`).
_OF_A_RESUMED_RUN = ("resume", "trust")

# How a list of defaults chooses an option of another group.
_OVERRIDE = "override /"


@cache
def options_by_key() -> dict[str, list[str]]:
    """Returns each key with the options that have it, as `group=option`.

    A key of `config.yaml` itself and an argument of the Trainer belong to no option.
    """
    keys: dict[str, list[str]] = {name: [] for name in _OF_A_RESUMED_RUN}
    for path in sorted(conf_folder().glob("*/*.yaml")):
        group = path.parent.name
        if group in ("hydra", "experiment", "debug"):
            continue
        where = "report" if group == "picture_metrics" else group
        for name in dict.fromkeys(_names_of(path)):
            keys.setdefault(f"{where}.{name}", []).append(f"{group}={path.stem}")
    keys.update({f"trainer.{name}": [] for name in TRAINER_ARGUMENTS})
    top = _content(conf_folder() / f"{CONFIG_NAME}.yaml")
    return keys | {name: [] for name in top if name != "defaults"}


@cache
def leaf_keys() -> frozenset[str]:
    """Returns the keys that have a value, not those that hold keys of their own."""
    parents = {name.rpartition(".")[0] for name in options_by_key()}
    return frozenset(options_by_key()) - parents - set(default_options())


@cache
def default_options() -> dict[str, str]:
    """Returns the option of each group that `config.yaml` chooses."""
    defaults = _content(conf_folder() / f"{CONFIG_NAME}.yaml")["defaults"]
    pairs = [pair for each in defaults if isinstance(each, dict) for pair in each.items()]
    return {str(group): str(option) for group, option in pairs}


@cache
def options_named_by(group: str, option: str) -> dict[str, str]:
    """Returns the options of other groups that an option chooses: a model its optimizer."""
    path = conf_folder() / group / f"{option}.yaml"
    defaults = _content(path).get("defaults", []) if path.is_file() else []
    pairs = [pair for each in defaults if isinstance(each, dict) for pair in each.items()]
    return {
        name.removeprefix(_OVERRIDE).partition("@")[0]: str(value)
        for name, value in pairs
        if name.startswith(_OVERRIDE)
    }


def _content(path: Path) -> dict[str, Any]:
    # OmegaConf would take 0.2 s for all files: the answer to a wrong line waits for them.
    content = parse_yaml(path.read_bytes())
    return {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}


def _names_of(path: Path) -> Iterator[str]:
    """Yields the keys of an option, with those of the options that it begins with."""
    content = _content(path)
    for name in content.pop("defaults", []):
        if isinstance(name, str) and name != "_self_":
            yield from _names_of(path.with_name(f"{name}.yaml"))
    yield from _names(content)


def _names(content: Mapping[Any, Any], prefix: str = "") -> Iterator[str]:
    for name, value in content.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _names(value, f"{prefix}{name}.")
