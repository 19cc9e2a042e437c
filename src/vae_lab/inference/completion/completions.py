"""An image with its missing pixels filled in several ways, drawn from p(missing|seen).

Shapes: N completions, L classes, C, H, W of an image, Z latent dimensions. Values in nats.
"""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.inference.completion.weighted_points import (
    WeightedPoints,
    by_importance,
    by_lattice,
)
from vae_lab.inference.given_class import given_class

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# Points of which the completions are drawn.
NUM_POINTS = 2000

# With fewer effective points the draws repeat a few, which may miss other ways to complete.
FEW = 50


class Completion(NamedTuple):
    """Completions of an image, and how far to trust them.

    `images` (N, C, H, W) have the seen pixels as they are, and E[x|z] in the missing ones, for
    draws `z` (N, Z) of p(z|seen). `log_likelihood` is log p(seen) in nats. `effective_points` is
    how many equal weights those of the `num_points` points are worth that the draws are chosen of;
    None with two latent dimensions, for which the draws are exact: from a lattice of the plane.
    `labels` (N,) are the classes that a conditional model completed with, `class_probabilities`
    (L,) is p(y|seen) if none was given.
    """

    images: Tensor
    z: Tensor
    log_likelihood: float
    effective_points: float | None
    num_points: int
    labels: Tensor | None = None
    class_probabilities: Tensor | None = None

    @property
    def warning(self) -> str | None:
        """What to know before the completions are trusted; None if nothing."""
        if self.effective_points is None or self.effective_points >= FEW:
            return None
        return (
            f"the completions are chosen of {self.num_points} points whose weights are worth "
            f"{self.effective_points:.0f} equal ones: fewer than {FEW}, so they may repeat, and "
            f"miss other ways to complete. Another seed tries other points."
        )


@torch.no_grad()
def complete(
    model: "VAE",
    image: Tensor,
    missing: Tensor,
    *,
    num_images: int,
    generator: torch.Generator,
    label: int | None = None,
) -> Completion:
    """Returns completions of an image (C, H, W) in [0, 1], `missing` bool (C, H, W).

    A conditional model completes it as an image of the class `label`. Without a label it draws the
    class of each completion from p(y|seen), for which every class is tried: it takes L times as
    long.
    """
    if not model.is_conditional:
        points = _points(model, image, ~missing, generator)
        return _completion(model, image, missing, points, points.resampled(num_images, generator))
    if label is not None:
        of_class = given_class(model, label)
        points = _points(of_class, image, ~missing, generator)
        z, labels = points.resampled(num_images, generator), torch.full((num_images,), label)
        return _completion(model, image, missing, points, z, labels)
    return _of_any_class(model, image, missing, num_images, generator)


def _points(
    model: "VAE", image: Tensor, seen: Tensor, generator: torch.Generator
) -> WeightedPoints:
    """Returns weighted points of p(z|seen)."""
    if model.latent_dim == 2:
        return by_lattice(model, image, seen, generator)
    return by_importance(model, image, seen, num_points=NUM_POINTS, generator=generator)


def _completion(
    model: "VAE",
    image: Tensor,
    missing: Tensor,
    points: WeightedPoints,
    z: Tensor,
    labels: Tensor | None = None,
) -> Completion:
    """Returns the completions by draws z (N, Z) of the points."""
    z = z.float()
    filled = model.decode_in_batches(z, labels)
    return Completion(
        images=torch.where(missing, filled, image),
        z=z,
        log_likelihood=points.log_likelihood,
        effective_points=None if model.latent_dim == 2 else points.effective_points(),
        num_points=len(points.z),
        labels=labels,
    )


def _of_any_class(
    model: "VAE", image: Tensor, missing: Tensor, num_images: int, generator: torch.Generator
) -> Completion:
    """Returns completions whose classes are drawn from p(y|seen), by p(y) p(seen|y)."""
    of_class = [
        _points(given_class(model, label), image, ~missing, generator)
        for label in range(model.condition.num_classes)
    ]
    log_seen = torch.tensor([points.log_likelihood for points in of_class], dtype=torch.float64)
    log_joint = log_seen + model.condition.shares.double().cpu().log()
    probabilities = log_joint.softmax(dim=0)
    labels = probabilities.multinomial(num_images, replacement=True, generator=generator)
    z = torch.empty(num_images, model.latent_dim, dtype=torch.float64)
    for label in torch.unique(labels).tolist():
        chosen = labels == label
        z[chosen] = of_class[label].resampled(int(chosen.sum()), generator)
    # The points of all classes together, each class with its probability.
    together = WeightedPoints(
        torch.cat([points.z for points in of_class]),
        torch.cat(
            [
                points.log_weights.log_softmax(dim=0) + log_probability
                for points, log_probability in zip(of_class, probabilities.log(), strict=True)
            ]
        ),
        log_joint.logsumexp(dim=0).item(),
    )
    completion = _completion(model, image, missing, together, z, labels)
    return completion._replace(class_probabilities=probabilities)
