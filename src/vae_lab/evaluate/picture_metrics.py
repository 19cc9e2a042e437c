"""What a model's pictures show, as numbers: sharpness, plausibility, the latent plane.

A run measures them at its end, for its report. Shapes: N images, M other images, P pairs, S steps,
Z latent dimensions.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vae_lab.evaluate.bound import mean_over_images, share, standard_error
from vae_lab.evaluate.latent_space import (
    distance_of_moments,
    information,
    kl_per_image,
    negative,
)
from vae_lab.evaluate.sample_quality import PLAUSIBLE, RealImageReference, contrast, sharpness
from vae_lab.posteriors import of_images
from vae_lab.random_streams import stream, subset
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# The square of the latent map, and the prior's probability of what is called the centre.
EXTENT, CENTRE = 1.5, 0.1


@torch.no_grad()
def picture_metrics(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields what the report says of the pictures; what needs labels only if there are labels."""
    settings = evaluation.settings
    rows = subset(len(evaluation.images), settings["num_images"], "seen", settings["seed"])
    images = evaluation.images[rows].float() / 255
    yield from _appearance(evaluation, images, rows)
    yield distance_from_prior(evaluation)
    if (reference := evaluation.reference) is None:
        return
    of_split = f"{evaluation.split} images"
    words, protocol = f"the accuracy of the classifier on {of_split}", reference.protocol
    hits = reference.hits(images, evaluation.labels[rows])
    yield share("classifier_accuracy", words, hits, {**protocol, "images": len(rows)})
    yield from reference.plausibility("data", images, of_split)
    yield from reference.plausibility("samples", evaluation.samples, "mean images of prior draws")
    if evaluation.model.is_conditional:
        yield _agreement(evaluation, reference)
    else:
        yield from _interpolations(evaluation, reference)
    words, of = "the share of prior draws, by label", f"{len(evaluation.samples)} prior draws"
    yield reference.label_shares("digits_of_samples", words, evaluation.samples, of, are_drawn=True)
    # What a decoder draws at a point has a label of its own only if it is given none.
    if not evaluation.model.is_conditional:
        yield from _latent_plane(evaluation, reference)
    yield _distance_of_digits(evaluation, reference)


def _appearance(evaluation: "Evaluation", images: Tensor, rows: Tensor) -> Iterator[Number]:
    """Yields the sharpness and the contrast of images, their reconstructions, and samples."""
    labels = None if evaluation.given is None else evaluation.given[rows]
    reconstructions = evaluation.decode(evaluation.posterior.mean[rows], labels)
    of_split, given = f"{evaluation.split} images", evaluation.condition
    for what, pictures, protocol in (
        ("data", images, {"of": of_split}),
        ("reconstructions", reconstructions, {"of": f"of {of_split}, posterior means", **given}),
        ("samples", evaluation.samples, {"of": "mean images of prior draws"}),
    ):
        for name, values in (("sharpness", sharpness(pictures)), ("contrast", contrast(pictures))):
            words = f"the {name} of the {what}"
            yield mean_over_images(f"{name}_of_{what}", words, values, **protocol)


def _agreement(evaluation: "Evaluation", reference: RealImageReference) -> Number:
    """Returns how many samples given y the classifier of real images labels y, too."""
    labels = evaluation.prior_draws[1]
    assert labels is not None
    hits = reference.hits(evaluation.samples, labels)
    words = "the share of samples given y that the classifier calls y"
    protocol = {**reference.protocol, "images": len(hits), **evaluation.condition}
    return share("agreement_of_samples", words, hits, protocol)


def distance_from_prior(evaluation: "Evaluation") -> Number:
    """Returns how far all codes together lie from the prior, in nats."""
    name, words = "distance_from_prior", "the distance of all codes together from the prior"
    model, posterior, settings = evaluation.model, evaluation.posterior, evaluation.settings
    if model.prior.has_closed_kl:
        value, error = distance_of_moments(posterior)
        protocol = {"images": len(posterior.mean), "distance": "moments", **evaluation.condition}
        return Number(name, words, value, error, protocol)
    # The moments say little of the distance from a mixture. This estimate is too low in mean.
    seed = settings["seed"]
    rows = subset(len(posterior.mean), settings["num_images"], "distance", seed)
    q = of_images(posterior, rows)
    estimate = information(q, kl_per_image(model, q, seed=seed), seed=seed).kl_lower
    protocol = {"images": len(rows), "distance": "draws", **evaluation.condition}
    return Number(name, words, *estimate, protocol, negative(estimate.value))


def _interpolations(evaluation: "Evaluation", reference: RealImageReference) -> Iterator[Number]:
    """Yields how plausible and sharp the points between images of two different labels are."""
    settings, codes = evaluation.settings, evaluation.posterior.mean
    first, last = _pairs(evaluation.labels, settings["num_pairs"], settings["seed"])
    if len(first) == 0:
        return
    num_steps = settings["num_steps"]
    images = evaluation.model.interpolate(codes[first], codes[last], steps=num_steps)
    images = images.flatten(0, 1).clamp(0, 1)
    shape, inner = (len(first), num_steps), slice(1, -1)
    protocol = {"pairs": len(first), "steps": num_steps, "latent": "posterior means"}
    for name, values in reference.plausible(images).items():
        # A row per pair, a column per step.
        by_step = values.reshape(shape).astype(float)
        for what, steps, of in (
            ("interpolations", by_step[:, inner], "points on interpolations"),
            ("ends", by_step[:, [0, -1]], "ends of interpolations"),
        ):
            # Of each pair first: the points on a line depend on each other.
            words = f"the share of {of} {PLAUSIBLE[name]}"
            of_pairs = {**reference.protocol, **protocol}
            number = share(f"{name}_of_{what}", words, steps.mean(axis=1), of_pairs)
            if what == "interpolations":
                number = number._replace(details={"by_step": by_step.mean(axis=0).tolist()})
            yield number
    name, words = "sharpness_of_interpolations", "the sharpness of the points on interpolations"
    of_pair = sharpness(images).reshape(shape)[:, inner].mean(axis=1)
    yield Number(name, words, float(of_pair.mean()), standard_error(of_pair), protocol)


def _pairs(labels: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Returns the rows of images of different labels, the same for the same data, each (P,)."""
    order = torch.randperm(len(labels), generator=stream("pairs", seed))
    half = len(order) // 2
    first, last = order[:half], order[half : 2 * half]
    different = labels[first] != labels[last]
    return first[different][:count], last[different][:count]


def _latent_plane(evaluation: "Evaluation", reference: RealImageReference) -> Iterator[Number]:
    """Yields what lies at the prior's mean, and, of a latent plane, each label's share of it."""
    prior, steps = evaluation.model.prior, evaluation.settings["map_steps"]
    (votes,) = reference.votes(evaluation.decode(prior.mean()[None]))
    protocol = {**reference.protocol, "votes": float(votes.max())}
    digit, words = reference.labels[votes.argmax()], "the label of the image at the prior's mean"
    yield Number("digit_at_centre", words, digit, None, protocol)
    if evaluation.model.latent_dim != 2:
        return
    # Equally spaced points: the pictures of the latent map.
    axis = torch.linspace(-EXTENT, EXTENT, steps)
    square = prior.mean() + torch.cartesian_prod(axis, axis) * prior.scale()
    of = (
        f"{steps} x {steps} equally spaced points of [-{EXTENT}, {EXTENT}]² around the prior's "
        f"mean, in its standard deviations"
    )
    words = "the share of the square of the latent map, by label"
    yield reference.label_shares("digits_of_map", words, evaluation.decode(square), of)
    if not prior.has_closed_kl:
        return  # what follows divides the standard normal into parts of equal probability
    # The middle of each of steps x steps parts of equal probability.
    probability = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
    quantiles = torch.special.ndtri(probability).float()
    images = evaluation.decode(torch.cartesian_prod(quantiles, quantiles))
    of = f"{steps} x {steps} points of equal prior probability"
    words = "the share of the prior's probability, by label"
    yield reference.label_shares("digits_of_prior", words, images, of)
    # Only the points near 0, where the prior's density is highest.
    images = evaluation.decode(_disc(steps * steps // 4))
    of = f"{len(images)} points of the disc around 0 that holds {CENTRE:.0%} of the prior"
    words = "the share of the prior's central tenth, by label"
    yield reference.label_shares("digits_of_centre", words, images, of)


def _disc(count: int) -> Tensor:
    """Returns points z (N, 2) that share the prior's central probability equally, on a spiral."""
    # Within radius r the standard normal has probability 1 - exp(-r^2 / 2). The golden angle
    # spreads the points evenly over the rings.
    k = torch.arange(count, dtype=torch.float64)
    radius = torch.sqrt(-2 * torch.log1p(-CENTRE * (k + 0.5) / count))
    angle = k * math.pi * (3 - math.sqrt(5))
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1).float()


def _distance_of_digits(evaluation: "Evaluation", reference: RealImageReference) -> Number:
    """Returns the median distance of each label's posterior means from 0."""
    labels, distance = evaluation.labels, evaluation.posterior.mean.double().norm(dim=1)
    medians = {
        # Not torch's median, which is the lower of the two in the middle.
        reference.names[label]: float(np.median(distance[labels == label].numpy()))
        for label in torch.unique(labels).tolist()
    }
    latent = "median length of the posterior means"
    protocol = {"images": len(labels), "latent": latent, **evaluation.condition}
    words = "the median distance of the codes from 0, by label"
    return Number("distance_of_digits", words, medians, None, protocol)
