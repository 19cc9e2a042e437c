"""The epochs of a training: the sums over their images, the share done, and the end.

Shapes: B images per batch, S means that a loss follows from. Values in nats per image.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Timer
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from vae_lab.errors import NonFiniteError
from vae_lab.objectives.base import Terms

# Epoch, step and learning rate, by name.
StepFacts = Mapping[str, float | None]
CallbackKind = TypeVar("CallbackKind", bound=pl.Callback)

# Batches whose sums are kept until they are added up.
_BATCHES_AT_ONCE = 64


class EpochSums:
    """Running sums over the images of an epoch, so that a short last batch weighs its true size."""

    def __init__(
        self, device: torch.device, loss: Callable[[Tensor], Tensor] = itemgetter(0)
    ) -> None:
        """Takes how the loss follows from means over images, (S,); by default S is 1, the loss."""
        # On the device, so that no batch waits for the processor. MPS has no double precision.
        dtype = torch.float32 if device.type == "mps" else torch.float64
        # Those means, log-likelihood, KL, number of images, (S + 3,); a scalar 0 before a batch.
        self._sums, self._loss = torch.zeros((), dtype=dtype, device=device), loss
        self._batches: list[tuple[Tensor, Tensor, Tensor, int]] = []  # not in the sums yet

    def add(self, means: Tensor, terms: Terms) -> None:
        """Adds a batch: its loss or what it follows from, (S,), and the terms, each (B,)."""
        log_likelihood, kl = terms.log_likelihood.detach().sum(), terms.kl.detach().sum()
        self._batches.append((means.detach(), log_likelihood, kl, len(terms.kl)))
        # Many at once: what follows would take as long as a layer in every step.
        if len(self._batches) == _BATCHES_AT_ONCE:
            self._add_batches()

    def _add_batches(self) -> None:
        if not self._batches:
            return
        means, log_likelihood, kl, sizes = zip(*self._batches, strict=True)
        of_terms = torch.stack([torch.stack(log_likelihood), torch.stack(kl)], dim=1)
        size = of_terms.new_tensor(sizes)[:, None]
        of_means = torch.stack(means).reshape(len(means), -1) * size
        # In their order, one by one: the sum does not depend on how many come at once.
        for batch in torch.cat([of_means, of_terms, size], dim=1).to(self._sums.dtype):
            self._sums = self._sums + batch
        self._batches = []

    def metrics(self, trainer: pl.Trainer, split: str, progress: StepFacts) -> dict[str, float]:
        """Returns the means over the images of all processes, in nats, by the names of the curves.

        Raises:
            NonFiniteError: if a value is not a number.
        """
        self._add_batches()
        sums = trainer.strategy.reduce(self._sums, reduce_op="sum")
        of_images = sums[:-1] / sums[-1]
        log_likelihood, kl = of_images[-2:].tolist()
        loss = self._loss(of_images[:-2]).item()
        means = {"loss": loss, "elbo": log_likelihood - kl, "recon": -log_likelihood, "kl": kl}
        if not torch.isfinite(sums).all():
            raise NonFiniteError(split, terms=means, facts=progress)
        return {f"{name}/{split}": value for name, value in means.items()}


def diverged(
    loss: Tensor, terms: Terms, batch: Any, *, facts: StepFacts, parameters: Iterable[nn.Parameter]
) -> NonFiniteError:
    """Returns the error of a training step whose loss, a scalar, is not finite, with its batch."""
    means = {
        "loss": loss.item(),
        "elbo": terms.elbo().mean().item(),
        "recon": -terms.log_likelihood.mean().item(),
        "kl": terms.kl.mean().item(),
    }
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = get_total_norm(gradients).item() if gradients else None
    # The weights that gave this loss came from the step before.
    facts = {**facts, "gradient_norm_before": norm}
    return NonFiniteError("train", terms=means, facts=facts, images=batch.images, index=batch.index)


def share_done(trainer: pl.Trainer, step: int, num_steps: float) -> float:
    """Returns the share of a training that is done, by steps, or by time if that is more."""
    shares = [step / num_steps]
    for timer in callbacks_of(trainer, Timer):
        # No time is left to a timer that only measures.
        if (left := timer.time_remaining()) is not None:
            elapsed = timer.time_elapsed()
            shares.append(elapsed / (elapsed + left) if left > 0 else 1.0)
    return max(shares)


class TrainingClock:
    """How long a training takes, by what it took so far. Started when it begins, or resumes."""

    def __init__(self, trainer: pl.Trainer) -> None:
        self._start, self._total = time.monotonic(), trainer.estimated_stepping_batches
        self._first_share = self.share(trainer)  # done before, in a training that is resumed

    def share(self, trainer: pl.Trainer) -> float:
        """Returns the share of the training that is done, from 0 to 1."""
        return min(1.0, share_done(trainer, trainer.global_step, self._total))

    def whole(self, trainer: pl.Trainer) -> float | None:
        """Returns the seconds of the whole training, None as long as nothing tells them."""
        done = self.share(trainer) - self._first_share
        return (time.monotonic() - self._start) / done if done > 0 else None


def training_ends(trainer: pl.Trainer) -> bool:
    """Tells, at the end of a batch, whether it was the last one of the training."""
    stops = trainer.should_stop and trainer.fit_loop._can_stop_early
    max_epochs, done = trainer.max_epochs, trainer.current_epoch + trainer.is_last_batch
    all_epochs = max_epochs is not None and 0 <= max_epochs <= done
    return stops or all_epochs or 0 <= trainer.max_steps <= trainer.global_step


def callbacks_of(trainer: pl.Trainer, kind: type[CallbackKind]) -> list[CallbackKind]:
    """Returns the callbacks of a kind."""
    # Lightning's Trainer sets this attribute from elsewhere.
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return [callback for callback in callbacks if isinstance(callback, kind)]
