"""How fast training is, against a plain loop and the ways of the peers, in the same minute.

    python bench/training.py --out training.json            (5 minutes)
    python bench/training.py --quick --out training.json

As many steps as fill a round's share of the time, the same for all ways to train one model. Latent
dimension 10, batches of 128, MNIST (VAE_LAB_DATA) or --data mnist_5k. What `vae_lab` takes with
everything on is put together from one and the same run: its training steps, its validation and its
pictures, each as often as in a default run of 20 epochs.
"""

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from measure import (
    NO_BF16,
    TimedSteps,
    calibrated,
    caption,
    interleaved,
    options,
    ratios,
    spread,
    table,
    write,
)
from peers import BATCH, Stopwatch, plain, quiet, script, tutorial

try:
    from library import pythae
except ImportError:
    pythae = None

from vae_lab.callbacks.picture import PictureCallback, Visualization
from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.environment import available_cores, processor_has_bf16
from vae_lab.imports import keep_all
from vae_lab.run_folder import RunFolder
from vae_lab.training.progress_file import ProgressFile
from vae_lab.training.trainer import build_trainer
from vae_lab.vae import VAE

LATENT_DIM = 10
EPOCHS = 20
# The validation batches that stand for all of them.
VAL_BATCHES = {"linear": 10, "conv": 2}
# The fewest and the most steps of a round.
STEPS = {"linear": (20, 400), "conv": (2, 40)}
# What each variant is measured against, and the goal for the ratio.
GOALS = {
    ("vae_lab", "plain loop"): {"linear": "at most 1.35", "conv": "at most 1.05"},
    ("vae_lab, bare", "plain loop"): {"linear": "at most 1.2", "conv": "at most 1.05"},
    ("script", "vae_lab"): {"linear": "at least 5", "conv": "at least 2.5"},
    ("Lightning, standard", "vae_lab"): {"linear": "at least 5", "conv": "at least 2.5"},
    ("pythae", "vae_lab"): {"linear": "", "conv": ""},
}


class Shares(Stopwatch):
    """The seconds of training steps, of validation, and of all pictures of a default run."""

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
        first = [] if "logger=none" in overrides else [ProgressFile()]
        trainer = build_trainer(config, RunFolder(Path(folder)), trust=True, first=first)
        trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        with drawing_time(watch):
            trainer.fit(VAE.from_config(config, data.image_shape, trust=True), datamodule=data)
    return watch


class drawing_time:
    """Adds up what all pictures of a run of 20 epochs take, each drawn once after this epoch."""

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
            for picture in pictures:
                start = time.perf_counter()
                self.publish(callback, trainer, module, epochs_done, [picture])
                # The pictures before the first epoch pay for what is imported then.
                if epochs_done:
                    self.watch.pictures += drawn(picture) * (time.perf_counter() - start)

        # A method replaced on purpose, to time it, and put back at the exit.
        PictureCallback._publish = timed  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        PictureCallback._publish = self.publish  # type: ignore[method-assign]


def drawn(picture: Visualization) -> int:
    """Returns how often a picture is drawn in a run of 20 epochs."""
    return sum(map(picture.is_due, range(EPOCHS + 1))) + (not picture.is_due(EPOCHS))


def epoch_seconds(kind: str, data: Any, overrides: list[str], steps: int) -> float:
    """Returns what a default epoch takes, everything counted, per step of the bench times steps."""
    limit = f"+trainer.limit_val_batches={VAL_BATCHES[kind]}"
    shares = ours(kind, data, steps, [limit, *overrides])
    in_epoch = -(-len(data.train_images) // BATCH)
    validation = shares.validation * len(data.val_dataloader()) / VAL_BATCHES[kind]
    rest = validation + shares.pictures / EPOCHS
    return shares.seconds + rest * steps / in_epoch


def bare_seconds(kind: str, data: Any, overrides: list[str], steps: int) -> float:
    """Returns the seconds of training steps only: no validation, pictures and logging."""
    off = ["callbacks=none", "logger=none", "+trainer.limit_val_batches=0",
           "+trainer.enable_checkpointing=false", "trainer.enable_progress_bar=false"]  # fmt: skip
    return ours(kind, data, steps, [*off, *overrides]).seconds


def variants(
    kind: str, data: Any, common: list[str], all_threads: int | None
) -> dict[str, TimedSteps]:
    """Returns everything that is timed for one model.

    A plain loop is timed with the threads and the precision that `vae_lab` takes and with GPUs
    hidden as there; the peers as their users run them, with all cores and a look for a GPU in every
    step of Adam. The same two for a plain loop are a row of their own.
    """
    threads, bf16 = chosen(kind, common)
    given = (kind, LATENT_DIM, data.train_images)
    single = [*common, "trainer.precision=32-true"]
    own = partial(as_set, threads, True)
    usual = partial(as_set, all_threads or available_cores(), False)
    found: dict[str, TimedSteps] = {
        "plain loop": partial(own, partial(plain, *given, bf16=bf16)),
        "vae_lab": partial(own, partial(epoch_seconds, kind, data, common)),
        "vae_lab, bare": partial(own, partial(bare_seconds, kind, data, common)),
        "script": partial(usual, partial(script, *given)),
        "Lightning, standard": partial(usual, partial(tutorial, *given)),
        "plain loop as torch starts": partial(usual, partial(plain, *given, bf16=bf16)),
    }
    if pythae is not None:
        found["pythae"] = partial(usual, partial(pythae, *given))
    if bf16:
        found["plain loop, fp32"] = partial(own, partial(plain, *given, bf16=False))
        found["vae_lab, bare, fp32"] = partial(own, partial(bare_seconds, kind, data, single))
    return found


def chosen(kind: str, common: list[str]) -> tuple[int, bool]:
    """Returns the threads that `vae_lab` takes for a model, and whether it trains in bf16."""
    (job,) = compose_jobs([f"model={kind}", *common])
    config = resolved(job.config)
    return config["threads"], config["trainer"]["precision"] == "bf16-mixed"


def as_set(threads: int, gpus_hidden: bool, timed: TimedSteps, steps: int) -> float:
    torch.set_num_threads(threads)
    if gpus_hidden:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    else:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    return timed(steps)


def loaded(data: str) -> ImageDataModule:
    (job,) = compose_jobs([f"data={data}"])
    module = ImageDataModule.from_config(resolved(job.config), trust=True)
    module.setup()
    return module


def measure(kind: str, data: Any, asked: argparse.Namespace, end: float) -> dict[str, Any]:
    """Times all ways to train one model until `end`, and prints two tables."""
    # Adam, as in the other ways.
    common = [f"data={asked.data}", "optimizer=adam"]
    common += [f"threads={asked.threads}"] if asked.threads else []
    rounds = min(asked.rounds, 3) if asked.quick else asked.rounds
    fewest, most = STEPS[kind]
    timed = variants(kind, data, common, asked.threads)
    most = min(most, len(data.train_images) // BATCH)
    steps = calibrated(timed.values(), rounds=rounds, end=end, fewest=fewest, most=most)
    seconds = interleaved(
        {name: partial(one, steps) for name, one in timed.items()},
        rounds=rounds,
        warm_up=False,
        end=end,
    )
    threads, bf16 = chosen(kind, common)
    say(kind, f"{threads} threads, others {asked.threads or available_cores()}")
    print(f"{steps} steps of {BATCH} images, {len(seconds['vae_lab'])} rounds; "
          f"vae_lab in {'bf16' if bf16 else 'fp32'}.\n")  # fmt: skip
    return {"steps": steps, "threads": threads, "bf16": bf16, "seconds": seconds,
            "ratios": tables(kind, seconds, steps)}  # fmt: skip


def say(kind: str, threads: str) -> None:
    print(f"\n{kind}. {caption(threads)}")
    if not processor_has_bf16():
        print(NO_BF16)


def tables(kind: str, seconds: dict[str, list[float]], steps: int) -> dict[str, Any]:
    """Prints the seconds and the ratios of one model, and returns the ratios."""
    per_thousand = 1000 / (steps * BATCH)
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
    print(table(["ratio", "found", "goal"], rows), flush=True)
    return goals


def main() -> None:
    asked = options(__doc__, budget=300, quick=55)
    end = time.monotonic() + asked.budget
    if pythae is None:
        print("pythae is not installed (pip install -e '.[bench]'): not measured.")
    data, found = loaded(asked.data), {}
    # As a command of vae_lab does: a search for garbage through everything takes 0.2 s.
    keep_all()
    for left, kind in enumerate(STEPS):
        now = time.monotonic()
        found[kind] = measure(kind, data, asked, now + (end - now) / (len(STEPS) - left))
    write(asked.out, "training speed", vars(asked), found)


if __name__ == "__main__":
    main()
