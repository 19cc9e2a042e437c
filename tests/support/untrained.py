"""Finished runs whose networks have their starting weights: no training, numbers by chance."""

from pathlib import Path

import numpy as np
import torch
from stripes import small_config

from vae_lab.config.identity import config_hash
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.explorer.content import TrainedRun
from vae_lab.run_folder import SUCCESS, RunFolder, RunResult
from vae_lab.vae import VAE


def untrained(folder: Path, *overrides: str, name: str = "made-up") -> TrainedRun:
    """Returns a run in a new folder, with the result that a training would have left."""
    config, choices = small_config(folder / "conf", *overrides)
    data = ImageDataModule.from_config(config, trust=True)
    data.setup()
    with torch.random.fork_rng(devices=[]):
        model = VAE.from_config(config, data.image_shape, trust=True, num_classes=data.num_classes)
    model.eval()
    run = RunFolder(folder / "run")
    run.path.mkdir(parents=True)
    result = RunResult(
        name=name,
        status=SUCCESS,
        config_hash=config_hash(config),
        choices=dict(choices),
        latent_dim=config["latent_dim"],
        seed=config["seed"],
        data={"name": config["data"]["name"], **data.facts()},
        image_shape=list(data.image_shape),
    )
    run.write_result(result)
    run.write_config(config, choices)
    values = np.random.default_rng(0).normal(-100, 20, (3, len(data.test_images)))
    np.savez(run.per_image, **dict(zip(("elbo", "recon", "kl"), values, strict=True)))
    return TrainedRun(RunFolder(run.path), model, data)
