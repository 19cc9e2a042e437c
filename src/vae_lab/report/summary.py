"""The table of a sweep, `summary.csv`: a row for each run."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_lab.files import write_text
from vae_lab.ownership import SUMMARY
from vae_lab.run_folder import FAILED, RunFolder, RunResult

# The columns of a sweep's table: heading, where in the result, format.
COLUMNS = (
    ("run", ("name",), "{}"),
    ("status", ("status",), "{}"),
    ("model", ("choices", "model"), "{}"),
    ("latent_dim", ("latent_dim",), "{}"),
    ("seed", ("seed",), "{}"),
    ("data", ("data", "name"), "{}"),
    # What two bounds must share to be compared: the name of a data set may stay as images change.
    ("images", ("data", "fingerprint"), "{:.8}"),
    ("binarize", ("protocol", "binarize"), "{}"),
    ("likelihood", ("choices", "likelihood"), "{}"),
    ("bound", ("protocol", "bound"), "{}"),
    ("samples", ("protocol", "num_samples"), "{}"),
    ("epochs", ("epochs",), "{}"),
    ("elbo/test", ("metrics", "elbo/test"), "{:.2f}"),
    ("standard error", ("standard_errors", "elbo/test"), "{:.2f}"),
    ("recon/test", ("metrics", "recon/test"), "{:.2f}"),
    ("kl/test", ("metrics", "kl/test"), "{:.2f}"),
    ("seconds", ("seconds", "total"), "{:.1f}"),
)


def row(result: RunResult) -> dict[str, str]:
    """Returns a run's row of the table, but for its `path`."""
    cells = {}
    for heading, (field, *keys), form in COLUMNS:
        value: Any = getattr(result, field)
        for key in keys:
            value = value.get(key)
        text = "" if value is None else form.format(value)
        cells[heading] = _no_formula(text) if isinstance(value, str) else text
    return cells


def _no_formula(text: str) -> str:
    # A spreadsheet takes such a text for a formula, which can start programs.
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def result_of(folder: Path) -> RunResult:
    """Returns what is known of a run; a job without a result failed, for it never started."""
    never = RunResult(name=folder.name, status=FAILED, error="never started")
    return RunFolder(folder).result or never


def write_summary(folder: Path, runs: Sequence[Path]) -> list[dict[str, str]]:
    """Writes `summary.csv` of runs and returns its rows."""
    return write_rows(folder, [row(result_of(run)) | {"path": str(run)} for run in runs])


def write_rows(folder: Path, table: list[dict[str, str]]) -> list[dict[str, str]]:
    """Writes `summary.csv` and returns its rows."""
    text = io.StringIO()
    headings = [*(heading for heading, _, _ in COLUMNS), "path"]
    writer = csv.DictWriter(text, headings, lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells | {"path": _no_formula(cells["path"])} for cells in table)
    write_text(folder / SUMMARY, text.getvalue())
    return table
