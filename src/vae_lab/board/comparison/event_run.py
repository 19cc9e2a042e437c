"""The run `comparison`: an event file with one picture for each kind, of all runs.

It holds no `result.json`, which tells it from a run: reports, tables and resumes pass it by.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event

from vae_lab.board.comparison.pictures import Comparison, comparisons
from vae_lab.loggers.event_files import EventFile, image_summary, our_files
from vae_lab.ownership import COMPARISON
from vae_lab.report.grouping import group_runs
from vae_lab.report.runs import find_runs
from vae_lab.run_folder import EVENT_FILES, RESULT


def write_comparison(folders: Sequence[Path], target: Path) -> list[str]:
    """Writes the pictures of the finished runs of some folders; returns their tags.

    They replace those that an earlier call wrote. Nothing is written of a single run, nor of runs
    that are not shown in TensorBoard.

    Args:
        folders: sweeps, runs, or folders of any of them.
        target: where TensorBoard looks for the run `comparison`.

    Raises:
        UserError: A folder does not exist, or there is no finished run.
        FileExistsError: Something of somebody else is where the pictures belong.
    """
    folder = target / COMPARISON
    runs, _ = find_runs(folders)
    groups = [group for group in group_runs(runs)[0] if len(group.runs) > 1]
    has_events = any(next(run.path.glob(EVENT_FILES), None) for run in runs)
    # A job of a sweep can have this name.
    if not groups or not has_events or (folder / RESULT).exists():
        return []
    check_comparison(folder)
    drawn = {
        f"{COMPARISON}/{kind}" + f" ({number})" * (number > 1): comparison
        for number, group in enumerate(groups, start=1)
        for kind, comparison in comparisons(group)
    }
    _replace(folder, drawn, step=max(run.result.epochs or 0 for run in runs))
    return list(drawn)


def _replace(folder: Path, drawn: Mapping[str, Comparison], *, step: int) -> None:
    """Writes the pictures, and removes the earlier ones when that is done."""
    earlier, file = our_files(folder), EventFile(folder)
    try:
        for tag, (picture, description) in drawn.items():
            summary = image_summary(tag, picture, description)
            file.add_event(Event(wall_time=time.time(), step=step, summary=summary))
    except BaseException:
        # Of a full disk or Ctrl-C, no half of it: it would pass for the newest.
        file.remove()
        raise
    for path in earlier:
        path.unlink(missing_ok=True)  # a board may draw them at the same time


def check_comparison(folder: Path) -> None:
    """Raises FileExistsError if somebody else's files are where the run `comparison` belongs."""
    if not folder.is_symlink() and not folder.exists():
        return
    is_folder = folder.is_dir() and not folder.is_symlink()
    if not is_folder or (any(folder.iterdir()) and not our_files(folder)):
        raise FileExistsError(f"{folder} was not made by VAE Lab: move it away")
