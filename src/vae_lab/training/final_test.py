"""The test at the end of a run: bound, terms, errors, latent dimensions, and what looks wrong.

Shapes: N images of a split, Z latent dimensions; values in nats per image.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from vae_lab.checkpoints import load_weights
from vae_lab.data.binarize import TARGETS
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.errors import NonFiniteError
from vae_lab.evaluate.bayes import bayes
from vae_lab.evaluate.bound import standard_error, target_entropy
from vae_lab.evaluate.diagnostics import ModelStatistics, diagnose
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.evaluate.latent_space import ACTIVE_VARIANCE, count_active_units
from vae_lab.evaluate.picture_metrics import picture_metrics
from vae_lab.evaluate.semi_supervised import classifier_accuracy
from vae_lab.files import atomic
from vae_lab.generative_model import BATCH, of_rows
from vae_lab.run_folder import RunFolder
from vae_lab.vae import VAE

log = logging.getLogger(__name__)


def final_test(
    config: Mapping[str, Any],
    folder: RunFolder,
    trainer: pl.Trainer,
    data: ImageDataModule,
    curves: Mapping[str, float],
) -> dict[str, Any]:
    """Evaluates the best weights, or the last if there is no validation.

    Writes `per_image.npz`, and returns the fields of `result.json` on it and on the curves; raises
    NonFiniteError if a bound is not a number.
    """
    model = trainer.lightning_module
    assert isinstance(model, VAE)
    weights, epoch = _load_best(folder, trainer, model)
    model.float().eval()  # in single precision whatever training was in
    settings = config.get("report") or {}
    splits = ("test", "val") if len(data.val_images) else ("test",)
    test, *others = (_evaluated(model, data, split, settings, epoch) for split in splits)
    for logger in trainer.loggers:
        logger.log_metrics(test.bound.means("test"), step=epoch)
    # The bound and its terms of every test image, so that runs compare image by image.
    with atomic(folder.per_image) as partial, partial.open("wb") as file:
        np.savez(file, elbo=test.bound.elbo, recon=test.bound.recon, kl=test.bound.kl)
    kl = model.prior.kl(test.posterior).double().mean(dim=0).tolist()
    for warning in (warnings := diagnose(_statistics(test, kl, curves, others))):
        log.warning("%s: %s", folder.name, warning)
    return {
        **_metrics([test, *others]),
        "latent": _latent(test, kl),
        "warnings": [*data.warnings, *warnings],
        "picture_metrics": _picture_metrics(test, folder),
        "protocol": _protocol(config, model, weights, epoch),
    }


def _metrics(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, float | None]]:
    """Returns the metrics of every split, and their standard errors over images."""
    metrics: dict[str, float | None] = {}
    errors: dict[str, float | None] = {}
    for each in evaluations:
        metrics |= each.bound.means(each.split)
        errors |= each.bound.standard_errors(each.split)
    for each in evaluations:
        for number in classifier_accuracy(each):
            assert isinstance(number.value, float)
            metrics[f"accuracy/{each.split}"] = number.value
            errors[f"accuracy/{each.split}"] = number.standard_error
    return {"metrics": metrics, "standard_errors": errors}


def _evaluated(
    model: VAE, data: ImageDataModule, split: str, settings: Mapping[str, Any], epoch: int
) -> Evaluation:
    """Returns the evaluation of a split whose bound is a number."""
    evaluation = Evaluation(model, data, split, settings)
    means = {key.partition("/")[0]: value for key, value in evaluation.bound.means(split).items()}
    if not all(map(math.isfinite, means.values())):
        raise NonFiniteError(split, terms=means, facts={"epoch": epoch})
    return evaluation


def _latent(test: Evaluation, kl: list[float]) -> dict[str, Any]:
    return {
        "kl_per_dimension": kl,
        "kl_reference": test.model.prior.kl_reference,
        # A dimension is active if its posterior mean varies over the images by more than this.
        "active_units": count_active_units(test.posterior.mean),
        "active_above_variance": ACTIVE_VARIANCE,
    }


def _picture_metrics(evaluation: Evaluation, folder: RunFolder) -> dict[str, Any]:
    """Returns what the report says of pictures and classes; nothing with report=null."""
    if not evaluation.settings:
        return {}
    try:
        numbers = [*picture_metrics(evaluation), *bayes(evaluation)]
        return {number.name: number.to_json() for number in numbers}
    except Exception as error:
        # Only the report needs them: a run without them still has its result.
        log.warning("%s: nothing is measured for the report: %s", folder.name, error)
        return {}


def _protocol(
    config: Mapping[str, Any], model: VAE, weights: str, epoch: int
) -> dict[str, str | int]:
    by = config.get("best_by") or model.objective.best_by
    chosen = {"checkpoint": f"{'highest' if by == 'elbo' else 'lowest'} {by}/val"}
    return {
        "data": config["data"]["name"],
        # In words for people, and as the key that code compares.
        "targets": TARGETS[config["data"]["binarize"]],
        "binarize": config["data"]["binarize"],
        "latent": "sampled",
        "bound": model.objective.bound,
        "num_samples": model.objective.num_samples,
        **model.condition.protocol(),
        "precision": "32-true",
        "weights": weights,
        "weights_epoch": epoch,
        # By which metric they are the best.
        **(chosen if weights == "best" else {}),
    }


def _statistics(
    evaluation: Evaluation,
    kl: list[float],
    curves: Mapping[str, float],
    others: Sequence[Evaluation],
) -> ModelStatistics:
    model, data = evaluation.model, evaluation.data
    likelihood = model.likelihood
    val = others[0].bound.elbo if others else None
    return ModelStatistics(
        kl_per_dimension=kl,
        kl_reference=model.prior.kl_reference,
        # Over all images and dimensions: one posterior that has left the prior is enough.
        largest_variance=float(evaluation.posterior.map(Tensor.double).variance.max()),
        train_elbo=curves.get("elbo/train"),
        val_elbo=curves.get("elbo/val"),
        # A probability is at most 1, and a cross entropy at least the entropy of its targets: what
        # breaks these two is a bug, so they are looked at wherever they hold.
        recon=evaluation.bound.recon if likelihood.is_discrete else None,
        entropy=target_entropy(data.test_images) if likelihood.grey_is_a_mean else None,
        num_pixels=math.prod(data.image_shape),
        best_val_elbo=None if val is None else float(val.mean()),
        val_error=None if val is None else standard_error(val),
        largest_log_density=largest_log_density(
            model, data.test_images[:BATCH], of_rows(evaluation.given, slice(BATCH))
        ),
    )


@torch.no_grad()
def largest_log_density(model: VAE, images: Tensor, labels: Tensor | None = None) -> float | None:
    """Returns the largest log-density of a pixel of images, uint8 (N, C, H, W), in nats.

    None if the likelihood is discrete, or does not say it of single pixels.
    """
    likelihood = model.likelihood
    if likelihood.is_discrete or not likelihood.pixels_are_alike:
        return None
    x = images.to(model.device).float() / 255
    given = None if labels is None else labels.to(model.device)
    [outputs] = model.outputs(model.encode(x, given).mean[None], given)
    return likelihood.log_prob(outputs.view(1, -1, 1, 1, 1), x.view(-1, 1, 1, 1)).max().item()


def _load_best(folder: RunFolder, trainer: pl.Trainer, model: VAE) -> tuple[str, int]:
    """Loads the weights to test; returns which they are, and after how many epochs."""
    # By the validation bound if there is one; without checkpoints the weights are in the model.
    for name in ("best", "last"):
        path = folder.checkpoints / f"{name}.ckpt"
        if path.exists():
            shorter = folder.require_result().continues.values()
            return name, load_weights(model, path, shorter=shorter)
    return "last, not saved", trainer.current_epoch
