"""`metrics.csv` in the run's folder."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from vae_lab.files import atomic
from vae_lab.loggers.base import RunLogger, without_epoch


class CsvLogger(RunLogger, Logger):
    """Writes `metrics.csv` into the run's folder: one row per step, one column per metric."""

    def __init__(self, *, save_dir: str | Path) -> None:
        """Takes the folder of the run, whose earlier rows `load_state_dict` brings back."""
        super().__init__()
        self._path = Path(save_dir) / "metrics.csv"
        self._rows: dict[int, dict[str, Any]] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"rows": list(self._rows.values())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        # The file follows with the next row.
        self._rows = {int(row["step"]): dict(row) for row in state.get("rows", [])}

    name = version = ""

    @property
    def save_dir(self) -> str:
        return str(self._path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        values = without_epoch(metrics)
        if not values or step is None:
            return
        self._rows.setdefault(step, {"step": step}).update(values)
        columns = dict.fromkeys(column for row in self._rows.values() for column in row)
        with atomic(self._path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(self._rows[step] for step in sorted(self._rows))
