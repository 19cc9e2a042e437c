"""The test at the end of a run: bound, terms, errors, latent dimensions, and what looks wrong.

Shapes: N images of a split, Z latent dimensions; values in nats per image.
"""

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl

from vae_lab.checkpoints import load_weights
from vae_lab.data.binarize import TARGETS
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.evaluate.bound import PerImage, bound_per_image, target_entropy
from vae_lab.evaluate.diagnostics import ModelStatistics, diagnose
from vae_lab.evaluate.latent_space import ACTIVE_VARIANCE, active_units, posteriors
from vae_lab.evaluate.picture_metrics import Material, measure
from vae_lab.files import atomic
from vae_lab.posterior import Posterior
from vae_lab.run_folder import RunFolder
from vae_lab.vae import VAE

log = logging.getLogger(__name__)

EVALUATION_BATCH = 500


def final_test(
    config: Mapping[str, Any],
    folder: RunFolder,
    trainer: pl.Trainer,
    data: ImageDataModule,
    curves: Mapping[str, float],
) -> dict[str, Any]:
    """Evaluates the best weights, or the last where there is no validation.

    Writes `per_image.npz`, and returns what `result.json` says of it and of the training's curves.
    """
    model = trainer.lightning_module
    assert isinstance(model, VAE)
    weights, epoch = _load_best(folder, trainer, model)
    # Evaluation is in single precision whatever training was in.
    model.float().eval()
    splits = ("test", "val") if len(data.val_images) else ("test",)
    scores = {split: _score(model, data, split) for split in splits}
    for logger in trainer.loggers:
        logger.log_metrics(scores["test"].means("test"), step=epoch)
    _write_per_image(folder.per_image, scores["test"])
    latent = posteriors(model, data.test_images, batch_size=EVALUATION_BATCH)
    kl = model.prior.kl(latent).double().mean(dim=0).tolist()
    found = diagnose(_statistics(model, data, scores["test"], latent, kl, curves))
    for warning in found:
        log.warning("%s: %s", folder.name, warning)
    return {
        **_metrics(scores),
        "latent": {
            "kl_per_dimension": kl,
            "kl_reference": model.prior.kl_reference,
            "active_units": active_units(latent.mean),
            "active_above_variance": ACTIVE_VARIANCE,
        },
        "warnings": found,
        "picture_metrics": _findings(config, folder, model, data, latent),
        "protocol": _protocol(config, model, weights, epoch),
    }


def _metrics(scores: Mapping[str, PerImage]) -> dict[str, dict[str, Any]]:
    return {
        "metrics": {k: v for name, score in scores.items() for k, v in score.means(name).items()},
        "standard_errors": {
            k: v for name, score in scores.items() for k, v in score.standard_errors(name).items()
        },
    }


def _findings(
    config: Mapping[str, Any],
    folder: RunFolder,
    model: VAE,
    data: ImageDataModule,
    latent: Posterior,
) -> dict[str, Any]:
    """Returns what the report says of the pictures; nothing with report=null."""
    if not config.get("report"):
        return {}
    material = Material(
        data.fixed_train_images,
        data.train_labels,
        data.test_images,
        data.test_labels,
        data.label_names,
    )
    try:
        return measure(model, material, latent, config["report"])
    except Exception as error:
        # They are for the page alone: a model of one's own that cannot be judged is still a result.
        log.warning("%s: nothing is measured for the report: %s", folder.name, error)
        return {}


def _protocol(
    config: Mapping[str, Any], model: VAE, weights: str, epoch: int
) -> dict[str, str | int]:
    return {
        "data": config["data"]["name"],
        "targets": TARGETS[config["data"]["binarize"]],
        "binarize": config["data"]["binarize"],
        "latent": "sampled",
        "bound": model.objective.bound,
        "num_samples": model.objective.num_samples,
        "precision": "32-true",
        "weights": weights,
        "weights_epoch": epoch,
    }


def _statistics(
    model: VAE,
    data: ImageDataModule,
    scores: PerImage,
    latent: Posterior,
    kl: list[float],
    curves: Mapping[str, float],
) -> ModelStatistics:
    likelihood = model.likelihood
    return ModelStatistics(
        kl_per_dimension=kl,
        kl_reference=model.prior.kl_reference,
        largest_variance=float(latent.log_var.double().exp().max()),
        train_elbo=curves.get("elbo/train"),
        val_elbo=curves.get("elbo/val"),
        recon=scores.recon if likelihood.is_discrete else None,
        entropy=target_entropy(data.test_images) if likelihood.grey_is_a_mean else None,
        num_pixels=math.prod(data.image_shape),
    )


def _load_best(folder: RunFolder, trainer: pl.Trainer, model: VAE) -> tuple[str, int]:
    """Loads the weights to test; returns which they are, and after how many epochs."""
    for name in ("best", "last"):
        path = folder.checkpoints / f"{name}.ckpt"
        if path.exists():
            return name, load_weights(model, path).epochs_done
    return "last, not saved", trainer.current_epoch


def _score(model: VAE, data: ImageDataModule, split: str) -> PerImage:
    return bound_per_image(
        model,
        data.test_images if split == "test" else data.val_images,
        num_samples=model.objective.num_samples,
        batch_size=EVALUATION_BATCH,
        split=split,
    )


def _write_per_image(path: Path, scores: PerImage) -> None:
    """Keeps the bound and its terms of every test image, so that runs compare image by image."""
    with atomic(path) as partial, partial.open("wb") as file:
        np.savez(file, elbo=scores.elbo, recon=scores.recon, kl=scores.kl)
