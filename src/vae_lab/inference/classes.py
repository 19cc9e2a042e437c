"""log p(x|y) of every class of an image, by importance weights: a classifier by Bayes' rule.

Shapes: K samples, N images, L classes, C, H, W of an image, Z latent dimensions. Values in nats.
Memory does not grow with N, K or L, but for the results.

Source of the bound: Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519, eq. 8.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from vae_lab.data.images import ImageArray
from vae_lab.errors import UserError
from vae_lab.generative_model import BATCH
from vae_lab.inference.images import Advance
from vae_lab.inference.joint import log_weights
from vae_lab.random_streams import stream

if TYPE_CHECKING:
    from vae_lab.vae import VAE


@torch.no_grad()
def class_log_weights(
    model: "VAE",
    images: Tensor | ImageArray,
    *,
    num_samples: int,
    seed: int,
    places: Sequence[int] | None = None,
    advance: Advance = lambda done, total: None,
) -> Tensor:
    """Returns log (1/K) sum_k p(x, z_k|y) / q(z_k|x, y) of each class, float64 (N, L), on the CPU.

    A lower bound on log p(x|y) in expectation; with K = 1 it is the sampled ELBO. The images
    (N, C, H, W) are float in [0, 1], or bytes. The noise of an image is the same for every class,
    so that the differences between classes vary less. It depends on the seed and the image's place:
    without `places` all have the same one, and an image's result depends on no other image.

    Raises:
        UserError: The model is unconditional.
    """
    if not model.is_conditional:
        raise UserError(
            "this model is not conditional, so it has no log p(x given y): train one with "
            "condition=label."
        )
    places, noise_of = places if places is not None else [0] * len(images), _noise(model, seed)
    width, results = max(1, BATCH // num_samples), []
    for start in range(0, len(images), width):
        rows = range(start, min(start + width, len(images)))
        batch = _Batch(
            _floats(images[start : rows.stop]).to(model.device),
            torch.stack([noise_of(int(places[row]), num_samples) for row in rows], dim=1),
        )
        results.append(batch.log_weights_of_classes(model))
        advance(rows.stop, len(images))
    return torch.cat(results) if results else torch.empty(0, model.condition.num_classes).double()


def class_log_joint(model: "VAE", log_weights_of_classes: Tensor) -> Tensor:
    """Returns log p(y) + log p(x|y), (N, L), for the bounds of the classes, (N, L).

    p(y) are the shares of the classes among the training images. Normalised over the classes, by
    `softmax(dim=1)`, it is p(y|x); its `logsumexp(dim=1)` is log p(x), (N,), of which it is a lower
    bound in expectation.
    """
    shares = model.condition.shares.double().cpu()
    return log_weights_of_classes + shares.log()


class _Batch(NamedTuple):
    """Images x (B, C, H, W), and their noise (K, B, Z)."""

    x: Tensor
    noise: Tensor

    def log_weights_of_classes(self, model: "VAE") -> Tensor:
        """Returns the log of the mean weight of each class, (B, L)."""
        classes = range(model.condition.num_classes)
        return torch.stack([self._log_mean_weight(model, label) for label in classes], dim=1)

    def _log_mean_weight(self, model: "VAE", label: int) -> Tensor:
        labels = torch.full((len(self.x),), label, device=self.x.device)
        q = model.encode(self.x, labels).map(Tensor.cpu)
        # Of very many samples some at a time.
        parts = [
            log_weights(model, self.x, q, noise, labels).logsumexp(dim=0)
            for noise in torch.split(self.noise, BATCH)
        ]
        return torch.stack(parts).logsumexp(dim=0) - math.log(len(self.noise))


def _noise(model: "VAE", seed: int) -> Callable[[int, int], Tensor]:
    """Returns the function from a place and K to the noise of an image, (K, Z)."""

    def noise(place: int, num_samples: int) -> Tensor:
        generator = stream("classes", seed, place)
        return torch.randn(num_samples, model.latent_dim, generator=generator)

    return noise


def _floats(images: Tensor) -> Tensor:
    """Returns images in [0, 1] for images that may be bytes."""
    return images.float() / 255 if images.dtype == torch.uint8 else images
