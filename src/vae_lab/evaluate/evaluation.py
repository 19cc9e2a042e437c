"""The evaluation of a finished run: every number with the protocol behind it.

Shapes: N images, Z latent dimensions. Log-likelihoods in nats per image.
"""

import hashlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab import environment
from vae_lab.checkpoints import load_weights
from vae_lab.data.binarize import TARGETS
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.images import ImageArray
from vae_lab.errors import UserError
from vae_lab.evaluate.bound import bound_per_image, standard_error
from vae_lab.evaluate.latent_space import (
    ACTIVE_VARIANCE,
    active_units,
    information,
    mean_kl,
    posteriors,
)
from vae_lab.evaluate.marginal_likelihood import Chosen, exact_on_grid, importance_weighted
from vae_lab.evaluate.picture_metrics import Material, measure
from vae_lab.evaluate.printing import card, stage
from vae_lab.evaluate.sample_quality import LabelledImages, judge
from vae_lab.files import write_text
from vae_lab.objectives.elbo import Elbo
from vae_lab.random_streams import subset
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import print_warning
from vae_lab.vae import VAE

BATCH = 500

# Images of the split that classifiers are tried on; they are held in memory as numbers of 8 bytes.
MOST_JUDGED = 10_000

# What changes no figure, and so no file's name.
UNNAMED = ("threads", "device", "data_root", "data_path", "trust", "decoder_batch")

Numbers = dict[str, dict[str, Any]]


class Subject(NamedTuple):
    """What is evaluated: the model, its data, the images drawn, and the common protocol."""

    model: VAE
    data: ImageDataModule
    images: ImageArray
    labels: Tensor | None
    chosen: Chosen
    protocol: dict[str, Any]
    settings: Mapping[str, Any]
    other_images: str | None  # the fingerprint of images that are not those of the training

    def number(self, value: float, error: float | None, **protocol: Any) -> dict[str, Any]:
        """Returns a number with its standard error and its whole protocol."""
        return {"value": value, "standard_error": error, "protocol": self.protocol | protocol}

    def mean(self, values: np.ndarray, **protocol: Any) -> dict[str, Any]:
        """Returns the mean over images of values (N,) as a number."""
        error = standard_error(values)
        return self.number(float(values.mean()), error, **protocol, images=len(values))


def evaluate(run: RunFolder, checkpoint: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluates a run, prints the card, and keeps the numbers in its folder.

    Raises:
        UserError: where checkpoint, data or device are not usable; nothing is written then.
    """
    torch.set_num_threads(settings["threads"])
    subject = prepare(run, checkpoint, settings)
    likelihoods, gaps = _log_likelihoods(subject)
    numbers = likelihoods | _latent_numbers(subject)
    numbers |= _qualities(subject)
    with stage("what the report says of the pictures"):
        findings = _findings(subject)
    evaluation = {
        "run": run.require_result().name,
        "config_hash": run.require_result().config_hash,
        "protocol": subject.protocol,
        "settings": dict(settings),
        "numbers": numbers,
        "gaps": gaps,
        "findings": findings,
        "versions": environment.versions(),
        "git_commit": environment.git_commit(),
        "machine": environment.machine(),
    }
    path = run.path / file_name(checkpoint.stem, settings, subject.other_images)
    write_text(path, json.dumps(evaluation, indent=2) + "\n")
    print(f"{card(evaluation)}\n\nkept in {path}")
    return evaluation


def file_name(weights: str, settings: Mapping[str, Any], other_images: str | None = None) -> str:
    """Returns the name of an evaluation's file, the same for the same protocol.

    Args:
        weights: best or last.
        settings: those of the evaluation.
        other_images: the fingerprint of images that are not the run's own. Their figures have a
            name of their own, and no report takes them for the run's.
    """
    named = {key: value for key, value in settings.items() if key not in UNNAMED}
    digest = hashlib.sha256(json.dumps(named | {"weights": weights}, sort_keys=True).encode())
    split, samples = settings["split"], settings["num_samples"]
    own = f"{split}-{weights}-k{samples}-{digest.hexdigest()[:8]}"
    return f"evaluation-{f'of-images-{other_images}-' if other_images else ''}{own}.json"


def prepare(run: RunFolder, checkpoint: Path, settings: Mapping[str, Any]) -> Subject:
    """Loads what an evaluation needs."""
    trust = settings["trust"]
    config = _with_data(run.config, settings["data_root"], settings["data_path"])
    data = ImageDataModule.from_config(config, trust=trust)
    model = VAE.from_config(run.config, run.image_shape, trust=trust)
    # The ELBO, whatever was trained: cards compare.
    model.objective = Elbo(beta=1.0, num_samples=model.objective.num_samples)
    trained = load_weights(model, checkpoint)
    data.setup()
    other_images = _other_images(data, run, trained.fingerprint)
    try:
        model = model.float().eval().to(settings["device"])
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device={settings['device']} cannot be used: {error}") from error
    split, seed = settings["split"], settings["seed"]
    images = data.test_images if split == "test" else data.val_images
    labels = data.test_labels if split == "test" else data.val_labels
    if len(images) < 2:
        raise UserError(f"split={split} has {len(images)} images in this run: choose split=test.")
    protocol = {
        "data": config["data"]["name"],
        "split": split,
        "targets": TARGETS[config["data"]["binarize"]],
        "weights": checkpoint.stem,
        "weights_epoch": trained.epochs_done,
        "seed": seed,
        "precision": "32-true",
    }
    if other_images is not None:
        protocol["images"] = f"other images than those of the training ({other_images})"
    rows = subset(len(images), settings["num_images"], "evaluation", seed)
    chosen = Chosen(images[rows], rows, split, len(images))
    return Subject(model, data, images, labels, chosen, protocol, settings, other_images)


def _with_data(config: dict[str, Any], root: str | None, path: str | None) -> dict[str, Any]:
    """Returns the configuration with the places of its data replaced, those not None."""
    source = dict(config["data"]["source"])
    given = {"root": root, "path": path}
    source |= {key: place for key, place in given.items() if key in source and place is not None}
    return {**config, "data": {**config["data"], "source": source}}


def _other_images(data: ImageDataModule, run: RunFolder, trained_on: str | None) -> str | None:
    """Returns the fingerprint of images that are not those of the training, None of those that are.

    Raises:
        UserError: where the model cannot take such images.
    """
    if data.image_shape != run.image_shape:
        raise UserError(
            f"the images have shape {data.image_shape}, and this model takes {run.image_shape}: "
            f"name the run's own images with data_path=PATH."
        )
    if data.fingerprint == trained_on:
        return None
    print_warning(
        f"these are other images than those that {run.name} was trained on: their figures "
        f"get a file of their own, and no report takes them for the run's. If they were moved, "
        f"name their place with data_path=PATH."
    )
    return data.fingerprint or "without-fingerprint"


def _log_likelihoods(subject: Subject) -> tuple[Numbers, Numbers]:
    """Returns the bound, the importance-weighted bound, the exact figure, and the gaps."""
    model, chosen, samples = subject.model, subject.chosen, subject.model.objective.num_samples
    with stage("bound"):
        bound = bound_per_image(
            model, subject.images, num_samples=samples, batch_size=BATCH, split=chosen.split
        )
    numbers = {
        name: subject.mean(values, latent="sampled", samples=samples)
        for name, values in (("elbo", bound.elbo), ("recon", bound.recon), ("kl", bound.kl))
    }
    # Where grey values are means of coins these are no likelihoods, and their names say so.
    grey = subject.protocol["targets"] == TARGETS["none"] and model.likelihood.grey_is_a_mean
    suffix = "_grey" if grey else ""
    name, exact_name = f"iw_bound{suffix}", f"exact{suffix}"
    numbers[name], log_p = _weighted(subject)
    drawn = {"latent": "sampled", "samples": subject.settings["num_samples"]}
    bits = -log_p / (math.log(2) * chosen.images[0].numel())
    numbers[f"bits_per_dimension{suffix}"] = subject.mean(bits, of=name, **drawn)
    gaps = {f"elbo to {name}": subject.mean(log_p - bound.elbo[chosen.rows.numpy()], **drawn)}
    if model.latent_dim == 2:
        numbers[exact_name], exact = _exact(subject)
        gaps[f"{name} to {exact_name}"] = subject.mean(exact - log_p, **drawn)
    return numbers, gaps


def _weighted(subject: Subject) -> tuple[dict[str, Any], np.ndarray]:
    """Returns the importance-weighted bound as a number, and of each image."""
    settings = subject.settings
    with stage("importance-weighted bound") as advance:
        found = importance_weighted(
            subject.model,
            subject.chosen,
            num_samples=settings["num_samples"],
            decoder_batch=settings["decoder_batch"],
            seed=settings["seed"],
            advance=advance,
        )
    number = subject.mean(found.log_likelihood, latent="sampled", samples=settings["num_samples"])
    number["monte_carlo_error"] = found.monte_carlo_error()
    number["median_effective_samples"] = float(np.median(found.effective_samples))
    return number, found.log_likelihood


def _exact(subject: Subject) -> tuple[dict[str, Any], np.ndarray]:
    """Returns the figure by the grid as a number, and of each image."""
    tolerance = subject.settings["grid_tolerance"]
    with stage("exact, by a grid") as advance:
        found = exact_on_grid(
            subject.model,
            subject.chosen.images,
            tolerance=tolerance,
            max_points=subject.settings["grid_points"],
            advance=advance,
        )
    number = subject.mean(found.log_likelihood, grid_points=found.num_points)
    number["moved_at_last_refinement"] = found.moved if math.isfinite(found.moved) else None
    number["converged"] = found.moved < tolerance
    if not number["converged"]:
        number["protocol"]["warning"] = f"not converged: raise grid_points ({found.moved:.2g} nats)"
    return number, found.log_likelihood


def _latent_numbers(subject: Subject) -> Numbers:
    """Returns active units, mutual information and the KL of the aggregate posterior."""
    with stage("latent code"):
        everything = posteriors(subject.model, subject.images, batch_size=BATCH)
        drawn = posteriors(subject.model, subject.chosen.images, batch_size=BATCH)
        kl = mean_kl(subject.model, drawn, seed=subject.settings["seed"])
        found = information(drawn, kl, seed=subject.settings["seed"])
    images = len(subject.chosen.rows)
    active = subject.number(
        active_units(everything.mean),
        None,
        latent="mean",
        above_variance=ACTIVE_VARIANCE,
        images=len(subject.images),
    )
    notes = {
        "mutual_information_lower": (found.lower, f"too low, and at most log {images}"),
        "mutual_information_upper": (found.upper, "too high"),
        "kl_of_aggregate_lower": (found.kl_lower, "too low"),
        "kl_of_aggregate_upper": (found.kl_upper, "too high"),
    }
    return {"active_units": active} | {
        name: subject.number(
            value, found.standard_error, latent="sampled", samples=1, images=images, bias=bias
        )
        for name, (value, bias) in notes.items()
    }


def _findings(subject: Subject) -> Numbers:
    """Returns what the report says of the pictures."""
    data = subject.data
    own = data.fixed_train_images, data.train_labels
    material = Material(*own, subject.images, subject.labels, data.label_names)
    latent = posteriors(subject.model, subject.images, batch_size=BATCH)
    return measure(subject.model, material, latent, subject.settings)


def _qualities(subject: Subject) -> Numbers:
    """Returns what classifiers and manifolds say; nothing where the data has no labels."""
    data, settings = subject.data, subject.settings
    if subject.labels is None or data.train_labels is None:
        print("classifiers and samples: left out, the images have no labels", file=sys.stderr)
        return {}
    rows = subset(len(data.train_labels), settings["num_train"], "classifiers", settings["seed"])
    names = data.label_names
    train = LabelledImages(data.fixed_train_images[rows], data.train_labels[rows], names)
    rows = subset(len(subject.labels), MOST_JUDGED, "judged", settings["seed"])
    test = LabelledImages(subject.images[rows], subject.labels[rows], names)
    with stage("classifiers and samples"):
        found = judge(subject.model, train, test, settings)
    return {name: subject.number(value, None, **protocol) for name, value, protocol in found}
