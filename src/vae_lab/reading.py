"""Files that somebody else may have written: read in bounds, and never out of their folder.

A run's folder can be a stranger's. What reads one reads it here. No torch.
"""

import json
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO, get_args, get_origin

import yaml
from omegaconf._utils import get_yaml_loader

from vae_lab.errors import UserError
from vae_lab.terminal import printable

# Bytes of a text file, of a text in it, and levels of a configuration: far above any real run's.
MOST_TEXT, MOST_CHARACTERS, MOST_LEVELS = 16 << 20, 100_000, 20

# The parser in C, where it is installed, takes a tenth of the time.
_Safe: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# No number of a run is larger, and larger ones do not fit into a table.
_MOST_DIGITS = 18


@contextmanager
def open_inside(path: Path, folder: Path) -> Iterator[BinaryIO]:
    """Opens a plain file that lies in a folder.

    Raises:
        UserError: It is a pipe or a device, a link that leads out, or cannot be read.
    """
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{path} is a link that leads out of {folder}.")
    try:
        # Without waiting: a pipe may have no writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UserError(f"{path} is not a plain file.")
        yield file


def read_inside(path: Path, folder: Path, *, most: int) -> bytes:
    """Returns the content of a plain file in a folder; UserError also above `most` bytes."""
    with open_inside(path, folder) as file:
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise UserError(f"{path} has {size:,} bytes: at most {most:,} are read.")
        return file.read()


def check_inside(folder: Path) -> None:
    """Raises UserError if a folder holds a link that leads out of it, a pipe or a device."""
    root = os.path.realpath(folder)
    for path in folder.rglob("*"):
        if not Path(os.path.realpath(path)).is_relative_to(root):
            what = "a link that leads out of the run's folder"
        elif path.exists() and not (path.is_dir() or path.is_file()):
            what = "a pipe or a device"
        else:
            continue
        raise UserError(
            f"{path} is {what}: remove it. If the folder is your own, add trust=true to resume=, "
            f"to an evaluation or to load."
        )


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Raises ValueError if what a zip file of `size` bytes holds is larger than itself."""
    members = archive.infolist()
    packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
    if packed or sum(member.file_size for member in members) > size:
        raise ValueError("its parts are compressed or overlap, as in none that was written here")


def parse_json(data: str | bytes) -> Any:
    """Returns the content of a JSON file, each text in it printable; ValueError if it has none."""
    try:
        return _printable(json.loads(data, parse_int=_whole_number))
    except RecursionError:
        raise ValueError("it has too many levels") from None


def parse_yaml(data: bytes) -> Any:
    """Returns the content of a configuration; nothing in it is resolved. ValueError if it has none.

    An alias stands for a copy: nine lines of them make a thousand million values.
    """
    depth = 0
    for event in yaml.parse(data, Loader=_Safe):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > MOST_LEVELS:
            raise ValueError("it has aliases or too many levels")
    return yaml.load(data.decode(), Loader=_loader())


@cache
def _loader() -> type[yaml.SafeLoader]:
    """Returns what reads values as OmegaConf writes them: `1e-3` is a number, a date is a text.

    OmegaConf itself would take 50 ms for the configuration of a run, and most of them to make
    objects of it.
    """
    resolvers = get_yaml_loader().yaml_implicit_resolvers
    return type("Loader", (_Safe,), {"yaml_implicit_resolvers": resolvers})


def is_kind(value: Any, kind: Any) -> bool:
    """Tells whether a value that was read is of a type such as `dict[str, float]`.

    A mapping in place of a type gives the types of keys, each of which may be absent.
    """
    if kind is Any:
        return True
    if isinstance(kind, Mapping):
        return isinstance(value, dict) and all(
            is_kind(value[key], of_key) for key, of_key in kind.items() if key in value
        )
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(is_kind(value, alternative) for alternative in arguments)
    if origin is list:
        return isinstance(value, list) and all(is_kind(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_kind(it, arguments[1]) for it in value.values())
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float if kind is float else kind)


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError("it has a number of too many digits")
    return int(digits)


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > MOST_CHARACTERS:
            raise ValueError("it has a text that is too long")
        return printable(value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): _printable(item) for key, item in value.items()}
    return value
