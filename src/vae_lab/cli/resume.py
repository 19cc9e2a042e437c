"""`resume=RUN_FOLDER`: which run goes on, and what may be different about it.

The folder's `config.yaml` says what is computed, not the command line: it may be another day's
checkout, or somebody else's folder.
"""

from pathlib import Path
from typing import Any

from vae_lab.cli.command_lines import RESUME, TRUST, CommandLine
from vae_lab.config.check import check_resumed, check_values
from vae_lab.config.compose import Composer
from vae_lab.config.identity import NOT_IN_HASH, config_hash, is_volatile
from vae_lab.data.user_images import prepare_recorded
from vae_lab.errors import UserError
from vae_lab.reading import check_inside
from vae_lab.run_folder import RunFolder


def read_resumed(
    composer: Composer, command_line: CommandLine
) -> tuple[RunFolder, dict[str, Any], bool]:
    """Returns the run that a command line names, its configuration as it is now, and `trust`.

    `trust`: classes from outside the package may be used.

    Raises:
        UserError: if the folder is no run, or an override would change what it computes.
    """
    parsed = composer.parse(command_line.overrides)
    if command_line.multirun or any(override.is_sweep_override() for override in parsed):
        raise UserError(
            "resume goes on with one run. A sweep goes on with the command that began it, with the "
            "same sweep_name."
        )
    values = {override.get_key_element().lstrip("+~"): override.value() for override in parsed}
    run = RunFolder(Path(str(values.pop(RESUME))).expanduser())
    config = run.config
    if not run.has_hash(config_hash(config)):
        raise UserError(
            f"{run.path} was made by an earlier version of VAE Lab: it can be reported and loaded, "
            f"but it cannot go on. Start a new run without resume=."
        )
    trust = values.pop(TRUST, False)
    if not isinstance(trust, bool):
        raise UserError(f"trust must be true or false, got '{trust}'.")
    if not trust:
        check_inside(run.path)
    check_resumed(config)
    for key, value in values.items():
        _set(config, key, value)
    check_values(config)
    root = values.get("data.root")
    prepare_recorded(config["data"], root=None if root is None else str(root), trust=trust)
    return run, config, trust


def _set(config: dict[str, Any], key: str, value: Any) -> None:
    """Sets a key that does not enter the hash."""
    if not is_volatile(key) or key in ("run_name", "sweep_name"):
        allowed = [name for name in NOT_IN_HASH if not name.endswith("_name")]
        raise UserError(
            f"{key} cannot be changed when a run goes on: only {', '.join(allowed)} and trust can. "
            f"Start a new run without resume=."
        )
    for place in ("data.root", "data.source.root") if key == "data.root" else (key,):
        *parents, name = place.split(".")
        node: Any = config
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if isinstance(node, dict) and name in node:
            node[name] = value
