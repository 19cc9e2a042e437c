"""The loss and the terms of the bound over an epoch: sums, of which the means are logged.

Shapes: B images per batch, S means that a loss follows from. Values in nats per image.
"""

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vae_lab.errors import NonFiniteError
from vae_lab.objectives.base import Terms

if TYPE_CHECKING:
    import pytorch_lightning as pl


class EpochSums:
    """Running sums over the images of an epoch, so that a short last batch weighs its true size."""

    def __init__(
        self, device: torch.device, loss: Callable[[Tensor], Tensor] = itemgetter(0)
    ) -> None:
        """Takes how the loss follows from means over images, (S,); otherwise S is 1, the loss."""
        # On the device, so that no batch waits for the processor. MPS has no double precision.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        # Those means, log-likelihood, KL, number of images, (S + 3,); a scalar 0 before a batch.
        self._sums, self._loss = torch.zeros((), dtype=dtype, device=device), loss

    def add(self, means: Tensor, terms: Terms) -> None:
        """Adds a batch: its loss or what it follows from, (S,), and the terms, each (B,)."""
        size = len(terms.kl)
        of_terms = torch.stack([terms.log_likelihood.sum(), terms.kl.sum()])
        batch = torch.cat([means.reshape(-1) * size, of_terms, of_terms.new_full((1,), size)])
        self._sums = self._sums + batch.detach().to(self._sums.dtype)

    def metrics(
        self, trainer: "pl.Trainer", split: str, progress: dict[str, float | None]
    ) -> dict[str, float]:
        """Returns the means over the images of all processes, in nats, by the names of the curves.

        Raises:
            NonFiniteError: where a value is no number.
        """
        sums = trainer.strategy.reduce(self._sums, reduce_op="sum")
        of_images = sums[:-1] / sums[-1]
        log_likelihood, kl = of_images[-2:].tolist()
        loss = self._loss(of_images[:-2]).item()
        means = {"loss": loss, "elbo": log_likelihood - kl, "recon": -log_likelihood, "kl": kl}
        if not torch.isfinite(sums).all():
            raise NonFiniteError(split, terms=means, facts=progress)
        return {f"{name}/{split}": value for name, value in means.items()}
