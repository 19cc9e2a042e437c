"""The large imports of a command, without what takes their time and is not needed.

While modules are imported, Python looks again and again through all that is there for objects that
nobody uses, and finds next to none: a fifth of the time to the first training step. More than
that takes what is imported for a few names (`partial_imports`).
"""

import atexit
import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vae_lab.partial_imports import partial_imports


class _Process:
    # Whether it does a command of ours and nothing else. In a notebook there are other objects.
    is_ours = False


def begin_command() -> None:
    """Says that this process does a command of ours, and ends with it."""
    _Process.is_ours = True


@contextmanager
def large_imports(module: str) -> Iterator[None]:
    """Imports `module`, or what brings it, in the process of a command, which keeps all there is.

    In other processes, and if the module is imported already, it does nothing.
    """
    if not _Process.is_ours or module in sys.modules:
        yield
        return
    gc.disable()
    try:
        with partial_imports():
            yield
    finally:
        keep_all()
        gc.enable()


def keep_all() -> None:
    """Takes all there is out of the search for garbage, until the process ends."""
    gc.freeze()
    atexit.register(_end)


def _end() -> None:
    # What came later is finished as usual, while all modules are there.
    gc.collect()
    # Libraries of C++ report what is never finished as a leak. Python looks through everything once
    # more when it ends, and need not do so twice.
    gc.unfreeze()
    gc.disable()
    # NVIDIA's libraries take some 100 MB more while the process ends: not beside memory of no use.
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
