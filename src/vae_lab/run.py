"""One run: build, fit, test, record."""

import logging
import os
import shlex
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from pytorch_lightning.loggers import Logger

from vae_lab import build, columns, provenance
from vae_lab.data.module import ImageDataModule
from vae_lab.errors import JobFailed
from vae_lab.final import final_test
from vae_lab.identity import config_hash
from vae_lab.precision import choose
from vae_lab.results import (
    FAILED,
    INTERRUPTED,
    RUNNING,
    SUCCESS,
    is_finished,
    read_result,
    write_result,
    write_text,
)

log = logging.getLogger(__name__)


def run(
    config: Mapping[str, Any], choices: Mapping[str, str], folder: Path, command: str
) -> dict[str, Any]:
    """Trains and tests one model and returns its result, which also lies in its folder.

    Args:
        config: resolved and checked; see `config.resolved`.
        choices: the option of each group, for tables and for the TensorBoard columns.
        folder: where everything goes.
        command: the command line that asked for it.

    Raises:
        JobFailed: where the run stopped; the folder's `result.json` and `run.log` say why.
    """
    if is_finished(folder, config_hash(config)):
        log.info("%s: already finished, nothing to do.", folder.name)
        finished = read_result(folder)
        assert finished is not None
        return finished
    result = _begin(config, choices, folder, command)
    write_result(folder, result)
    write_text(folder / "config.yaml", OmegaConf.to_yaml({**config, "choices": dict(choices)}))
    try:
        _work(config, folder, result)
    except (KeyboardInterrupt, SystemExit) as stop:
        # Lightning turns Ctrl-C into an exit. The folder must not say `running` for ever.
        write_result(folder, result | {"status": INTERRUPTED})
        raise KeyboardInterrupt from stop
    except Exception as error:
        result |= {"status": FAILED, "error": f"{type(error).__name__}: {error}"}
        write_result(folder, result)
        log.debug("The run failed.", exc_info=True)
        raise JobFailed(f"{folder.name} failed: {error} (more in {folder / 'run.log'})") from error
    result |= {"status": SUCCESS, "ended": _now()}
    write_result(folder, result)
    _announce_end(result, folder)
    return result


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
        "versions": provenance.versions(),
        "git_commit": provenance.git_commit(),
        "machine": provenance.machine(),
    }


def _work(config: Mapping[str, Any], folder: Path, result: dict[str, Any]) -> None:
    """Does the run and adds to its result."""
    start = time.perf_counter()
    provenance.reset_peak_memory()
    torch.set_num_threads(config["threads"])
    # Lightning's lines on devices and tips say nothing about the experiment, nor does what it
    # calls deprecated in torch.
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)

    data = build.data_module(config, trust=True)
    data.setup("fit")
    model = build.vae(config, data.image_shape, trust=True)
    trainer = build.trainer(config, folder, trust=True)
    result["data"] = _data_facts(config, data)
    result["image_shape"] = list(data.image_shape)
    result["num_parameters"] = sum(p.numel() for p in model.parameters())
    log.info(
        "%s: %s parameters, %s training / %s validation / %s test images",
        result["name"],
        f"{result['num_parameters']:,}",
        *(f"{result['data'][split]:,}" for split in ("train", "val", "test")),
    )

    log.info("%s: %s", result["name"], _precision(config))

    with _session(trainer.loggers, config, result), _gpus_hidden(config):
        fit_start = time.perf_counter()
        trainer.fit(model, datamodule=data)
        fit_seconds = time.perf_counter() - fit_start
        result["epochs"] = trainer.current_epoch
        result |= final_test(config, folder, trainer, data)
    result["seconds"] = {
        "total": round(time.perf_counter() - start, 3),
        "fit": round(fit_seconds, 3),
        "per_epoch": round(fit_seconds / max(1, trainer.current_epoch), 3),
    }
    result["peak_memory_mb"] = provenance.peak_memory_mb()


@contextmanager
def _gpus_hidden(config: Mapping[str, Any]) -> Iterator[None]:
    """Hides GPUs from a run on the processor.

    Adam asks in every step whether there is one, and where there is none torch looks for the driver
    on the disk each time: as long as half a step of the linear model.
    """
    name, visible = "CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES")
    if config["trainer"].get("accelerator") != "cpu":
        yield
        return
    os.environ[name] = ""
    try:
        yield
    finally:
        if visible is None:
            del os.environ[name]
        else:
            os.environ[name] = visible


@contextmanager
def _session(
    loggers: Sequence[Logger], config: Mapping[str, Any], result: Mapping[str, Any]
) -> Iterator[None]:
    """Opens a run's row in the loggers that keep one, and closes it with how the run ended."""
    keepers: list[Any] = [logger for logger in loggers if hasattr(logger, "start_session")]
    for keeper in keepers:
        keeper.start_session(columns.values(config, result["choices"]))
        keeper.log_text("command", f"```\n{_one_word_a_line(result['command'])}\n```")
        keeper.log_text("config", f"```yaml\n{OmegaConf.to_yaml(dict(config))}```")
    status = "failure"
    try:
        yield
        status = "success"
    finally:
        for keeper in keepers:
            keeper.end_session(status)


def _precision(config: Mapping[str, Any]) -> str:
    """Returns in which precision a run is, and why if it is what `auto` would choose."""
    used, auto = config["trainer"].get("precision"), choose(config)
    reason = f": {auto.reason}" if used == auto.precision else ", as asked"
    return f"precision {used}{reason}"


def _one_word_a_line(command: str) -> str:
    """Returns a command that a shell reads the same: TensorBoard cuts long lines off."""
    words = shlex.split(command)
    return " \\\n  ".join([shlex.join(words[:3]), *map(shlex.quote, words[3:])])


def _data_facts(config: Mapping[str, Any], data: ImageDataModule) -> dict[str, Any]:
    return {
        "name": config["data"]["name"],
        "train": len(data.train_images),
        "val": len(data.val_images),
        "test": len(data.test_images),
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
