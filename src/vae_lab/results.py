"""What a run leaves behind in words and figures: `result.json`, and the `summary.csv` of a sweep.

A run's folder explains itself: `result.json` is there from the first second (status `running`), and
everything is written beside its place and renamed, so that a reader never meets half a file.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_lab.files import write_text

RESULT = "result.json"
RUNNING, SUCCESS, FAILED, INTERRUPTED = "running", "success", "failed", "interrupted"
DIVERGED = "diverged"
STATUSES = (RUNNING, SUCCESS, FAILED, INTERRUPTED, DIVERGED)

# The columns of a sweep's table: heading, where in the result, format.
COLUMNS = (
    ("run", ("name",), "{}"),
    ("status", ("status",), "{}"),
    ("data", ("data", "name"), "{}"),
    ("epochs", ("epochs",), "{}"),
    ("elbo/test", ("metrics", "elbo/test"), "{:.2f}"),
    ("recon/test", ("metrics", "recon/test"), "{:.2f}"),
    ("kl/test", ("metrics", "kl/test"), "{:.2f}"),
    ("seconds", ("seconds", "total"), "{:.1f}"),
)


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


def rows(folders: Sequence[Path]) -> list[dict[str, str]]:
    """Returns one row of the sweep's table per run, in the given order.

    A folder without a result is a row too, with the status `failed`: a job never goes missing.
    """
    return [_row(folder) for folder in folders]


def _row(folder: Path) -> dict[str, str]:
    result = read_result(folder) or {"name": folder.name, "status": FAILED}
    row = {}
    for heading, path, form in COLUMNS:
        value: Any = result
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        row[heading] = "" if value is None else form.format(value)
    return row


def write_summary(folder: Path, runs: Sequence[Path]) -> list[dict[str, str]]:
    """Writes `summary.csv` of a sweep and returns its rows."""
    table = rows(runs)
    text = io.StringIO()
    writer = csv.DictWriter(text, [heading for heading, _, _ in COLUMNS], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    write_text(folder / "summary.csv", text.getvalue())
    return table
