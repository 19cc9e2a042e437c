"""What Lightning's loop costs per step of `linear`, in microseconds of processor time.

    python bench/loop.py

One process, one thread, 250 steps of 128 images of MNIST (VAE_LAB_DATA) per round, the ways in
turns; the least of 8 rounds, which other programs disturb least. The time is that of the thread
that trains: TensorBoard writes pictures in one of its own. Then a profile: the functions that take
longest in a step, how often they are called and how long they take. Under the profiler Python's
functions take longer than without it.
"""

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measure import interleaved, spread, table
from peers import BATCH, plain, quiet
from pytorch_lightning import Callback, Trainer
from training import LATENT_DIM, loaded

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.random_streams import stream
from vae_lab.run_folder import RunFolder
from vae_lab.training.progress_file import ProgressFile
from vae_lab.training.trainer import build_trainer
from vae_lab.vae import VAE

STEPS = 250
BARE = ["callbacks=none", "logger=none", "trainer.limit_val_batches=0",
        "trainer.enable_checkpointing=false", "trainer.enable_progress_bar=false"]  # fmt: skip


class Steps(Callback):
    """The thread's time from before the first step to after the last, and a profile of them."""

    start = stop = 0.0

    def __init__(self, profile: cProfile.Profile | None = None) -> None:
        self.profile = profile

    def on_train_epoch_start(self, *_: Any) -> None:
        self.start = time.thread_time()
        if self.profile:
            self.profile.enable()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.stop = time.thread_time()
        # Validation and pictures come after it.
        if self.profile and trainer.is_last_batch:
            self.profile.disable()


def config_of(*overrides: str) -> dict[str, Any]:
    fixed = ["model=linear", "optimizer=adam", f"latent_dim={LATENT_DIM}", "trainer.max_epochs=1"]
    (job,) = compose_jobs([*fixed, f"trainer.limit_train_batches={STEPS}", *overrides])
    return resolved(job.config)


def plain_loop(data: ImageDataModule) -> float:
    start = time.thread_time()
    plain("linear", LATENT_DIM, data.train_images, STEPS, bf16=False)
    return time.thread_time() - start


def own_loop(data: ImageDataModule) -> float:
    """A loop by hand over the product's batches, model and optimizer, and nothing else."""
    model = VAE.from_config(config_of(), data.image_shape, trust=True)
    optimizer = model.optimization.optimizer(params=model.named_parameters())
    noise, start = stream("noise"), time.thread_time()
    for _, batch in zip(range(STEPS), data.train_dataloader(), strict=False):
        drawn = torch.randn((1, BATCH, LATENT_DIM), generator=noise)
        loss, _ = model.score(batch.images, drawn, model.objective, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.thread_time() - start


def fit(data: ImageDataModule, overrides: list[str], watch: Steps) -> float:
    config = config_of(*overrides)
    first = [] if overrides else [ProgressFile()]
    with tempfile.TemporaryDirectory() as folder:
        trainer = build_trainer(config, RunFolder(Path(folder)), trust=True, first=first)
        trainer.callbacks.append(watch)  # type: ignore[attr-defined]
        trainer.fit(VAE.from_config(config, data.image_shape, trust=True), datamodule=data)
    return watch.stop - watch.start


def profile_rows(profile: cProfile.Profile, most: int) -> list[list[str]]:
    """Returns the functions with the longest time of their own, without what they call."""
    stats = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]  # not in the stubs
    longest = sorted(stats, key=lambda item: -item[1][2])[:most]
    return [
        [f"`{name if path == '~' else f'{Path(path).stem}.{name}'}`", f"{calls / STEPS:.1f}",
         f"{1e6 * own / STEPS:.0f}", f"{1e6 * total / STEPS:.0f}"]
        for (path, _, name), (_, calls, own, total, _) in longest
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--functions", type=int, default=25)
    options = parser.parse_args()
    quiet()
    # As the product trains: one thread, and no look for GPUs.
    torch.set_num_threads(1)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    data = loaded("mnist")
    ways = {
        "plain loop": partial(plain_loop, data),
        "the model's own step in a plain loop": partial(own_loop, data),
        "Lightning's loop, bare": lambda: fit(data, BARE, Steps()),
        "Lightning's loop, everything on": lambda: fit(data, [], Steps()),
    }
    seconds = interleaved(ways, rounds=options.rounds)
    found = {
        name: spread([1e6 * one / STEPS for one in values]) for name, values in seconds.items()
    }
    rows = [
        [name, f"{it.low:.0f}", f"{it.median:.0f}", f"{it.low / found['plain loop'].low:.2f}"]
        for name, it in found.items()
    ]
    print(table(["a step", "least", "median", "least / least plain"], rows), "\n")
    profile = cProfile.Profile(time.process_time)
    fit(data, [], Steps(profile))
    head = ["function", "calls per step", "own", "with what it calls"]
    print(table(head, profile_rows(profile, options.functions)))


if __name__ == "__main__":
    main()
