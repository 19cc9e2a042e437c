"""Codes and samples of a model, judged: what classifiers compute, on what a run has.

Shapes: N images, M samples, Z latent dimensions, D pixels.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.latents import posteriors
from vae_lab.module import VAE
from vae_lab.quality import (
    CLASSIFIER,
    FEATURES,
    Labelled,
    Pixels,
    neighbour_accuracy,
    precision_recall,
    probe_accuracy,
)
from vae_lab.seeds import stream

BATCH = 500


class Images(NamedTuple):
    """uint8 images (N, C, H, W), their labels (N,) and the names of labels 0, 1, ..., if any."""

    images: Tensor
    labels: Tensor
    names: Sequence[str] | None


# A number's name, its value, and what belongs to its protocol.
Judgement = tuple[str, float, dict[str, Any]]


def judge(model: VAE, train: Images, test: Images, settings: Mapping[str, Any]) -> list[Judgement]:
    """Returns the accuracies of the codes and the precision, recall and labels of samples."""
    return [
        *_codes(model, train, test, settings["neighbours"]),
        *_samples(model, train, test, settings),
    ]


def _codes(model: VAE, train: Images, test: Images, neighbours: int) -> list[Judgement]:
    codes, asked = (_codes_of(model, part) for part in (train, test))
    shared = {"latent": "mean", "train_images": len(codes.rows), "images": len(asked.rows)}
    nearest = neighbour_accuracy(codes, asked, num_neighbours=neighbours)
    return [
        ("knn_accuracy", nearest, {**shared, "neighbours": neighbours}),
        ("linear_probe_accuracy", probe_accuracy(codes, asked), shared),
    ]


def _samples(
    model: VAE, train: Images, test: Images, settings: Mapping[str, Any]
) -> list[Judgement]:
    count, seed = settings["num_generated"], settings["seed"]
    pixels = Pixels(train=_flat(train), num_neighbours=settings["neighbours"], names=train.names)
    samples = _draw(model, count, seed)
    # As many real images as samples, or the larger set's manifold would be the denser one.
    order = torch.randperm(len(test.images), generator=stream("manifold", seed))[:count]
    real = _flat(Images(test.images[order], test.labels[order], test.names)).rows
    nearest = min(settings["manifold_neighbours"], len(real) - 1)
    found = precision_recall(
        pixels.features.transform(real),
        pixels.features.transform(samples.numpy()),
        num_neighbours=nearest,
    )
    drawn = {"samples": f"{count} prior samples, mean images"}
    space = {**drawn, "images": len(real), "features": FEATURES, "neighbours": nearest}
    accuracy = pixels.accuracy(_flat(test))
    shares, unanimous = pixels.digit_shares(samples.numpy())
    judge_ = {**drawn, "classifier": CLASSIFIER, "classifier_accuracy": round(accuracy, 4)}
    own = {"images": len(test.images), "classifier": CLASSIFIER}
    return [
        ("precision", found[0], space),
        ("recall", found[1], space),
        ("classifier_accuracy", accuracy, own),
        ("unanimous_samples", unanimous, judge_),
        *((f"share_of_{label}", share, judge_) for label, share in shares.items()),
    ]


@torch.no_grad()
def _draw(model: VAE, count: int, seed: int) -> Tensor:
    """Returns mean images of prior samples, cut to [0, 1], (M, D)."""
    generator = stream("generated", seed)
    z = model.prior.sample(count, generator)
    parts = [model.decode(part.to(model.device)).cpu() for part in torch.split(z, BATCH)]
    return torch.cat(parts).clamp(0, 1).flatten(1)


def _codes_of(model: VAE, part: Images) -> Labelled:
    codes = posteriors(model, part.images, batch_size=BATCH).mean
    return Labelled(codes.double().numpy(), part.labels.numpy())


def _flat(part: Images) -> Labelled:
    return Labelled(part.images.flatten(1).double().numpy() / 255, part.labels.numpy())
