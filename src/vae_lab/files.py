"""Files that are written whole or not at all, and folders that one process has at a time."""

import glob
import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vae_lab.errors import UserError, describe_os_error

# The ending of a file that is not complete. Nobody else uses it.
PARTIAL = "vae-lab-partial"
# In a folder: held by the process that uses it.
LOCK = ".lock"
# Seconds in which a process that looks whether a folder is held is gone again.
_LOOK = 0.5
# A file that nobody has written to for so long is not being written any more.
_ABANDONED = 3600  # seconds
# How Pillow saves the pictures of a training: in 0.8 of the time of level 3, and 0.4 of its usual
# time, into files as large as those of level 3.
QUICK_PNG: dict[str, Any] = {"format": "PNG", "compress_level": 3, "compress_type": zlib.Z_RLE}


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yields a place beside `path` to write to; on leaving it becomes `path`, whole or not at all.

    The folder is made. A process that is killed in between leaves `.NAME.PID.vae-lab-partial`,
    which is removed by one that writes the file an hour later or more.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.{PARTIAL}"):
        pid = left.name.removesuffix(f".{PARTIAL}").rpartition(".")[2]
        # Processes of other machines, which may share the folder, are not seen here.
        with suppress(FileNotFoundError):
            is_old = time.time() - left.lstat().st_mtime > _ABANDONED
            if pid.isdigit() and is_old and not _is_at_work(int(pid)):
                left.unlink()
    partial = path.with_name(f".{path.name}.{os.getpid()}.{PARTIAL}")
    try:
        # A new file, always: in somebody else's folder a link of that name may lead anywhere.
        partial.unlink(missing_ok=True)
        partial.touch(exist_ok=False)
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _is_at_work(pid: int) -> bool:
    """Tells whether another process of this number may be writing."""
    if pid == os.getpid():
        return False
    if os.name == "nt":  # where a signal would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextmanager
def partial_folder(place: Path) -> Iterator[Path]:
    """Yields a new folder in `place`, which is there, for files that are not complete.

    It is removed at the end. A process that is killed in between leaves it, and the next one here
    removes it. A running process holds the lock of its folder, on whatever machine it is.
    """
    from filelock import FileLock, Timeout

    for left in place.glob(f".*.{PARTIAL}"):
        # Not one of somebody else, nor one that another process is using.
        with suppress(OSError, Timeout):
            if left.is_dir() and not left.is_symlink():
                with FileLock(left / LOCK, blocking=False):
                    pass
                shutil.rmtree(left, ignore_errors=True)
    # Errors are ignored: another thread may still be writing there.
    with (
        tempfile.TemporaryDirectory(
            prefix=".", suffix=f".{PARTIAL}", dir=place, ignore_cleanup_errors=True
        ) as name,
        FileLock(Path(name) / LOCK),
    ):
        yield Path(name)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with atomic(path) as partial:
        # Halves of characters, out of names of files, have no bytes.
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def remove_partial(folder: Path) -> None:
    """Removes what a killed process of the run in `folder` left beside the places of its files.

    Only files with the ending of `atomic`, and only where a run writes: all others are not ours.
    """
    for place in (".", "checkpoints", "figures", "projector"):
        for path in (folder / place).glob(f".*.{PARTIAL}"):
            is_ours = re.fullmatch(rf"\..+\.\d+\.{PARTIAL}", path.name)
            if is_ours and path.is_file() and not path.is_symlink():
                path.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder, which is made, against other processes; UserError if one uses it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=_LOOK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another process is using {folder}: wait for it, or choose another folder."
        ) from None
    except OSError as error:
        raise UserError(describe_os_error(error, folder)) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Tells whether a process holds a folder. Nothing is written, and nobody is kept waiting."""
    from filelock import FileLock, Timeout

    try:
        if not (folder / LOCK).exists():
            return False
        with FileLock(folder / LOCK, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # somebody else's: it cannot be told
        return True


@contextmanager
def locked_if_free(folder: Path) -> Iterator[None]:
    """Holds a folder, which is there, so that `is_locked` tells it; several may work in it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=_LOOK)
    with suppress(Timeout, OSError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def wait_for_lock(place: Path) -> Iterator[None]:
    """Waits until no other process of this person on this machine has its turn at a place.

    The lock lies in the system's folder for temporary files: a folder of data may be read-only.
    """
    from filelock import FileLock, Timeout

    who = os.getuid() if hasattr(os, "getuid") else 0
    name = hashlib.sha256(str(place.absolute()).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"vae-lab-{who}-{name}.lock"
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"vae-lab: waiting for another process to fill {place}", file=sys.stderr, flush=True)
        lock.acquire()
    except OSError as error:
        raise UserError(
            f"{path} is in the way ({error.strerror}): remove it, or set TMPDIR=FOLDER to a folder "
            f"of your own."
        ) from error
    try:
        yield
    finally:
        lock.release()


def check_writable(
    root: Path,
    remedy: str = "choose another with hydra.run.dir=FOLDER, or hydra.sweep.dir=FOLDER for a sweep",
) -> None:
    """Raises UserError if nothing can be written at or below a folder that may not exist yet."""
    existing = root.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UserError(
            f"the output folder {root} cannot be written ({error.strerror} at {existing}): "
            f"{remedy}."
        ) from error
