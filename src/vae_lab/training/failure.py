"""A run that did not end well: what its folder and the person are told."""

import logging
import math
from dataclasses import replace
from typing import Any

import numpy as np

from vae_lab.errors import JobFailed, NonFiniteError, describe_os_error
from vae_lab.files import atomic
from vae_lab.run_folder import DIVERGED, FAILED, RunFolder, RunResult
from vae_lab.training.request import RunRequest
from vae_lab.training.resume_state import FolderGone

log = logging.getLogger(__name__)

DIVERGED_BATCH = "diverged.npz"


def failure(error: Exception, request: RunRequest, initial: RunResult) -> JobFailed:
    """Records a failure and returns it in words."""
    folder = request.folder
    # This is why a file could not be written.
    if folder.result is not None and not folder.exists:
        error = FolderGone(folder)
    words = describe_os_error(error, folder.path)
    # A bound that is NaN or infinite has a status of its own, with its batch.
    status, facts = FAILED, None
    if isinstance(error, NonFiniteError):
        status, facts = DIVERGED, _record_divergence(error, folder)
    error_text = f"{type(error).__name__}: {words}"
    record_end(request, initial, status=status, error=error_text, diverged=facts)
    # The traceback goes into run.log only; the terminal gets one line.
    log.debug("The run failed.", exc_info=error)
    return JobFailed(f"{folder.name} {status}: {words} (more in {folder.path / 'run.log'})")


def _record_divergence(error: NonFiniteError, folder: RunFolder) -> dict[str, Any]:
    """Keeps the batch whose bound is not finite; returns what `result.json` says, NaN as a text."""
    facts = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in error.facts.items()
    }
    if error.images is None or error.index is None:
        return facts
    try:
        with atomic(folder.path / DIVERGED_BATCH) as partial, partial.open("wb") as file:
            np.savez(file, images=error.images.cpu().numpy(), index=error.index.cpu().numpy())
    except OSError as refused:
        log.warning("The batch is not kept: %s", describe_os_error(refused, folder.path))
        return facts
    return facts | {"batch": DIVERGED_BATCH}


def record_end(request: RunRequest, initial: RunResult, **ending: Any) -> None:
    """Writes how a run ended, if the disk lets it; else the folder still says `running`."""
    folder = request.folder
    try:
        # Added to what the steps wrote so far; nothing at all is there on a disk that was full.
        folder.write_result(replace(folder.result or initial, **ending))
        folder.write_config(request.config, request.choices)
    except OSError as error:
        log.debug("The end of the run is not recorded: %s", error)
