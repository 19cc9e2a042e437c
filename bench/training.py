"""How fast training is, against a plain loop and the ways of the peers, in the same minute.

    python bench/training.py --out training.json            (about 6 minutes)
    python bench/training.py --quick --out training.json

Latent dimension 10, batches of 128, MNIST (VAE_LAB_DATA) or --data mnist_5k. What `vae_lab` takes
with everything on is put together from one and the same run: its training steps, its validation
and its pictures, in the shares of a default run (20 epochs, five of each picture).
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from measure import interleaved, ratios, spread, table, write
from peers import BATCH, Stopwatch, plain, quiet, script, tutorial

try:
    from library import pythae
except ImportError:
    pythae = None

from vae_lab.callbacks.picture import PictureCallback
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.environment import available_cores
from vae_lab.run_folder import RunFolder
from vae_lab.training.trainer import build_trainer
from vae_lab.vae import VAE

LATENT_DIM = 10
EPOCHS, DRAWN = 20, 5
STEPS = {"linear": 300, "conv": 24}
# What each variant is measured against, and the goal for the ratio.
GOALS = {
    ("vae_lab", "plain loop"): {"linear": "at most 1.35", "conv": "at most 1.05"},
    ("vae_lab, bare", "plain loop"): {"linear": "at most 1.2", "conv": "at most 1.05"},
    ("script", "vae_lab"): {"linear": "at least 5", "conv": "at least 2.5"},
    ("Lightning, standard", "vae_lab"): {"linear": "at least 5", "conv": "at least 2.5"},
    ("pythae", "vae_lab"): {"linear": "", "conv": ""},
}


class Shares(Stopwatch):
    """The seconds of training steps, of validation, and of one drawing of every picture."""

    def __init__(self) -> None:
        self.validation = self.pictures = 0.0

    def on_validation_start(self, *_: Any) -> None:
        self._validation_start = time.perf_counter()

    def on_validation_end(self, *_: Any) -> None:
        self.validation = time.perf_counter() - self._validation_start


def ours(kind: str, data: Any, steps: int, overrides: list[str]) -> Shares:
    """Trains one short epoch as a user would and returns where the time went."""
    quiet()
    (job,) = compose_jobs(
        [f"model={kind}", f"latent_dim={LATENT_DIM}", "trainer.max_epochs=1",
         f"+trainer.limit_train_batches={steps}", *overrides]
    )  # fmt: skip
    config = resolved(job.config)
    watch = Shares()
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer(config, RunFolder(Path(folder)), trust=True)
        trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        with drawing_time(watch):
            trainer.fit(VAE.from_config(config, data.image_shape, trust=True), datamodule=data)
    return watch


class drawing_time:
    """Adds up the seconds of all pictures drawn after the epoch."""

    def __init__(self, watch: Shares) -> None:
        self.watch, self.publish = watch, PictureCallback._publish

    def __enter__(self) -> None:
        def timed(
            callback: PictureCallback,
            trainer: pl.Trainer,
            module: pl.LightningModule,
            epochs_done: int,
            pictures: Any,
        ) -> None:
            start = time.perf_counter()
            self.publish(callback, trainer, module, epochs_done, pictures)
            # The pictures before the first epoch pay for what is imported then.
            if epochs_done:
                self.watch.pictures += time.perf_counter() - start

        # A method replaced on purpose, to time it, and put back at the exit.
        PictureCallback._publish = timed  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        PictureCallback._publish = self.publish  # type: ignore[method-assign]


def epoch_seconds(kind: str, data: Any, steps: int, overrides: list[str]) -> float:
    """Returns what a default epoch takes, everything counted, per step of the bench times steps."""
    shares = ours(kind, data, steps, overrides)
    in_epoch = -(-len(data.train_images) // BATCH)
    rest = shares.validation + shares.pictures * DRAWN / EPOCHS
    return shares.seconds + rest * steps / in_epoch


def bare_seconds(kind: str, data: Any, steps: int, overrides: list[str]) -> float:
    off = ["callbacks=none", "logger=none", "+trainer.limit_val_batches=0",
           "+trainer.enable_checkpointing=false", "trainer.enable_progress_bar=false"]  # fmt: skip
    return ours(kind, data, steps, [*off, *overrides]).seconds


def variants(kind: str, data: Any, steps: int, common: list[str]) -> dict[str, Callable[[], float]]:
    """Returns everything that is timed for one model.

    A plain loop is timed with the threads and the precision that `vae_lab` takes and with GPUs
    hidden as there; the peers as their users run them, with all cores and a look for a GPU in every
    step of Adam. The same two for a plain loop are a row of their own.
    """
    (job,) = compose_jobs([f"model={kind}", *common])
    config, cores = resolved(job.config), available_cores()
    threads, bf16 = config["threads"], config["trainer"]["precision"] == "bf16-mixed"
    given = (kind, LATENT_DIM, data.train_images, steps)
    ours = (kind, data, steps)
    single = [*common, "trainer.precision=32-true"]
    own = partial(as_set, threads, True)
    usual = partial(as_set, cores, False)
    found: dict[str, Callable[[], float]] = {
        "plain loop": partial(own, partial(plain, *given, bf16=bf16)),
        "vae_lab": partial(own, partial(epoch_seconds, *ours, common)),
        "vae_lab, bare": partial(own, partial(bare_seconds, *ours, common)),
        "script": partial(usual, partial(script, *given)),
        "Lightning, standard": partial(usual, partial(tutorial, *given)),
        "plain loop as torch starts": partial(usual, partial(plain, *given, bf16=bf16)),
    }
    if pythae is not None:
        found["pythae"] = partial(usual, partial(pythae, *given))
    if bf16:
        found["plain loop, fp32"] = partial(own, partial(plain, *given, bf16=False))
        found["vae_lab, bare, fp32"] = partial(own, partial(bare_seconds, *ours, single))
    return found


def as_set(threads: int, gpus_hidden: bool, timed: Callable[[], float]) -> float:
    torch.set_num_threads(threads)
    if gpus_hidden:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    else:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    return timed()


def measure(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    common = [f"data={options.data}"]
    (job,) = compose_jobs(common)
    data = ImageDataModule.from_config(resolved(job.config), trust=True)
    data.setup()
    steps = min(STEPS[kind] // (4 if options.quick else 1), len(data.train_images) // BATCH)
    rounds = 2 if options.quick else options.rounds
    seconds = interleaved(variants(kind, data, steps, common), rounds=rounds)
    per_thousand = 1000 / (steps * BATCH)
    print(f"\n{kind}: {steps} steps of {BATCH} images, {rounds} rounds\n")
    rows = [
        [name, str(spread([value * per_thousand for value in values])),
         str(ratios(seconds, name, "plain loop"))]
        for name, values in seconds.items()
    ]  # fmt: skip
    print(table(["way", "seconds per 1,000 images", "times a plain loop"], rows), "\n")
    goals = {
        f"{name} / {to}": {"ratio": ratios(seconds, name, to), "goal": goal[kind]}
        for (name, to), goal in GOALS.items()
        if name in seconds
    }
    rows = [[name, str(one["ratio"]), str(one["goal"])] for name, one in goals.items()]
    print(table(["ratio", "found", "goal"], rows))
    return {"steps": steps, "rounds": rounds, "seconds": seconds, "ratios": goals}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if pythae is None:
        print("pythae is not installed (pip install -e '.[bench]'): not measured.")
    found = {kind: measure(kind, options) for kind in STEPS}
    write(options.out, "training speed", {**vars(options), "out": str(options.out)}, found)


if __name__ == "__main__":
    main()
