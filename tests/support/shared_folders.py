"""Folders that are costly to make: made once, for all parallel workers of pytest."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared_folder(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """Returns a folder that `make` filled: in the worker that came first, the others wait."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = factory.mktemp(name)
        make(folder)
        return folder
    # The folders of the workers lie side by side.
    folder = factory.getbasetemp().parent / name
    complete = folder.with_name(f"{name}-complete")
    with FileLock(f"{folder}.lock"):
        if not complete.exists():
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder
