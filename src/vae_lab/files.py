"""Files that are written whole or not at all."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The ending of a file that is not complete. Nobody else uses it.
PARTIAL = "vae-lab-partial"
# The folders of a run, below its own, that such files can lie in.
_FOLDERS_OF_A_RUN = (".", "checkpoints", "figures", "projector")


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a place beside `path` to write to; on leaving it becomes `path`, whole or not at all.

    The folder is made. A process that is killed in between leaves `.NAME.PID.vae-lab-partial`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.{PARTIAL}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with atomic(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove_partial(folder: Path) -> None:
    """Removes what a killed process of the run in `folder` left beside the places of its files.

    Only files with the ending of `atomic`, and only where a run writes: every other file, hidden or
    not, is somebody else's.
    """
    for place in _FOLDERS_OF_A_RUN:
        for path in (folder / place).glob(f".*.{PARTIAL}"):
            own = re.fullmatch(rf"\..+\.\d+\.{PARTIAL}", path.name)
            if own and path.is_file() and not path.is_symlink():
                path.unlink()
