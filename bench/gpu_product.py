"""What `vae_lab` itself takes on a GPU, for `bench/gpu.py`: epochs, pictures, bounds, waits."""

import collections
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from gpu_loops import LATENT_DIM, Row, wait
from measure import train
from peers import quiet

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.run_folder import RunFolder
from vae_lab.training.trainer import CompiledSteps, _model, build_trainer, machine_settings

OFF = ["optimizer=adam", "callbacks=none", "trainer.enable_progress_bar=false", "~explorer"]
GRAPHS = "compile=reduce-overhead"
WAYS = {
    "fp32": [],
    "TF32": ["matmul_precision=high"],
    "bf16": ["trainer.precision=bf16-mixed"],
    "TF32, cuDNN tries": ["matmul_precision=high", "trainer.benchmark=true"],
    "bf16, cuDNN tries": ["trainer.precision=bf16-mixed", "trainer.benchmark=true"],
}
COMPILED = {
    "TF32, CUDA graphs": [GRAPHS, "matmul_precision=high"],
    "bf16, CUDA graphs": [GRAPHS, "trainer.precision=bf16-mixed"],
    "TF32, compiled": ["compile=default", "matmul_precision=high"],
}
AUTOTUNED = {"TF32, max-autotune": ["compile=max-autotune", "matmul_precision=high"]}


class EpochTimes(pl.Callback):
    """Notes of each epoch how long its steps and all of it take, when it ended, and its bound."""

    rows: list[Row] = []  # noqa: RUF012  # of the last training of this process

    def on_fit_start(self, *_: Any) -> None:
        self.rows.clear()
        self._begin = time.perf_counter()

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        wait(module.device.type)
        self._epoch, self._steps = time.perf_counter(), 0.0

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        wait(module.device.type)
        self._steps = time.perf_counter() - self._epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        wait(module.device.type)
        now = time.perf_counter()
        bound = trainer.callback_metrics.get("elbo/val")
        self.rows.append(
            {"steps": self._steps, "epoch": now - self._epoch, "at": now - self._begin,
             "val": None if bound is None else float(bound)}
        )  # fmt: skip


class Product:
    """Trainings of one model by the product's own trainer, on images that are loaded once."""

    def __init__(self, kind: str, common: list[str]) -> None:
        quiet()
        self.common = [f"model={kind}", f"latent_dim={LATENT_DIM}", *OFF, *common]
        config = self.config([])
        self.data = ImageDataModule.from_config(config, trust=True)
        self.data.setup()

    def config(self, overrides: list[str]) -> dict[str, Any]:
        (job,) = compose_jobs([*self.common, *overrides])
        return resolved(job.config)

    def fit(self, overrides: list[str], *more: pl.Callback) -> list[Row]:
        """Trains as the overrides say and returns the rows of its epochs."""
        config = self.config(overrides)
        torch._dynamo.reset()
        with tempfile.TemporaryDirectory() as folder:
            first = [CompiledSteps()] if config["compile"] else []
            trainer = build_trainer(config, RunFolder(Path(folder)), trust=True, first=first)
            trainer.callbacks += [EpochTimes(), *more]  # type: ignore[attr-defined]
            model = _model(config, self.data.image_shape, 0, trust=True)
            with machine_settings(config):
                trainer.fit(model, datamodule=self.data)
        return [*EpochTimes.rows]


def epochs(
    kind: str, common: list[str], ways: dict[str, list[str]], num_epochs: int
) -> Iterator[Row]:
    """Yields the seconds of an epoch, of its steps, and what the first one takes more, by way."""
    product = Product(kind, [*common, f"trainer.max_epochs={num_epochs}"])
    product.fit([])  # what is slow once
    for name, overrides in ways.items():
        try:
            rows = product.fit(overrides)
        except Exception as error:
            yield {"way": name, "error": f"{type(error).__name__}: {error}"[:2000]}
            continue
        later = rows[1:] or rows
        yield {
            "way": name,
            "steps_seconds": [row["steps"] for row in later],
            "epoch_seconds": [row["epoch"] for row in later],
            "first_epoch_more": rows[0]["epoch"] - median(row["epoch"] for row in later),
            "images": len(product.data.train_images),
            "val": [row["val"] for row in rows],
        }


def whole(name: str, overrides: list[str]) -> Row:
    """Returns the bounds and seconds of a whole run, and the bound of each epoch with its time."""
    torch._dynamo.reset()
    try:
        result = train(*overrides, "+callbacks.times._target_=gpu_product.EpochTimes")
    except Exception as error:
        return {"way": name, "error": "".join(traceback.format_exception(error))[-3000:]}
    return {
        "way": name,
        "seconds": result.seconds,
        "val": result.metrics["elbo/val"],
        "test": result.metrics["elbo/test"],
        "epochs": [*EpochTimes.rows],
    }


def batches(
    kind: str, common: list[str], sizes: list[int], rate: float, num_epochs: int
) -> Iterator[Row]:
    """Yields bounds after as many epochs, with the learning rate kept and with the root's."""
    for size in sizes:
        for scaled in (1.0, (size / 128) ** 0.5) if size != 128 else (1.0,):
            chosen = [f"model={kind}", f"latent_dim={LATENT_DIM}", *OFF, *common,
                      f"data.batch_size={size}", f"optimizer.lr={rate * scaled:.4g}",
                      f"trainer.max_epochs={num_epochs}"]  # fmt: skip
            yield {"batch": size, "rate": rate * scaled, **whole(f"batch {size}", chosen)}


class Watched(pl.Callback):
    """Lets something begin and end around some steps in the middle of an epoch."""

    def __init__(
        self, begin: Callable[[], object], end: Callable[[], object], first: int, last: int
    ) -> None:
        self.begin, self.end, self.first, self.last = begin, end, first, last

    def on_train_batch_start(self, *arguments: Any) -> None:
        if arguments[-1] == self.first:
            self.begin()

    def on_train_batch_end(self, *arguments: Any) -> None:
        if arguments[-1] == self.last - 1:
            self.end()


def waits(product: Product, overrides: list[str], steps: int = 20) -> Row:
    """Returns where the processor waits for the GPU in so many steps, and how often."""
    found: collections.Counter[str] = collections.Counter()

    def note(message: Any, category: Any, filename: str, line: int, *_: Any) -> None:
        if "synchroniz" in str(message).lower():
            own = [frame for frame in traceback.extract_stack() if "vae_lab" in frame.filename]
            at = own[-1] if own else None
            found[f"{filename}:{line} in {at and f'{at.filename}:{at.lineno}'}"] += 1

    switch = torch.cuda.set_sync_debug_mode
    watched = Watched(lambda: switch("warn"), lambda: switch("default"), 30, 30 + steps)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        product.fit(overrides, watched)
    return {"way": "waits", "steps": steps, "found": dict(found.most_common(20))}


def kernels(product: Product, overrides: list[str], steps: int = 20) -> Row:
    """Returns how many kernels a step starts, and how long the GPU is busy with them."""
    activities = [torch.profiler.ProfilerActivity.CUDA, torch.profiler.ProfilerActivity.CPU]
    profile = torch.profiler.profile(activities=activities)
    times: list[float] = []

    def begin() -> None:
        profile.start()
        times.append(time.perf_counter())

    def end() -> None:
        torch.cuda.synchronize()
        times.append(time.perf_counter())
        profile.stop()

    product.fit(overrides, Watched(begin, end, 30, 30 + steps))
    on_gpu = [event for event in profile.events() or []
              if event.device_type == torch.autograd.DeviceType.CUDA
              and "#" not in event.name]  # fmt: skip
    busy = sum(event.time_range.elapsed_us() for event in on_gpu)
    by_name: collections.Counter[str] = collections.Counter()
    for event in on_gpu:
        by_name[event.name[:80]] += int(event.time_range.elapsed_us())
    return {
        "way": f"kernels {' '.join(overrides)}",
        "kernels_per_step": len(on_gpu) / steps,
        "busy_ms_per_step": busy / steps / 1000,
        "profiled_ms_per_step": (times[1] - times[0]) / steps * 1000,
        "longest_us_per_step": {k: v / steps for k, v in by_name.most_common(12)},
    }


def photographs(path: Path, count: int = 50_000) -> Path:
    """Writes random images of CIFAR-10's shape: its speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(count, 3, 32, 32), dtype=np.uint8)
    np.savez(path, images=images)
    return path
