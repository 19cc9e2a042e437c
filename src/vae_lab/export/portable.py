"""What a run's files say, without what they say of the machine. No torch.

An exported folder is for others: no path of the machine and no address may be in it.
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from vae_lab.config.identity import INIT_FROM, is_volatile
from vae_lab.run_folder import RunFolder

# Keys that say where data lie and where numbers are sent. No model depends on them.
_PLACES = ("data.path", "data.source.path", "logger", INIT_FROM)

# A path of two parts or more from the root of a disk or somebody's home; the group is the last.
_PATH = re.compile(r"""(?<![\w./\\~:-])(?:~|[A-Za-z]:)?(?:[/\\][^/\\\s'",]+)+[/\\]([^/\\\s'",]+)""")


def portable_config(run: RunFolder) -> dict[str, Any]:
    """Returns the resolved configuration of a run, without volatile keys and without places."""
    return portable(run, _without_places(run.config))


def portable_command(command: str) -> str:
    """Returns a command line without what says where or how visibly a run works, or a note."""
    try:
        words = shlex.split(command)
    except ValueError:  # somebody else's file
        return command
    keys = (word.lstrip("+~").partition("=")[0] for word in words)
    kept = [not (is_volatile(key) or key.startswith("hydra.")) for key in keys]
    return shlex.join(word for word, keep in zip(words, kept, strict=True) if keep)


def portable(run: RunFolder, value: Any) -> Any:
    """Returns a value out of a run's files with only the last part of each path in its texts."""
    data = run.config.get("data", {})
    places = [data.get("path"), data.get("root"), run.require_result().directory]
    names = {str(place): PurePath(place).name for place in places if place}
    # The longest first: one may lie in another.
    return _renamed(value, {place: names[place] for place in sorted(names, key=len, reverse=True)})


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, str):
        return value
    for place, name in names.items():
        # These by their whole text: the expression below ends at a space.
        value = value.replace(place, name) if name and place != name else value
    return _PATH.sub(r"\1", value)


def _without_places(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if not is_volatile(name) and name not in _PLACES:
            kept[key] = _without_places(value, f"{name}.") if isinstance(value, Mapping) else value
    return kept
