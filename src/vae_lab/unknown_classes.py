"""Semi-supervised training: images without a label count with every class, by q(y|x).

Shapes: K samples per image, B images per batch, M labelled images, L classes, C, H, W of an image,
Z latent dimensions. Values in nats per image.

Source: Kingma et al., Semi-supervised Learning with Deep Generative Models, arXiv:1406.5298, model
M2, eq. 6 to 9.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vae_lab.conditions.base import Condition
from vae_lab.conditions.label import ClassLabel
from vae_lab.errors import UserError
from vae_lab.generative_model import GenerativeModel
from vae_lab.objectives.base import Draws, Objective, Terms
from vae_lab.objectives.over_classes import ClassWeights, over_classes
from vae_lab.priors import Prior


def check_objective(objective: Objective, condition: Condition) -> None:
    """Raises UserError if classes are to be summed for an objective that needs more than terms."""
    if condition.classifies and not objective.takes_terms:
        raise UserError(
            f"condition.labelled sums over classes in the terms of the bound, and "
            f"{type(objective).__name__} needs more than those: use objective=elbo."
        )


def score_over_classes(
    model: GenerativeModel,
    x: Tensor,
    noise: Tensor,
    objective: Callable[[Draws, Prior], tuple[Tensor, Terms]],
    generator: torch.Generator,
    labels: Tensor,
) -> tuple[Tensor, Terms]:
    """Returns the loss and the bound's terms, each (B,), of images x (B, C, H, W).

    All classes of all images are decoded as one batch, also of images with a label: then no number
    of images depends on the data, and a GPU need not wait for it.

    Args:
        model: a conditional model with a classifier.
        x: images in [0, 1].
        noise: standard normal, (K, B, Z). The same for all classes of an image: the differences
            between classes, of which q(y|x) learns, are then estimated best.
        objective: see `over_classes`.
        generator: see `Draws`.
        labels: int64 (B,), -1 if unknown.
    """
    condition = model.condition
    assert isinstance(condition, ClassLabel)
    (num_samples, size), num_classes = noise.shape[:2], condition.num_classes
    logits = condition.logits(x)
    # All images with the first class, then all with the second: (L * B).
    classes = torch.arange(num_classes, device=x.device).repeat_interleave(size)
    repeated = noise.repeat(1, num_classes, 1)
    posterior = model.encode(x.repeat(num_classes, 1, 1, 1), classes)
    z = posterior.sample(repeated)
    # The images are the same for all classes: not copied.
    outputs = model.outputs(z, classes)
    outputs = outputs.view(num_samples * num_classes, size, *outputs.shape[2:])
    with torch.autocast(x.device.type, enabled=False):
        log_likelihood = model.likelihood.log_prob(outputs, x).view(num_samples, -1)
        draws = Draws(posterior, repeated, z, log_likelihood, generator)
        weights = ClassWeights.of(logits, labels)
        return over_classes(objective, draws, model.prior, weights, condition.shares.log())
