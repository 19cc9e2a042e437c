"""Evaluation: the bound and its terms for every image of a split.

Shapes: K samples per image, N images, B images per batch, Z latent dimensions; values in nats.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from vae_lab.data.images import ImageArray
from vae_lab.random_streams import stream

# Images counted at a time: memory, never the result.
_AT_ONCE = 1000


class Terms(Protocol):
    """The bound's terms for each image, both (B,)."""

    @property
    def log_likelihood(self) -> Tensor: ...

    @property
    def kl(self) -> Tensor: ...


class Model(Protocol):
    """What evaluation needs of a model."""

    latent_dim: int

    @property
    def device(self) -> torch.device: ...

    def score(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Terms]: ...


class PerImage(NamedTuple):
    """The bound and its terms of each image, all (N,), float64, and the mean loss."""

    elbo: np.ndarray
    recon: np.ndarray
    kl: np.ndarray
    loss: float

    def means(self, split: str) -> dict[str, float]:
        """Returns the metrics of the split in nats per image, named as the curves are."""
        return {
            f"elbo/{split}": float(self.elbo.mean()),
            f"recon/{split}": float(self.recon.mean()),
            f"kl/{split}": float(self.kl.mean()),
            f"loss/{split}": self.loss,
        }

    def standard_errors(self, split: str) -> dict[str, float | None]:
        """Returns the standard error over images of each mean but the loss; None for one image."""
        terms = {"elbo": self.elbo, "recon": self.recon, "kl": self.kl}
        return {f"{name}/{split}": standard_error(values) for name, values in terms.items()}


def standard_error(values: np.ndarray) -> float | None:
    """Returns the standard error of the mean of values (N,); None where N is 1."""
    if len(values) < 2:
        return None
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def target_entropy(images: ImageArray) -> np.ndarray:
    """Returns the entropy of coins with the images as their means, in nats, (N,).

    It is the least that -log p(x|z) of a Bernoulli likelihood can be on these targets.

    Args:
        images: uint8, (N, C, H, W).
    """
    chance = torch.arange(256, dtype=torch.float64) / 255
    of_level = -torch.xlogy(chance, chance) - torch.xlogy(1 - chance, 1 - chance)
    # By counts of the 256 levels: a table look-up of 8 bytes a pixel would take 60 MB and more.
    counts = [
        torch.bincount(image.flatten(), minlength=256)
        for start in range(0, len(images), _AT_ONCE)
        for image in images[start : start + _AT_ONCE].int()
    ]
    return (torch.stack(counts).double() @ of_level).numpy()


@torch.no_grad()
def bound_per_image(
    model: Model, images: ImageArray, *, num_samples: int, batch_size: int, split: str
) -> PerImage:
    """Returns the sampled bound of every image.

    The noise of an image depends on its place in the split alone: drawn whole and looked up, since
    a generator's draws in pieces differ from its draws at once. So no batch split changes a result,
    and evaluation moves no other random state.

    Args:
        model: in eval mode, in single precision.
        images: uint8, (N, C, H, W).
        num_samples: K, the posterior samples per image.
        batch_size: how many decoded images at a time; changes memory, never the result.
        split: names the noise stream.
    """
    shape = (num_samples, len(images), model.latent_dim)
    noise = torch.randn(shape, generator=stream(split)).to(model.device)
    losses, log_likelihoods, kls = 0.0, [], []
    batch_size = max(1, batch_size // num_samples)
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        x = images[rows].to(model.device).float() / 255
        loss, terms = model.score(x, noise[:, rows])
        losses += loss.item() * len(x)
        log_likelihoods.append(terms.log_likelihood.double().cpu().numpy())
        kls.append(terms.kl.double().cpu().numpy())
    log_likelihood, kl = np.concatenate(log_likelihoods), np.concatenate(kls)
    return PerImage(log_likelihood - kl, -log_likelihood, kl, losses / len(images))
