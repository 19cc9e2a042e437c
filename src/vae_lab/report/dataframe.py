"""Runs as a table for notebooks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_lab.terminal import print_warning

if TYPE_CHECKING:
    import pandas as pd

    from vae_lab.report.runs import Run


def load_runs(*folders: Path | str) -> "pd.DataFrame":
    """Returns a pandas data frame with one row per finished run in some folders.

    The columns are:

    - `run`, `folder`, `note`, `tags` (a list), `seed`, `latent_dim`, and the option of each group
      (`model`, `data`, ...);
    - every key of the configuration (`optimizer.lr`);
    - the metrics of the run: `elbo/test` in nats per image, `elbo/test standard error`, ...;
      `bound` says which kind of bound it is, `fingerprint` which images it is of, `condition` what
      it is given: bounds with and without a condition cannot be compared;
    - what `python -m vae_lab.evaluate` measured: `iw_bound`, `exact`, and their standard errors.
      Of several evaluations of a run it is that with the most samples. `evaluation` is the name of
      its file: equal names mean equal protocols;
    - picture metrics (`sharpness_of_samples`), `epochs`, `seconds`, `num_parameters`.

    A value that a run does not have is missing in its row. Folders that were left out are in
    `frame.attrs["left_out"]`, each with the reason, and a warning says how many there are.

    Raises:
        UserError: A folder does not exist, or there is no finished run.
    """
    # They take a second, and the command line imports this package for its tables.
    import pandas as pd

    from vae_lab.report.runs import find_runs
    from vae_lab.report.wording import counted

    runs, skipped = find_runs([Path(folder).expanduser() for folder in folders], look=row_of)
    frame = pd.DataFrame([row_of(run) for run in runs])
    frame.attrs["left_out"] = [(str(path), reason) for path, reason in skipped]
    if skipped:
        path, reason = skipped[0]
        print_warning(
            f"load_runs left out {counted(len(skipped), 'folder')} (attrs['left_out']); {path}: "
            f"{reason}"
        )
    return frame


def row_of(run: "Run") -> dict[str, Any]:
    """Returns what the table has of a run, by column."""
    result = run.result
    errors = {f"{name} standard error": error for name, error in result.standard_errors.items()}
    return {
        "run": run.name,
        "folder": str(run.path),
        "note": result.note,
        "tags": result.tags,
        **result.metrics,
        **errors,
        **(run.evaluations[0].columns() if run.evaluations else {}),
        **_picture_metrics(run),
        "active_units": result.latent.get("active_units"),
        "epochs": result.epochs,
        "seconds": result.seconds.get("total"),
        "num_parameters": result.num_parameters,
        "config_hash": result.config_hash,
        "fingerprint": result.data.get("fingerprint"),
        "bound": result.protocol.get("bound", "elbo"),
        **run.settings,
        # Beside the option of the group, how many labels were known.
        "condition": result.protocol.get("condition", "none"),
    }


def _picture_metrics(run: "Run") -> dict[str, Any]:
    """Returns the values of the run's first picture metrics; those by label, by name and label."""
    values: dict[str, Any] = {}
    for name, number in (run.picture_metrics[0] if run.picture_metrics else {}).items():
        if isinstance(number.value, dict):
            values |= {f"{name}/{label}": value for label, value in number.value.items()}
        else:
            values[name] = number.value
            if number.standard_error is not None:
                values[f"{name} standard error"] = number.standard_error
    return values
