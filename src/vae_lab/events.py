"""Event files of a run that was stopped: how long they were, and back to that length."""

import time
from collections.abc import Mapping
from pathlib import Path

PATTERN = "events.out.tfevents.*"


def lengths(folder: Path) -> dict[str, int]:
    """Returns the size of every event file in bytes, by name."""
    return {path.name: path.stat().st_size for path in folder.glob(PATTERN)}


def cut_back(folder: Path, known: Mapping[str, int]) -> None:
    """Takes every event file back to its known length; one that is not known goes.

    Nothing is then left of what a stopped run wrote after its last checkpoint, half a record
    included, and no reader shows an epoch twice.
    """
    kept = []
    # The folder's own names, never those of `known`, which came out of a file.
    for path in folder.glob(PATTERN):
        size = known.get(path.name)
        if not isinstance(size, int) or path.is_symlink():
            path.unlink()
            continue
        kept.append(path)
        if path.stat().st_size > size >= 0:
            with path.open("r+b") as file:
                file.truncate(size)
    _outlast(kept)


def _outlast(files: list[Path]) -> None:
    """Waits until the next event file's name, which begins with the second, comes after these.

    TensorBoard reads files in the order of their names.
    """
    stamps = [int(stamp) for path in files if (stamp := path.name.split(".")[3]).isdigit()]
    ahead = max(stamps, default=0) + 1 - time.time()
    if 0 < ahead <= 1:
        time.sleep(ahead)
