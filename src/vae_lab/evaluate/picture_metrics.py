"""What is to be seen in a model's pictures, as numbers: sharpness, plausibility, the latent plane.

Shapes: N images, M other images, P pairs, S steps, D pixels, Z latent dimensions.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae_lab.data.images import ImageArray
from vae_lab.evaluate.bound import standard_error
from vae_lab.evaluate.classifiers import Labelled, called
from vae_lab.evaluate.latent_space import distance_from_prior, information, mean_kl
from vae_lab.evaluate.sample_quality import Finding, Judge, contrast, flat, sharpness
from vae_lab.posterior import Posterior
from vae_lab.random_streams import stream, subset
from vae_lab.vae import VAE

BATCH = 500

# The square of the latent map, and the prior's probability of what is called the centre.
EXTENT, CENTRE = 1.5, 0.1


class Material(NamedTuple):
    """uint8 images (N, C, H, W) with labels (N,), or none, to learn from and to look at.

    Label k is called `label_names[k]`, or k where there are no names.
    """

    train_images: ImageArray
    train_labels: Tensor | None
    test_images: ImageArray
    test_labels: Tensor | None
    label_names: Sequence[str] | None = None


@torch.no_grad()
def measure(
    model: VAE, material: Material, posterior: Posterior, settings: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Returns every finding by name; those that need labels only where there are labels.

    Args:
        model: in eval mode, in single precision.
        material: the images of the run.
        posterior: of the test images, fields (N, Z), on the CPU.
        settings: `num_images`, `num_train`, `num_generated`, `num_pairs`, `num_steps`,
            `map_steps`, `neighbours`, `manifold_neighbours`, `seed`.
    """
    return dict(_findings(model, material, posterior, settings))


def _findings(
    model: VAE, material: Material, posterior: Posterior, settings: Mapping[str, Any]
) -> Iterator[Finding]:
    rows = subset(len(material.test_images), settings["num_images"], "seen", settings["seed"])
    data = material.test_images[rows].float() / 255
    samples = _samples(model, settings)
    yield from _looks("data", data, "test images")
    yield from _looks(
        "reconstructions", _decode(model, posterior.mean[rows]), "of test images, posterior means"
    )
    yield from _looks("samples", samples, "mean images of prior draws")
    yield "distance_from_prior", _distance(model, posterior, settings)
    if material.train_labels is None or material.test_labels is None:
        return
    names = material.label_names
    judge = Judge(material.train_images, material.train_labels, names, settings)
    test = Labelled(flat(data), material.test_labels[rows].numpy())
    yield "classifier_accuracy", judge.number(judge.pixels.accuracy(test), None, images=len(rows))
    yield from judge.plausibility("data", test.rows, "test images")
    yield from judge.plausibility("samples", flat(samples), "mean images of prior draws")
    yield from _interpolations(model, judge, material.test_labels, posterior, settings)
    yield "digits_of_samples", judge.shares(flat(samples), f"{len(samples)} prior draws")
    yield from _plane(model, judge, posterior, settings["map_steps"])
    yield "distance_of_digits", _distance_of_digits(posterior, material.test_labels, names)


def _looks(what: str, images: Tensor, words: str) -> Iterator[Finding]:
    for name, values in (("sharpness", sharpness(images)), ("contrast", contrast(images))):
        yield (
            f"{name}_of_{what}",
            {
                "value": float(values.mean()),
                "standard_error": standard_error(values),
                "protocol": {"images": len(values), "of": words},
            },
        )


def _distance(model: VAE, posterior: Posterior, settings: Mapping[str, Any]) -> dict[str, Any]:
    if model.prior.has_closed_kl:
        value, error = distance_from_prior(posterior)
        said = {"images": len(posterior.mean), "distance": "moments"}
        return {"value": value, "standard_error": error, "protocol": said}
    # The moments say little of the distance from a mixture. This estimate is too low in mean.
    seed = settings["seed"]
    rows = subset(len(posterior.mean), settings["num_images"], "distance", seed)
    q = Posterior(posterior.mean[rows], posterior.log_var[rows])
    found = information(q, mean_kl(model, q, seed=seed), seed=seed)
    said = {"images": len(rows), "distance": "draws"}
    return {"value": found.kl_lower, "standard_error": found.standard_error, "protocol": said}


def _interpolations(
    model: VAE, judge: Judge, labels: Tensor, posterior: Posterior, settings: Mapping[str, Any]
) -> Iterator[Finding]:
    """Yields how plausible and sharp the points between images of two different labels are."""
    first, last = _pairs(labels, settings["num_pairs"], settings["seed"])
    if len(first) == 0:
        return
    share = torch.linspace(0, 1, settings["num_steps"])[None, :, None]
    start, end = posterior.mean[first][:, None], posterior.mean[last][:, None]
    images = _decode(model, (start + share * (end - start)).flatten(0, 1))
    shape, inner = (len(first), settings["num_steps"]), slice(1, -1)
    said = {"pairs": len(first), "steps": settings["num_steps"], "latent": "posterior means"}
    for name, found in judge.judged(flat(images)).items():
        by_step = found.reshape(shape).astype(float)
        for what, part in (("interpolations", by_step[:, inner]), ("ends", by_step[:, [0, -1]])):
            of_pair = part.mean(axis=1)
            number = judge.number(float(of_pair.mean()), standard_error(of_pair), **said)
            if what == "interpolations":
                number["by_step"] = by_step.mean(axis=0).tolist()
            yield f"{name}_of_{what}", number
    sharp = sharpness(images).reshape(shape)[:, inner].mean(axis=1)
    yield (
        "sharpness_of_interpolations",
        {
            "value": float(sharp.mean()),
            "standard_error": standard_error(sharp),
            "protocol": said,
        },
    )


def _pairs(labels: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Returns places of images of different labels, the same for the same data, each (P,)."""
    order = torch.randperm(len(labels), generator=stream("pairs", seed))
    half = len(order) // 2
    first, last = order[:half], order[half : 2 * half]
    different = labels[first] != labels[last]
    return first[different][:count], last[different][:count]


def _plane(model: VAE, judge: Judge, posterior: Posterior, steps: int) -> Iterator[Finding]:
    """Yields what lies at the prior's mean, and, of a latent plane, each label's share of it."""
    prior = model.prior
    origin = flat(_decode(model, prior.mean()[None]))
    shares, _ = judge.pixels.digit_shares(origin)
    digit = max(shares, key=lambda label: shares[label])
    yield "digit_at_centre", judge.number(digit, None, votes=judge.pixels.votes(origin))
    if model.latent_dim != 2:
        return
    axis = torch.linspace(-EXTENT, EXTENT, steps)
    square = prior.mean() + torch.cartesian_prod(axis, axis) * prior.scale()
    words = (
        f"{steps} x {steps} equally spaced points of [-{EXTENT}, {EXTENT}]² around the prior's "
        f"mean, in its standard deviations"
    )
    yield "digits_of_map", judge.shares(flat(_decode(model, square)), words)
    if not prior.has_closed_kl:
        return  # what follows divides the standard normal into parts of equal probability
    chance = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    quantiles = torch.special.ndtri(chance).float()
    cells = flat(_decode(model, torch.cartesian_prod(quantiles, quantiles)))
    yield (
        "digits_of_prior",
        judge.shares(cells, f"{steps} x {steps} points of equal prior probability"),
    )
    disc = flat(_decode(model, _disc(steps * steps // 4)))
    words = f"{len(disc)} points of the disc around 0 that holds {CENTRE:.0%} of the prior"
    yield "digits_of_centre", judge.shares(disc, words)


def _disc(count: int) -> Tensor:
    """Returns points (N, 2) that share the prior's central probability equally, on a spiral."""
    k = torch.arange(count, dtype=torch.float64)
    radius = torch.sqrt(-2 * torch.log1p(-CENTRE * (k + 0.5) / count))
    angle = k * math.pi * (3 - math.sqrt(5))
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1).float()


def _distance_of_digits(
    posterior: Posterior, labels: Tensor, names: Sequence[str] | None
) -> dict[str, Any]:
    """Returns the median distance of each label's posterior means from 0."""
    distance = posterior.mean.double().norm(dim=1)
    medians = {
        called(label, names): float(distance[labels == label].median())
        for label in torch.unique(labels).tolist()
    }
    return {
        "value": medians,
        "standard_error": None,
        "protocol": {"images": len(labels), "latent": "median length of the posterior means"},
    }


def _samples(model: VAE, settings: Mapping[str, Any]) -> Tensor:
    z = model.prior.sample(settings["num_generated"], stream("generated", settings["seed"]))
    return _decode(model, z)


def _decode(model: VAE, z: Tensor) -> Tensor:
    """Returns mean images of latent points (N, Z), cut to [0, 1], on the CPU."""
    parts = [model.decode(part.to(model.device)).cpu() for part in torch.split(z, BATCH)]
    return torch.cat(parts).clamp(0, 1)
