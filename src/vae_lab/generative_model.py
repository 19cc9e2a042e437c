"""Encoder, decoder, prior and likelihood together: what pictures, evaluation and notebooks call.

Shapes: K samples per image, B images per batch, N images, C, H, W of an image, Z latent dimensions.
Labels are int64 (B,), the class of each image, for a conditional model only (`conditions`): then
every p and q below is given the class too.
"""

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from vae_lab.conditions.base import Condition
from vae_lab.likelihoods import Likelihood
from vae_lab.posteriors import Posterior, joined
from vae_lab.priors import Prior

# Images or latent points that a network takes at once outside of training. Of more the activations
# of convolutions leave the caches of a processor, and each image takes longer.
BATCH = 250


class GenerativeModel(pl.LightningModule):
    """p(z), p(x|z) and q(z|x), and under a condition p(x|z, y) and q(z|x, y)."""

    def __init__(
        self,
        *,
        encoder: nn.Module,
        decoder: nn.Module,
        prior: Prior,
        likelihood: Likelihood,
        condition: Condition,
        latent_dim: int,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.prior, self.likelihood = prior, likelihood
        self.condition, self.latent_dim = condition, latent_dim

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning keeps the name of each hook here while it runs: 40 times per step. torch looks
        # first whether it is a parameter, a module or a buffer: a text or a number never is.
        if (value is None or isinstance(value, (str, float))) and name in self.__dict__:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def optimizer_zero_grad(
        self, epoch: int, batch_idx: int, optimizer: torch.optim.Optimizer
    ) -> None:
        if type(optimizer).zero_grad is not torch.optim.Optimizer.zero_grad:
            optimizer.zero_grad()
            return
        # As torch's own, without a question to the profiler.
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @property
    def is_conditional(self) -> bool:
        """Whether every method that encodes or decodes needs labels."""
        return self.condition.num_classes > 0

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns the reconstructions of x (B, C, H, W); see `reconstruct`."""
        return self.reconstruct(x, labels)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Returns the reconstructions of a batch: images, or a tuple that begins with them."""
        if isinstance(batch, Tensor):
            return self(batch)
        return self(batch[0], getattr(batch, "labels", None))

    def encode(self, x: Tensor, labels: Tensor | None = None) -> Posterior:
        """Returns q(z|x) for x (B, C, H, W), in single precision at least."""
        labels = self.condition.complete(x, labels)
        return self.encoder(*self.condition.inputs(x, labels)).map(Tensor.float)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns the mean image E[x|z] for z (B, Z), shape (B, C, H, W)."""
        return self.likelihood.mean(self.decoder(*self.condition.inputs(z, labels)).float())

    def outputs(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns the decoder's outputs for K points of each image, z (K, B, Z): (K, B, C, H, W).

        In single precision; the likelihood gives them their meaning.
        """
        repeated = None if labels is None else labels.repeat(len(z))
        inputs = self.condition.inputs(z.flatten(0, 1), repeated)
        outputs = self.decoder(*inputs).float()
        return outputs.view(*z.shape[:2], *outputs.shape[1:])

    def reconstruct(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns the mean image at the posterior mean of x (B, C, H, W), same shape."""
        labels = self.condition.complete(x, labels)
        return self.decode(self.encode(x, labels).mean, labels)

    def sample(
        self, num_images: int, generator: torch.Generator, labels: Tensor | None = None
    ) -> Tensor:
        """Returns the mean images of prior draws, shape (N, C, H, W).

        A conditional model draws the labels (N,) too, unless they are given.
        """
        z = self.prior.sample(num_images, generator)
        if labels is None:
            labels = self.condition.draw(num_images, generator)
        return self.decode(z.to(self.device), labels)

    @torch.no_grad()
    def encode_in_batches(self, images: Any, labels: Tensor | None = None) -> Posterior:
        """Returns q(z|x) of uint8 images (N, C, H, W), tensor or memory-mapped, on the CPU."""
        rows = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
        parts = [
            self.encode(images[part].to(self.device).float() / 255, of_rows(labels, part))
            for part in rows
        ]
        return joined(parts).map(Tensor.cpu)

    @torch.no_grad()
    def complete_in_batches(self, images: Any, labels: Tensor | None) -> Tensor | None:
        """Returns labels (N,) of uint8 images (N, C, H, W): those that are -1 by q(y|x)."""
        if labels is None or not self.condition.has_unknown(labels):
            return labels
        parts: list[Tensor] = []
        for start in range(0, len(images), BATCH):
            x = images[start : start + BATCH].to(self.device).float() / 255
            of_batch = labels[start : start + BATCH].to(self.device)
            complete = self.condition.complete(x, of_batch)
            assert complete is not None
            parts.append(complete.cpu())
        return torch.cat(parts)

    @torch.no_grad()
    def decode_in_batches(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Returns the mean images E[x|z] of points z (N, Z), on the CPU, (N, C, H, W)."""
        rows = [slice(start, start + BATCH) for start in range(0, len(z), BATCH)]
        parts = [self.decode(z[part].to(self.device), of_rows(labels, part)).cpu() for part in rows]
        return torch.cat(parts)

    def interpolate(
        self, start: Tensor, end: Tensor, *, steps: int, labels: Tensor | None = None
    ) -> Tensor:
        """Returns mean images on the straight lines between points of the latent space.

        Args:
            start: points z (N, Z) on the CPU, the first of each line.
            end: as many points, the last of each line.
            steps: S, the points on each line, both ends included.
            labels: the class of each line, (N,).

        Returns:
            Mean images on the CPU, (N, S, C, H, W).
        """
        share = torch.linspace(0, 1, steps)[:, None]
        points = start[:, None] + share * (end - start)[:, None]
        repeated = None if labels is None else labels.repeat_interleave(steps)
        images = self.decode_in_batches(points.flatten(0, 1), repeated)
        return images.view(*points.shape[:2], *images.shape[1:])


def of_rows(labels: Tensor | None, rows: slice) -> Tensor | None:
    """Returns the labels of some rows; None without labels."""
    return None if labels is None else labels[rows]
