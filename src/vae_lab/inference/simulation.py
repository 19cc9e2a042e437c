"""How far annealed importance sampling can be off: images that the model made, between two bounds.

Of an image that was drawn from p(x|z), its z is an exact draw of the true posterior. From there the
chains go back to q, and bound log p(x) from above (bidirectional Monte Carlo).

Shapes: K chains per image, M images, C, H, W of an image, Z latent dimensions. Values in nats.

Source: Grosse et al., Sandwiching the Marginal Likelihood Using Bidirectional Monte Carlo,
arXiv:1511.02543.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.inference.annealing import Path, anneal
from vae_lab.inference.chains import Chains, ChainSettings
from vae_lab.inference.images import Advance, EvaluationImages
from vae_lab.posteriors import joined
from vae_lab.random_streams import stream

if TYPE_CHECKING:
    from vae_lab.vae import VAE

# Images that are drawn at a time.
_IMAGES = 100


class SimulatedImages(NamedTuple):
    """Images that a model drew, and the points z (M, Z) that it drew them from.

    A conditional model drew their labels first, which `drawn` holds.
    """

    drawn: EvaluationImages
    z: Tensor


class Sandwich(NamedTuple):
    """Bounds on log p(x) of each image, (M,): each holds in expectation."""

    lower: np.ndarray
    upper: np.ndarray


@torch.no_grad()
def simulate(model: "VAE", num_images: int, seed: int) -> SimulatedImages:
    """Draws z ~ p(z) and images x ~ p(x|z), M = `num_images`; with a condition y ~ p(y) first.

    Raises:
        NotImplementedError: The likelihood cannot draw.
    """
    z = model.prior.sample(num_images, stream("simulated", "z", seed))
    labels = model.condition.draw(num_images, stream("simulated", "y", seed))
    generator = stream("simulated", "x", seed)
    parts, posteriors = [], []
    for rows in torch.split(torch.arange(num_images), _IMAGES):
        given = None if labels is None else labels[rows].to(model.device)
        outputs = model.outputs(z[rows].to(model.device)[None], given)[0]
        x = model.likelihood.sample(outputs, generator)
        parts.append(x.cpu())
        posteriors.append(model.encode(x, given).map(Tensor.cpu))
    drawn = EvaluationImages(
        torch.cat(parts),
        joined(posteriors),
        torch.arange(num_images),
        "simulated",
        num_images,
        labels,
    )
    return SimulatedImages(drawn, z)


def sandwich(
    model: "VAE",
    simulated: SimulatedImages,
    path: Path,
    settings: ChainSettings,
    advance: Advance = lambda done, total: None,
) -> Sandwich:
    """Returns bounds on log p(x) of simulated images, by the same path there and back."""
    drawn, z = simulated
    there = Chains(model, drawn, settings, name="annealing")
    back = Chains(model, drawn, settings, name="annealing back")
    lower = anneal(there, path, advance=lambda done, total: advance(done, 2 * total))
    # All chains of an image start from its exact draw.
    noise = drawn.posterior.map(Tensor.double).noise_of(z.double()) / settings.start_width
    start = back.at(noise.expand(settings.num_chains, *z.shape).contiguous())
    upper = anneal(
        back, path.reversed(), start, lambda done, total: advance(total + done, 2 * total)
    )
    # E[1 / w] = 1 / p(x).
    inverse = upper._replace(log_weights=-upper.log_weights)
    return Sandwich(lower.log_likelihood, -inverse.log_likelihood)
