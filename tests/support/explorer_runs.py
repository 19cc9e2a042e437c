"""The runs whose explorer the browser tests open: small, trained for one epoch, of every kind."""

from pathlib import Path

import numpy as np
from runs import run_job
from user_images import discs

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved

COMMON = (
    *("trainer.max_epochs=1", "callbacks=none", "report=null", "logger=none", "threads=1"),
    # After one epoch of Muon the posteriors are still too narrow for a grid.
    "optimizer=adam",
)
# By the names of their folders, which are the names on the page.
RUNS = {
    "plain": ("data=mnist_5k", "latent_dim=2"),
    "convolutional": ("data=mnist_5k", "model=conv", "latent_dim=10"),
    "conditional": ("data=mnist_5k", "latent_dim=2", "condition=label"),
    "weighted": ("data=mnist_5k", "latent_dim=4", "objective=iwae"),
    "colour": (
        *("data=npz", "model=resnet", "model.channels=[8,16]", "latent_dim=3"),
        *("prior=gaussian_mixture", "likelihood=discretized_logistic"),
    ),
}


def train_runs(folder: Path) -> dict[str, Path]:
    """Trains all runs in a folder and returns theirs."""
    np.savez(folder / "discs.npz", images=discs(400, size=20)[0])
    places = {"colour": [f"data.path={folder / 'discs.npz'}"]}
    return {
        name: train(folder / name, *overrides, *places.get(name, ()))
        for name, overrides in RUNS.items()
    }


def train(folder: Path, *overrides: str) -> Path:
    """Trains a run for one epoch and returns its folder."""
    folder.mkdir(parents=True)
    (job,) = compose_jobs([*overrides, *COMMON])
    run_job(resolved(job.config), job.choices, folder)
    return folder
