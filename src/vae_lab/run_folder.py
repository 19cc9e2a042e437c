"""What a run leaves behind: `result.json`, `config.yaml`, checkpoints. No torch.

A run's folder explains itself: `result.json` is there from the first second (status `running`), and
everything is written beside its place and renamed, so that a reader never meets half a file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from vae_lab.config.identity import config_hash
from vae_lab.errors import UserError
from vae_lab.files import write_text

CONFIG = "config.yaml"

# In the folder of a sweep: the command lines that made its runs, one a line.
COMMANDS = "command.txt"


class Recorded(NamedTuple):
    """A run: its folder, its resolved configuration, and what `result.json` says of it."""

    folder: Path
    config: dict[str, Any]
    result: dict[str, Any]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The (C, H, W) of the run's images; UserError where the run did not come so far."""
        shape = self.result.get("image_shape")
        if not shape:
            raise UserError(
                f"{self.folder / RESULT} does not say the shape of the images (status of the run: "
                f"{self.result['status']}): train it anew."
            )
        return tuple(shape)

    def with_data(self, root: str | None, path: str | None) -> dict[str, Any]:
        """Returns the configuration with the places of its data replaced, those not None."""
        source = dict(self.config["data"]["source"])
        given = {"root": root, "path": path}
        source |= {key: one for key, one in given.items() if key in source and one is not None}
        return {**self.config, "data": {**self.config["data"], "source": source}}


def read_run(folder: Path) -> Recorded:
    """Returns what a run's folder records.

    Raises:
        UserError: where the folder is no run, or its files do not belong together.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder: name a run's, such as outputs/runs/NAME.")
    result = read_result(folder)
    if result is None:
        raise UserError(
            f"{folder} is no run: it has no readable {RESULT}. Name the folder of one run, such as "
            f"outputs/runs/NAME or outputs/sweeps/SWEEP/NAME."
        )
    try:
        # Nothing in it is resolved again: it holds values, and what looks otherwise is not ours.
        config = OmegaConf.to_container(OmegaConf.load(folder / CONFIG), resolve=False)
    except Exception as error:  # a damaged file can fail in any way
        raise UserError(f"{folder / CONFIG} cannot be read: {error}.") from error
    if not isinstance(config, dict):
        raise UserError(f"{folder / CONFIG} is no configuration.")
    values = {str(key): value for key, value in config.items() if key != "choices"}
    if _hash(values) != result.get("config_hash"):
        raise UserError(
            f"{folder / CONFIG} is not the configuration of this run: it was changed, or is "
            f"another run's ({RESULT} has another hash)."
        )
    return Recorded(folder, values, result)


def _hash(values: dict[str, Any]) -> str | None:
    try:
        return config_hash(values)
    except (TypeError, ValueError, RecursionError):  # a date, or keys of two kinds
        return None


def checkpoint_of(run: Recorded, weights: str | None) -> Path:
    """Returns the checkpoint of a run: `best`, `last`, or for None the best there is.

    Raises:
        UserError: where the run has none of that name.
    """
    for name in [weights] if weights else ["best", "last"]:
        path = run.folder / "checkpoints" / f"{name}.ckpt"
        if path.is_file():
            return path
    raise UserError(
        f"{run.folder} has no checkpoint {weights or 'best or last'} (status of the run: "
        f"{run.result['status']}): train it to the end."
    )


RESULT = "result.json"

RUNNING, SUCCESS, FAILED, INTERRUPTED = "running", "success", "failed", "interrupted"

DIVERGED = "diverged"

STATUSES = (RUNNING, SUCCESS, FAILED, INTERRUPTED, DIVERGED)


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """Writes `result.json` into a run's folder."""
    write_text(folder / RESULT, json.dumps(result, indent=2) + "\n")


def read_result(folder: Path) -> dict[str, Any] | None:
    """Returns a run's result, or None where the folder holds no readable one."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return result if isinstance(result, dict) and _is_sound(result) else None


def _is_sound(result: Mapping[str, Any]) -> bool:
    """Tells whether what tables and resumed runs rely on is of its kind: a file can be damaged."""
    texts = all(isinstance(result.get(key, ""), str) for key in ("name", "config_hash", "command"))
    nodes = all(isinstance(result.get(key, {}), dict) for key in ("data", "metrics", "seconds"))
    nodes = nodes and isinstance(result.get("choices", {}), dict)
    numbers = [*result.get("metrics", {}).values(), *result.get("seconds", {}).values()] * nodes
    return (
        texts
        and nodes
        and result.get("status") in STATUSES
        and isinstance(result.get("resumed_after", []), list)
        and all(isinstance(number, int | float) for number in numbers)
    )


def holds_run(folder: Path) -> bool:
    """Tells whether a run began in this very folder, whatever became of it."""
    return (folder / RESULT).exists()


def runs_in(folder: Path) -> list[Path]:
    """Returns the folders of the runs directly below a folder, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{RESULT}"))


def is_of(folder: Path, config_hash: str) -> bool:
    """Tells whether the folder holds a run of this very configuration."""
    result = read_result(folder)
    return result is not None and result.get("config_hash") == config_hash


def is_finished(folder: Path, config_hash: str) -> bool:
    """Tells whether the folder holds a finished run of this very configuration."""
    return is_success(folder) and is_of(folder, config_hash)


def is_success(folder: Path) -> bool:
    """Tells whether the folder holds a run that ended well."""
    result = read_result(folder)
    return result is not None and result["status"] == SUCCESS
