"""One process at a time: in a run's folder, and at a download. A dead process holds no lock."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vae_lab.errors import UserError

LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a folder, which is made, against other processes.

    Raises:
        UserError: where another process holds it, or nothing can be written there.
    """
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another process is at work in {folder}: wait for it, or choose another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()
