"""What a training tells other programs, with `--json`: docs/reference/json.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_lab.errors import Stopped, in_one_line, tell
from vae_lab.ownership import EXPLORER, FIGURES_PAGE, PAGE, SUMMARY
from vae_lab.report.summary import result_of
from vae_lab.run_folder import BEST, CONFIG, LAST, RESULT, RunFolder, runs_in

if TYPE_CHECKING:  # a line that is wrong needs neither
    from vae_lab.cli.dry_run import WorkToDo
    from vae_lab.cli.execution import Outcome, PreparedTraining

# Files of a run, by the names that the document has for them.
_FILES = {
    "result": RESULT,
    "config": CONFIG,
    "log": "run.log",
    "best": f"checkpoints/{BEST}",
    "last": f"checkpoints/{LAST}",
    "per_image": "per_image.npz",
    "pictures": f"figures/{FIGURES_PAGE}",
    "explorer": EXPLORER,
}


class TrainingOutcome:
    """What is known of a training so far: also of one that ends with an error, or is stopped."""

    def __init__(self) -> None:
        self.prepared: PreparedTraining | None = None
        self.outcome: Outcome | None = None
        self.work: WorkToDo | None = None  # of a dry run
        self._error: str | None = None

    def tell(self, error: Exception) -> None:
        """Prints an error, and keeps it."""
        tell(error)
        self._error = in_one_line(error)

    def content(self, stopped: Stopped | None = None) -> dict[str, Any]:
        """Returns what is known, for JSON; `stopped` ended it."""
        error = str(stopped) if stopped else self._error
        content: dict[str, Any] = {}
        if self.work:
            content = self.work.to_json()
        elif self.outcome:
            outcome = self.outcome
            content = _of_runs(outcome.folder, outcome.runs, is_sweep=outcome.is_sweep)
            content["unfinished"] = outcome.unfinished
            if outcome.unfinished and error is None:
                error = f"not finished: {', '.join(outcome.unfinished)}."
        elif self.prepared:
            content = _so_far(self.prepared)
        if stopped:
            content["to_resume"] = stopped.to_resume or None
        return {"error": error, **content}


def _so_far(prepared: "PreparedTraining") -> dict[str, Any]:
    """Returns what became of the runs of a training that did not come to its end."""
    if prepared.resumed:
        folder = prepared.resumed.run.path
        return _of_runs(folder, [folder], is_sweep=False)
    planned = prepared.planned
    if planned is None:
        return {}
    is_sweep = prepared.jobs is not None and prepared.jobs.is_sweep
    if not is_sweep:
        return _of_runs(planned.root, [planned.root], is_sweep=False)
    known = [run.folder for run in planned.runs or ()]
    folders = known or [run.path for run in runs_in(planned.root)]
    return _of_runs(planned.root, folders, is_sweep=True)


def _of_runs(root: Path, folders: Sequence[Path], *, is_sweep: bool) -> dict[str, Any]:
    runs = [_of_run(folder) for folder in folders]
    content: dict[str, Any] = {
        "is_sweep": is_sweep,
        "folder": root,
        "runs": runs,
        "unfinished": [run["name"] for run in runs if run["status"] != "success"],
    }
    if is_sweep:
        pages = {"report": root / PAGE, "summary": root / SUMMARY}
        content |= {name: path if path.exists() else None for name, path in pages.items()}
    return content


def _of_run(folder: Path) -> dict[str, Any]:
    """Returns name, status, numbers and files of a run; one without a result never started."""
    result, run = result_of(folder), RunFolder(folder)
    paths = {name: folder / file for name, file in _FILES.items()}
    return {
        "name": result.name or folder.name,
        "folder": folder,
        "status": result.status if run.exists else "never started",
        "error": result.error,
        "metrics": result.metrics,
        "standard_errors": result.standard_errors,
        "epochs": result.epochs,
        "seconds": result.seconds.get("total"),
        "files": {name: path for name, path in paths.items() if path.exists()},
    }
