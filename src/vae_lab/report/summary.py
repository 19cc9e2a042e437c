"""The table of a sweep, `summary.csv`: a row for each run."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_lab.config.identity import options_of
from vae_lab.evaluations import evaluations_of
from vae_lab.files import write_text
from vae_lab.ownership import SUMMARY
from vae_lab.reading import MOST_TEXT, read_inside
from vae_lab.run_folder import FAILED, SUCCESS, RunFolder, RunResult

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
    ("posterior", ("choices", "posterior"), "{}"),
    ("condition", ("protocol", "condition"), "{}"),
    ("bound", ("protocol", "bound"), "{}"),
    ("samples", ("protocol", "num_samples"), "{}"),
    ("epochs", ("epochs",), "{}"),
    ("elbo/test", ("metrics", "elbo/test"), "{:.2f}"),
    ("elbo/test standard error", ("standard_errors", "elbo/test"), "{:.2f}"),
    ("recon/test", ("metrics", "recon/test"), "{:.2f}"),
    ("recon/test standard error", ("standard_errors", "recon/test"), "{:.2f}"),
    ("kl/test", ("metrics", "kl/test"), "{:.2f}"),
    ("kl/test standard error", ("standard_errors", "kl/test"), "{:.2f}"),
    ("seconds", ("seconds", "total"), "{:.1f}"),
    ("tags", ("tags",), "{}"),
    ("note", ("note",), "{}"),
)

# What a column holds for a run that was measured and has no such entry.
UNLESS_SAID = {"condition": "none"}

# What `python -m vae_lab.evaluate` adds to them; of several evaluations that with the most samples.
EVALUATED = (
    *("iw_bound", "exact", "bits_per_dimension", "knn_accuracy", "linear_probe_accuracy"),
    *("precision", "recall", "mutual_information_lower", "mutual_information_upper"),
    *("annealed", "log_likelihood", "approximation_gap", "amortisation_gap"),
)
HEADINGS = (
    *(heading for heading, _, _ in COLUMNS),
    *(heading for name in EVALUATED for heading in (name, f"{name} standard error")),
    *("evaluation", "path"),
)


def row(result: RunResult) -> dict[str, str]:
    """Returns a run's row of the table, but for its `path`."""
    cells = {}
    for heading, (field, *keys), form in COLUMNS:
        value: Any = getattr(result, field)
        value = options_of(value) if field == "choices" else value
        for key in keys:
            value = value.get(key)
        if value is None and result.protocol:
            value = UNLESS_SAID.get(heading)
        if isinstance(value, list):
            value = ", ".join(value)
        text = "" if value is None else form.format(value)
        cells[heading] = without_formula(text) if isinstance(value, str) else text
    return cells


def without_formula(text: str) -> str:
    """Returns a text for a cell of a table, marked as a text if it looks like a formula."""
    # A spreadsheet takes such a text for a formula, which can start programs.
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@")) else text


def result_of(folder: Path) -> RunResult:
    """Returns what is known of a run; a job without a result failed, for it never started."""
    never = RunResult(name=folder.name, status=FAILED, error="never started")
    return RunFolder(folder).result or never


def write_summary(folder: Path, runs: Sequence[Path], earlier: Path | None = None) -> None:
    """Writes `summary.csv` of runs, in the order of an earlier one, and with its other jobs."""
    by_name = {run.name: run for run in runs}
    known = _read(earlier) if earlier and len(by_name) == len(runs) else []
    table = []
    for cells in known:
        run = by_name.pop(Path(cells.get("path") or cells["run"]).name, None)
        # A job that failed keeps its row, for its folder can hold another run.
        table.append(_row(run) if run and cells["status"] == SUCCESS else cells)
    write_rows(folder, [*table, *map(_row, by_name.values() if known else runs)])


def _row(run: Path) -> dict[str, str]:
    return row(result_of(run)) | {"path": str(run)}


def _read(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a `summary.csv`; none if there is no readable one."""
    try:
        text = read_inside(path, path.parent, most=MOST_TEXT).decode()
        table = list(csv.DictReader(io.StringIO(text)))
    except (ValueError, csv.Error):
        return []
    is_whole = [None not in (*cells, *cells.values()) and "status" in cells for cells in table]
    return table if all(is_whole) else []


def write_rows(folder: Path, table: list[dict[str, str]]) -> list[dict[str, str]]:
    """Writes `summary.csv`, with what was evaluated of the runs, and returns its rows without."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADINGS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for cells in table:
        path = cells.get("path", "")
        evaluated = _evaluated(RunFolder(Path(path))) if cells["status"] == SUCCESS else {}
        writer.writerow(cells | evaluated | {"path": without_formula(path)})
    write_text(folder / SUMMARY, text.getvalue())
    return table


def _evaluated(run: RunFolder) -> dict[str, str]:
    """Returns what was evaluated of a run."""
    records = evaluations_of(run) if run.is_finished else []
    columns = records[0].columns() if records else {}
    return {
        name: value if isinstance(value, str) else f"{value:.6g}" for name, value in columns.items()
    }
