"""`resume=RUN_FOLDER`: which run is resumed, and what may be different about it.

The folder's `config.yaml` says what is computed, not the command line: it may be another day's
checkout, or somebody else's folder.
"""

import builtins
import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from vae_lab.cli.command_lines import DATA_PATH, RESUME, TRUST, CommandLine, words_to_resume
from vae_lab.cli.longer import MAX_EPOCHS, longer_command
from vae_lab.config.check import check_resumed, check_values
from vae_lab.config.compose import Composer
from vae_lab.config.identity import (
    INIT_FROM,
    INIT_WEIGHTS,
    NOT_IN_HASH,
    config_hash,
    is_volatile,
)
from vae_lab.config.remarks import NOTE, TAGS, remarks_of
from vae_lab.errors import UserError
from vae_lab.reading import check_inside
from vae_lab.run_folder import DIVERGED, FAILED, LAST, PREVIOUS, RunFolder, RunResult
from vae_lab.starting_weights import EXAMPLE, checksum, source_file


class Resumed(NamedTuple):
    """The run to resume.

    `data` is that part of the configuration with the places where the images are now. `trust`:
    classes from outside the package may be used.
    """

    run: RunFolder
    config: dict[str, Any]
    data: dict[str, Any]
    trust: bool
    again: list[str]  # the words that resume it once more
    remarks: Mapping[str, Any] = MappingProxyType({})  # note and tags to be changed
    command: str | None = None  # that of the longer run, with more epochs than were planned


def can_resume(run: RunFolder) -> bool:
    """Tells whether a run that is not finished may come further if it is resumed.

    One that diverged does so again. One that failed without a checkpoint has nothing to resume
    from, and its configuration cannot change; a disk or memory can.
    """
    result = run.result
    if result is None or result.status not in (FAILED, DIVERGED):
        return True
    kind = getattr(builtins, (result.error or "").partition(":")[0], None)
    from_outside = isinstance(kind, type) and issubclass(kind, OSError | MemoryError)
    return result.status == FAILED and (_has_begun(run) or from_outside)


def _has_begun(run: RunFolder) -> bool:
    return any((run.checkpoints / name).exists() for name in (LAST, PREVIOUS))


def read_resumed(composer: Composer, command_line: CommandLine) -> Resumed:
    """Returns the run that a command line names, and its configuration as it is now.

    Raises:
        UserError: if the folder is not a run, or an override would change what it computes.
    """
    parsed = composer.parse(command_line.overrides)
    if command_line.multirun or any(override.is_sweep_override() for override in parsed):
        raise UserError(
            "resume= takes one run. To resume a sweep, type the command that began it, with the "
            "same sweep_name."
        )
    values = {override.get_key_element().lstrip("+~"): override.value() for override in parsed}
    run = RunFolder(Path(str(values.pop(RESUME))).expanduser())
    config = run.config
    if not run.has_hash(config_hash(config)):
        raise UserError(
            f"{run.path} was made by an earlier version of VAE Lab: it can be reported and loaded, "
            f"but it cannot be resumed. Start a new run without resume=."
        )
    trust = values.pop(TRUST, False)
    if not isinstance(trust, bool):
        raise UserError(f"trust must be true or false, got '{trust}'.")
    if not trust:
        check_inside(run.path)
    check_resumed(config)
    given = values.pop(DATA_PATH, None)
    moved = None if given is None else Path(str(given)).absolute()
    command = longer_command(run, values.pop(MAX_EPOCHS, None), has_begun=_has_begun(run))
    remarks = _change(config, run.require_result(), values)
    _check_start(run, config)
    is_over = run.is_finished and command is None
    data = _located(run, config["data"], moved, is_over=is_over)
    # What a person says about a finished run can be changed when its images are gone.
    if not (remarks and is_over):
        _prepare_images(data, values.get("data.root"), trust=trust)
    again = words_to_resume(run.path, trust=trust, data_path=moved)
    return Resumed(run, config, data, trust, again, remarks, command)


def _prepare_images(data: dict[str, Any], root: object, *, trust: bool) -> None:
    from vae_lab.data.user_images import prepare_recorded  # imports numpy; most runs are new

    prepare_recorded(data, root=None if root is None else str(root), trust=trust)


def _change(config: dict[str, Any], result: RunResult, values: Mapping[str, Any]) -> dict[str, Any]:
    """Sets the keys of a configuration that a person gives; returns note and tags among them."""
    config |= remarks_of(vars(result))
    for key, value in values.items():
        _set(config, key, value)
    check_values(config)
    return {key: value for key, value in remarks_of(config).items() if key in values}


def write_remarks(resumed: Resumed) -> None:
    """Writes the changed note and tags of a run into its folder, which is locked."""
    run = resumed.run
    run.write_config(resumed.config, run.require_result().choices)
    run.write_result(replace(run.require_result(), **resumed.remarks))


def placed(recorded: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Returns the `data` of a configuration; its relative paths begin in a directory."""
    data = copy.deepcopy(dict(recorded))
    for part in (data, data.get("source")):
        for key in ("path", "root"):
            if isinstance(part, dict) and isinstance(place := part.get(key), str):
                part[key] = str(directory / Path(place).expanduser())
    return data


def _located(
    run: RunFolder, recorded: dict[str, Any], moved: Path | None, *, is_over: bool
) -> dict[str, Any]:
    """Returns the `data` of a configuration with the places where the images are now.

    Relative paths begin where they began when the run started; `moved` is where the user says that
    the images are. Whether they are the same is seen when they are loaded.
    """
    if moved is not None and recorded.get("path") is None:
        raise UserError(
            f"data.path cannot be given: data={recorded.get('name')} has none. Add "
            "data.root=FOLDER, where its files are."
        )
    data = placed(recorded, Path(run.require_result().directory or ""))
    for part in (data, data.get("source")):
        if isinstance(part, dict) and moved is not None:
            part["path"] = str(moved)
    path = data.get("path")
    if not is_over and path is not None and not Path(path).exists():
        raise UserError(
            f"the images of {run.path} are not at {path} any more: add data.path=PATH, where the "
            f"same images are now."
        )
    return data


def _check_start(run: RunFolder, config: Mapping[str, Any]) -> None:
    """Raises UserError if a run needs the weights that it starts from, and they are gone.

    Once it has a checkpoint, they are in it.
    """
    source = config.get(INIT_FROM)
    if source is None or run.is_finished or _has_begun(run):
        return
    try:
        place = Path(run.require_result().directory or "")
        is_there = checksum(source_file(source, place)) == config.get(INIT_WEIGHTS)
    except UserError:
        is_there = False
    if not is_there:
        raise UserError(
            f"the weights that {run.path} starts from are not at {source} any more: add "
            f"init_from=FOLDER, where the same weights are now."
        )


def _set(config: dict[str, Any], key: str, value: Any) -> None:
    """Sets a key that does not enter the hash."""
    if key in (NOTE, TAGS):
        config[key] = value  # an older run has none
    if key == INIT_FROM and config.get(INIT_FROM) is not None:
        is_example = str(value).startswith(EXAMPLE)
        config[INIT_FROM] = value if is_example else str(Path(str(value)).expanduser().absolute())
        return
    if not is_volatile(key) or key in ("run_name", "sweep_name"):
        allowed = [name for name in NOT_IN_HASH if not name.endswith("_name")]
        raise UserError(
            f"{key} cannot be changed when a run is resumed: only {', '.join(allowed)}, data.path "
            f"and trust can. Start a new run without resume=."
        )
    if key == "data.root":
        value = str(Path(str(value)).absolute())
    for place in ("data.root", "data.source.root") if key == "data.root" else (key,):
        *parents, name = place.split(".")
        node: Any = config
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if isinstance(node, dict) and name in node:
            node[name] = value
