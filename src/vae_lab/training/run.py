"""One run: build, fit, test, record.

What is known of the run so far lies in its folder at any time (`result.json`): each step takes the
result, adds what it found out, and writes it.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vae_lab import environment
from vae_lab.callbacks.progress import Progress
from vae_lab.config.identity import config_hash
from vae_lab.config.remarks import remarks_of
from vae_lab.config.resolve import stated
from vae_lab.epochs import callbacks_of
from vae_lab.errors import JobFailed, Stopped, describe_os_error
from vae_lab.files import remove_partial
from vae_lab.loggers.base import logged_run
from vae_lab.matrix_products import matrix_products
from vae_lab.ownership import EXPLORER, check_run_folder
from vae_lab.progress_files import RunProgress
from vae_lab.run_folder import (
    INTERRUPTED,
    LAST,
    RUNNING,
    SUCCESS,
    RunResult,
)
from vae_lab.training.distributed import rank_zero
from vae_lab.training.ending import announce_end, ending
from vae_lab.training.extension import extend
from vae_lab.training.failure import failure, record_end
from vae_lab.training.request import RunRequest
from vae_lab.training.resume_state import (
    ResumePoint,
    check_in_place,
    find_resume_point,
    restore_loggers,
)
from vae_lab.training.trainer import Parts, assemble, machine_settings, without_compiling
from vae_lab.training.warm_start import announce

log = logging.getLogger(__name__)


def run(request: RunRequest) -> RunResult:
    """Trains and tests one model and returns its result, which also lies in its folder.

    A run that was interrupted resumes after its last checkpoint.

    Raises:
        UserError: if the folder holds something else than a run.
        JobFailed: where the run stopped; the folder's `result.json` and `run.log` say why.
        Stopped: where a signal asked for it.
    """
    folder, earlier = request.folder, request.folder.result
    initial = _initial_result(request)
    # Whose folder is it? A finished run of the same configuration is the result already.
    check_run_folder(folder.path)
    if request.is_longer and earlier is not None and not folder.has_hash(initial.config_hash):
        earlier = extend(request, earlier, initial.config_hash)
    if earlier is not None and earlier.config_hash != initial.config_hash:
        raise JobFailed(
            f"{folder.path} holds a run of another configuration: choose another folder."
        )
    if earlier is not None and folder.is_finished:
        log.info("%s: already finished, nothing to do.", folder.name)
        return earlier
    # Whatever happens from here on is recorded in the folder.
    try:
        point = _begin(request, initial, earlier)
        result, parts = _train_and_test(request, point)
    except (Stopped, KeyboardInterrupt, SystemExit):
        # The last two: who calls this from a notebook has handlers of their own.
        record_end(request, initial, status=INTERRUPTED)
        raise
    except Exception as error:
        raise failure(error, request, initial) from error
    announce_end(result, folder)
    _explore(request, parts)
    return result


def _initial_result(request: RunRequest) -> RunResult:
    """Returns what is known of a run before it starts."""
    config = request.config
    return RunResult(
        name=config["run_name"] or request.folder.name,
        status=RUNNING,
        **remarks_of(config),
        config_hash=config_hash(config),
        choices=dict(request.choices),
        latent_dim=config["latent_dim"],
        seed=config["seed"],
        command=request.command,
        directory=request.directory,
        started=_now(),
        threads=config["threads"],
        precision=str(config["trainer"]["precision"]),
        versions=environment.versions(),
        git_commit=environment.git_commit(),
        machine=environment.machine(),
    )


def _begin(request: RunRequest, result: RunResult, earlier: RunResult | None) -> ResumePoint:
    """Says in the folder what runs there, and returns where it starts."""
    folder = request.folder
    # What a killed attempt was writing is in nobody's way any more: the folder is locked.
    remove_partial(folder.path)
    if earlier is not None:
        result = replace(result, continues=earlier.continues)
    point = find_resume_point(folder, result)
    if point.checkpoint is not None:
        # A newer one that is broken must not push this one out when the next is written.
        last = folder.checkpoints / LAST
        point = point._replace(checkpoint=point.checkpoint.replace(last))
    if earlier is not None and point.checkpoint is not None:
        # An attempt that came no further is not told twice.
        before = [epoch for epoch in earlier.resumed_after if epoch != point.epochs_done]
        result = replace(
            result,
            started=earlier.started or result.started,
            note=result.note or earlier.note,
            tags=result.tags or earlier.tags,
            warm_start=earlier.warm_start,
            ended_by=earlier.ended_by,
            resumed_after=[*before, point.epochs_done],
        )
        log.info("%s: resumes after epoch %d.", result.name, point.epochs_done)
    # The result first: a folder with a result is a run's, whatever else is missing in it.
    folder.write_result(result)
    folder.write_config(request.config, request.choices)
    return point


def _train_and_test(request: RunRequest, point: ResumePoint) -> tuple[RunResult, Parts]:
    """Does the run, or what is left of it; returns its result and what it was made with."""
    config, folder = request.config, request.folder
    # Build: data, model, trainer; event files go back to where the checkpoint was written.
    began = time.perf_counter()
    environment.reset_peak_memory()
    parts = assemble(config, folder, point, trust=request.trust, data=request.data)
    restore_loggers(parts.trainer.loggers, point)
    for display in callbacks_of(parts.trainer, Progress):
        display.place_in_sweep(*(request.place or ()))
    result = replace(folder.require_result(), **_sizes(config, parts))
    folder.write_result(result)
    _announce_start(result, config, parts)

    with logged_run(parts.trainer.loggers, config, result, is_new=point.checkpoint is None):
        result = _train(request, point, parts, result)
        # Test: within the row of the loggers, which get the test's metrics too.
        fit_seconds, curves = parts.resume_state.seconds, parts.resume_state.curves(parts.trainer)
        # Imported now: it brings scikit-learn, a second that the first step need not wait for.
        from vae_lab.training.final_test import final_test

        with matrix_products("highest"), without_compiling():
            test = final_test(config, folder, parts.trainer, parts.data, curves)
    # The time of all attempts: that of the earlier ones stands in the checkpoint.
    total = time.perf_counter() - began + float(point.state.get("seconds", 0.0))
    result = replace(
        result,
        **test,
        status=SUCCESS,
        ended=_now(),
        seconds=_seconds(total, fit_seconds, result.epochs or 0),
        peak_memory_mb=environment.peak_memory_mb(),
    )
    check_in_place(folder)
    folder.write_result(result)
    RunProgress.remove(folder.path)
    return result, parts


def _train(request: RunRequest, point: ResumePoint, parts: Parts, result: RunResult) -> RunResult:
    """Does the training, or what is left of it; returns the result with how far it came."""
    trainer, folder = parts.trainer, request.folder
    # Other processes of this run are started meanwhile, and are told its folder.
    with machine_settings(request.config), rank_zero(folder.path, trust=request.trust):
        trainer.fit(parts.model, datamodule=parts.data, ckpt_path=point.checkpoint)
    reached = ending(trainer)
    # Only the attempt that trained to the end saw why.
    reached["ended_by"] = result.ended_by or reached["ended_by"]
    check_in_place(folder)
    result = replace(result, **reached)
    folder.write_result(result)
    return result


def _seconds(total: float, fit: float, epochs: int) -> dict[str, float]:
    seconds = {"total": total, "fit": fit, "per_epoch": fit / max(1, epochs)}
    return {name: round(value, 3) for name, value in seconds.items()}


def _sizes(config: Mapping[str, Any], parts: Parts) -> dict[str, Any]:
    """Returns what is known when data and model are built."""
    data = parts.data
    return {
        "data": {"name": config["data"]["name"], **data.facts()},
        # What was used in the end: Lightning has no fp16 on a processor.
        "precision": str(parts.trainer.precision),
        "warnings": data.warnings,
        "image_shape": list(data.image_shape),
        "num_parameters": sum(p.numel() for p in parts.model.parameters()),
        **({"warm_start": parts.warm_start} if parts.warm_start else {}),
    }


def _announce_start(result: RunResult, config: Mapping[str, Any], parts: Parts) -> None:
    log.info(
        "%s: %s parameters, %s training / %s validation / %s test images",
        result.name,
        f"{result.num_parameters:,}",
        *(f"{result.data[split]:,}" for split in ("train", "val", "test")),
    )
    announce(result.name, parts.warm_start)
    asked, used = str(config["trainer"]["precision"]), str(result.precision)
    if asked in (used, used.partition("-")[0]):
        log.debug("%s: %s", result.name, stated(config))
    else:
        log.warning("%s: trainer.precision=%s is %s on this device", result.name, asked, used)
    for warning in result.warnings:
        log.warning("%s: %s", result.name, warning)


def _explore(request: RunRequest, parts: Parts) -> None:
    """Writes the page of a run whose result is written already: a failure costs only the page."""
    folder, settings = request.folder, request.config.get("explorer")
    if settings is None:
        return
    try:
        from vae_lab.explorer.content import TrainedRun
        from vae_lab.explorer.page import write_explorer

        run = TrainedRun(folder, parts.model, parts.data)
        with without_compiling():
            write_explorer(folder.path / EXPLORER, [run], run.name, settings)
    except Exception as error:
        words = f"{EXPLORER} is not written: {describe_os_error(error, folder.path)}"
        log.warning("%s: %s", folder.name, words)
        log.debug("The page failed.", exc_info=error)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
