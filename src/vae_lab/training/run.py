"""One run: build, fit, test, record."""

import logging
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from vae_lab import environment
from vae_lab.config.identity import config_hash
from vae_lab.config.resolve import stated
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.environment import gpus_hidden
from vae_lab.errors import JobFailed, NonFiniteError, Stopped, describe_os_error
from vae_lab.files import atomic, remove_partial, write_text
from vae_lab.loggers.base import logged_run
from vae_lab.run_folder import (
    DIVERGED,
    FAILED,
    INTERRUPTED,
    RUNNING,
    SUCCESS,
    is_finished,
    read_result,
    write_result,
)
from vae_lab.training.distributed import rank_zero
from vae_lab.training.final_test import final_test
from vae_lab.training.resume_state import Start, find_start, restore_loggers
from vae_lab.training.trainer import assemble, matrix_products
from vae_lab.vae import VAE

log = logging.getLogger(__name__)

DIVERGED_BATCH = "diverged.npz"


def run(
    config: Mapping[str, Any],
    choices: Mapping[str, str],
    folder: Path,
    command: str,
    *,
    trust: bool = True,
) -> dict[str, Any]:
    """Trains and tests one model and returns its result, which also lies in its folder.

    A run that was interrupted goes on after its last checkpoint.

    Args:
        config: resolved and checked; see `config.resolved`.
        choices: the option of each group, for tables and for the TensorBoard columns.
        folder: where everything goes.
        command: the command line that asked for it.
        trust: whether classes of other packages may be used; see `instantiate.locate`.

    Raises:
        JobFailed: where the run stopped; the folder's `result.json` and `run.log` say why.
        Stopped: where a signal asked for it.
    """
    earlier = read_result(folder)
    if earlier is not None and is_finished(folder, config_hash(config)):
        log.info("%s: already finished, nothing to do.", folder.name)
        return earlier
    if earlier is not None and earlier.get("config_hash") != config_hash(config):
        raise JobFailed(f"{folder} holds a run of another configuration: choose another folder.")
    result = _begin(config, choices, folder, command)
    _attempt(config, folder, result, earlier, trust=trust)
    _announce_end(result, folder)
    return result


def _attempt(
    config: Mapping[str, Any],
    folder: Path,
    result: dict[str, Any],
    earlier: Mapping[str, Any] | None,
    *,
    trust: bool,
) -> None:
    """Does the run, adds to its result, and records how it ended."""
    try:
        start = _prepare(config, folder, result, earlier)
        _work(config, folder, result, start, trust=trust)
        result |= {"status": SUCCESS, "ended": _now()}
        write_result(folder, result)
    except (Stopped, KeyboardInterrupt, SystemExit):
        # The last two: who calls this from a notebook has handlers of their own.
        _record(folder, result | {"status": INTERRUPTED})
        raise
    except Exception as error:
        raise _failed(error, folder, result) from error


def _prepare(
    config: Mapping[str, Any],
    folder: Path,
    result: dict[str, Any],
    earlier: Mapping[str, Any] | None,
) -> Start:
    """Says in the folder what runs there, and returns where it starts."""
    remove_partial(folder)
    start = find_start(folder, result["config_hash"])
    if earlier is not None and start.checkpoint is not None:
        result["started"] = earlier.get("started", result["started"])
        # An attempt that came no further is not told twice.
        earlier_starts = [e for e in earlier.get("resumed_after", []) if e != start.epochs_done]
        result["resumed_after"] = [*earlier_starts, start.epochs_done]
        log.info("%s: goes on after epoch %d.", result["name"], start.epochs_done)
    write_result(folder, result)
    choices = {"choices": dict(result["choices"])}
    write_text(folder / "config.yaml", OmegaConf.to_yaml({**config, **choices}))
    return start


def _failed(error: Exception, folder: Path, result: Mapping[str, Any]) -> JobFailed:
    """Records a failure and returns it in words."""
    words = describe_os_error(error, folder)
    failure: dict[str, Any] = {"status": FAILED, "error": f"{type(error).__name__}: {words}"}
    if isinstance(error, NonFiniteError):
        failure["status"] = DIVERGED
        try:
            failure["diverged"] = _record_divergence(error, folder)
        except OSError as refused:
            log.warning("The batch is not kept: %s", describe_os_error(refused, folder))
    _record(folder, {**result, **failure})
    log.debug("The run failed.", exc_info=error)
    return JobFailed(f"{folder.name} {failure['status']}: {words} (more in {folder / 'run.log'})")


def _record_divergence(error: NonFiniteError, folder: Path) -> dict[str, Any]:
    """Keeps the batch whose bound is no number, and returns what `result.json` says of it.

    Values that are no numbers are texts there, for JSON has none.
    """
    facts = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in error.facts.items()
    }
    if error.images is None or error.index is None:
        return facts
    with atomic(folder / DIVERGED_BATCH) as partial, partial.open("wb") as file:
        np.savez(file, images=error.images.cpu().numpy(), index=error.index.cpu().numpy())
    return facts | {"batch": DIVERGED_BATCH}


def _record(folder: Path, result: Mapping[str, Any]) -> None:
    """Writes how a run ended, if the disk lets it; else the folder still says `running`."""
    try:
        write_result(folder, result)
    except OSError as error:
        log.debug("The end of the run is not recorded: %s", error)


def _announce_end(result: Mapping[str, Any], folder: Path) -> None:
    log.info(
        "%s: test elbo %.2f = -(recon %.2f + kl %.2f) nats per image, %.1f s, in %s",
        result["name"],
        *(result["metrics"][f"{name}/test"] for name in ("elbo", "recon", "kl")),
        result["seconds"]["total"],
        folder,
    )


def _begin(
    config: Mapping[str, Any], choices: Mapping[str, str], folder: Path, command: str
) -> dict[str, Any]:
    """Returns what is known of a run before it starts."""
    return {
        "name": config["run_name"] or folder.name,
        "status": RUNNING,
        "config_hash": config_hash(config),
        "choices": dict(choices),
        "latent_dim": config["latent_dim"],
        "seed": config["seed"],
        "command": command,
        "started": _now(),
        "threads": config["threads"],
        "precision": str(config["trainer"]["precision"]),
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
        "machine": environment.machine(),
    }


def _work(
    config: Mapping[str, Any], folder: Path, result: dict[str, Any], start: Start, *, trust: bool
) -> None:
    """Does the run, or what is left of it, and adds to its result."""
    began = time.perf_counter()
    environment.reset_peak_memory()
    data, model, memory, trainer = assemble(config, folder, start, trust=trust)
    restore_loggers(trainer.loggers, start)
    _describe(config, data, model, result)

    with logged_run(trainer.loggers, config, result, is_new=start.checkpoint is None):
        with gpus_hidden(config), matrix_products(config), rank_zero(folder, trust=trust):
            trainer.fit(model, datamodule=data, ckpt_path=start.checkpoint)
        fit_seconds = memory.seconds
        result["epochs"] = trainer.current_epoch
        result |= final_test(config, folder, trainer, data, memory.curves(trainer))
    earlier = float(start.memory.get("seconds", 0.0))
    result["seconds"] = {
        "total": round(time.perf_counter() - began + earlier, 3),
        "fit": round(fit_seconds, 3),
        "per_epoch": round(fit_seconds / max(1, trainer.current_epoch), 3),
    }
    result["peak_memory_mb"] = environment.peak_memory_mb()


def _describe(
    config: Mapping[str, Any], data: ImageDataModule, model: VAE, result: dict[str, Any]
) -> None:
    """Adds to a result what is known once data and model are there."""
    result["data"] = _data_facts(config, data)
    result["image_shape"] = list(data.image_shape)
    result["num_parameters"] = sum(p.numel() for p in model.parameters())
    log.info(
        "%s: %s parameters, %s training / %s validation / %s test images",
        result["name"],
        f"{result['num_parameters']:,}",
        *(f"{result['data'][split]:,}" for split in ("train", "val", "test")),
    )

    log.info("%s: %s", result["name"], stated(config))


def _data_facts(config: Mapping[str, Any], data: ImageDataModule) -> dict[str, Any]:
    return {
        "name": config["data"]["name"],
        "train": len(data.train_images),
        "val": len(data.val_images),
        "test": len(data.test_images),
        "labels": list(data.label_names or []),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
