"""Evaluation: the bound and its terms for every image of a split.

Shapes: K samples per image, N images, B images per batch, Z latent dimensions; values in nats.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from vae_lab.data.images import ImageArray
from vae_lab.random_streams import stream
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation
    from vae_lab.vae import VAE

# Images whose grey levels are counted at a time: memory, never the result.
_IMAGES_PER_COUNT = 1000


def elbo(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields the sampled bound and its two terms, means over the whole split."""
    bound = evaluation.bound
    protocol = {"latent": "sampled", "samples": evaluation.model.objective.num_samples}
    yield mean_over_images("elbo", f"the bound on {evaluation.bound_is_on}", bound.elbo, **protocol)
    yield mean_over_images("recon", "the reconstruction term", bound.recon, **protocol)
    yield mean_over_images("kl", "the KL of the codes from the prior", bound.kl, **protocol)


class PerImage(NamedTuple):
    """The bound and its terms of each image, all (N,), float64, and the mean loss."""

    elbo: np.ndarray
    recon: np.ndarray
    kl: np.ndarray
    loss: float

    def means(self, split: str) -> dict[str, float]:
        """Returns the metrics of the split in nats per image, named as the curves are."""
        return {f"{name}/{split}": float(np.mean(getattr(self, name))) for name in self._fields}

    def standard_errors(self, split: str) -> dict[str, float | None]:
        """Returns the standard error over images of each mean but the loss; None for one image."""
        terms = self._fields[:-1]
        return {f"{name}/{split}": standard_error(getattr(self, name)) for name in terms}


def standard_error(values: np.ndarray) -> float | None:
    """Returns the standard error of the mean of values (N,); None if N is 1."""
    if len(values) < 2:
        return None
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def mean_over_images(name: str, words: str, values: np.ndarray, **protocol: Any) -> Number:
    """Returns the mean of values (N,) over images, with its standard error, as a number."""
    protocol |= {"images": len(values)}
    return Number(name, words, float(values.mean()), standard_error(values), protocol)


def share(name: str, words: str, values: np.ndarray, protocol: Mapping[str, Any]) -> Number:
    """Returns a share as a number: the mean of values (N,) that are 0 or 1, or shares themselves.

    Its error is half of Wilson's interval of one standard error: that of the mean, but never 0, for
    N values that are all alike do not make a share certain (Wilson, Probable Inference, 1927).
    """
    values = values.astype(float)
    count = len(values)
    error = np.sqrt(values.var() / count + 1 / (4 * count**2)) / (1 + 1 / count)
    return Number(name, words, float(values.mean()), float(error), dict(protocol))


def target_entropy(images: ImageArray) -> np.ndarray:
    """Returns the entropy of binary draws with uint8 images (N, C, H, W) as means, in nats, (N,).

    It is the least that -log p(x|z) of a Bernoulli likelihood can be on these targets.
    """
    # The entropy of one binary draw for each of the 256 grey levels, (256,).
    mean = torch.arange(256, dtype=torch.float64) / 255
    entropy_of_level = -torch.xlogy(mean, mean) - torch.xlogy(1 - mean, 1 - mean)
    # Each image by its counts of the levels: a table look-up of 8 bytes per pixel would take 60 MB.
    counts = [
        torch.bincount(image.flatten(), minlength=256)
        for start in range(0, len(images), _IMAGES_PER_COUNT)
        for image in images[start : start + _IMAGES_PER_COUNT].int()
    ]
    return (torch.stack(counts).double() @ entropy_of_level).numpy()


@torch.no_grad()
def bound_per_image(
    model: "VAE",
    images: ImageArray,
    *,
    num_samples: int,
    batch_size: int,
    split: str,
    labels: torch.Tensor | None = None,
) -> PerImage:
    """Returns the sampled bound of every image, uint8 (N, C, H, W), with K = `num_samples`.

    The noise of an image depends only on its place in the split, whose name is that of the stream:
    so `batch_size`, how many images are decoded at a time, changes memory and no result but the
    loss of beta_tc and mmd, which compare the images of a batch. No other random state moves.
    `labels` (N,) are the classes that a conditional model is given.
    """
    # Drawn whole and looked up: a generator's draws in pieces differ from its draws at once.
    shape = (num_samples, len(images), model.latent_dim)
    noise = torch.randn(shape, generator=stream(split)).to(model.device)
    generator = stream("objective", split, model.seed)
    means, log_likelihoods, kls = torch.zeros(()).double(), [], []
    # As many decoded images at once as with one sample per image.
    batch_size = max(1, batch_size // num_samples)
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        x = images[rows].to(model.device).float() / 255
        given = None if labels is None else labels[rows].to(model.device)
        drawn = noise[:, rows], model.objective.means, generator
        of_batch, terms = model.score(x, *drawn, labels=given)
        means = means + of_batch.cpu().double() * len(x)
        log_likelihoods.append(terms.log_likelihood.double().cpu().numpy())
        kls.append(terms.kl.double().cpu().numpy())
    # Sums are over images and in double precision, so a short last batch weighs its size.
    log_likelihood, kl = np.concatenate(log_likelihoods), np.concatenate(kls)
    loss = model.objective.loss(means / len(images)).item()
    return PerImage(log_likelihood - kl, -log_likelihood, kl, loss)
