"""One process at a time: in a run's folder, and at a download. A dead process holds no lock."""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vae_lab.errors import UserError
from vae_lab.faults import explained

LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a folder, which is made, against other processes.

    Raises:
        UserError: where another process holds it, or nothing can be written there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another process is at work in {folder}: wait for it, or choose another folder."
        ) from None
    except OSError as error:
        raise UserError(explained(error, folder)) from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def turn(place: Path) -> Iterator[None]:
    """Waits until no other process of this person on this machine has its turn at a place.

    The lock lies in the system's folder for temporary files: a folder of data may be read-only.
    """
    from filelock import FileLock, Timeout

    who = os.getuid() if hasattr(os, "getuid") else 0
    name = hashlib.sha256(str(place.absolute()).encode()).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir()) / f"vae-lab-{who}-{name}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"vae-lab: waiting for another process to fill {place}", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
