"""Checkpoint chosen by a loss whose weight changes.

Symptom: An early step of a warm-up is called the best.

The KL weight rises during training, and the checkpoint with the smallest validation loss is kept.
Losses with two weights are not comparable: while the weight is small, so is the loss. The same
happens if training and validation use two weights. Seen in public code: PyTorch-VAE.

How to notice: The best checkpoint lies in the warm-up, long before the end.

Fix: Choose by the bound, which has no weight.

Test: test_the_best_checkpoint_gives_the_validation_bound_of_its_curve
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from traps.small_vae import (
    RIGHT,
    WRONG,
    Number,
    SmallVAE,
    bound,
    digits,
    noise_for,
    panel,
)

STEPS, WARM_UP, EVERY = 600, 400, 20


def wrong(losses: list[float], bounds: list[float]) -> int:
    return min(range(len(losses)), key=losses.__getitem__)


def right(losses: list[float], bounds: list[float]) -> int:
    return max(range(len(bounds)), key=bounds.__getitem__)


@cache
def curves() -> tuple[list[float], list[float]]:
    """The validation loss with the weight of its step, and the validation bound."""
    model, generator = SmallVAE(latent_dim=4), torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, fused=True)
    (train, _), (validation, _) = digits()
    losses, bounds = [], []
    for step in range(STEPS):
        beta = min(1.0, step / WARM_UP)
        x = train[torch.randint(len(train), (100,), generator=generator)]
        log_likelihood, kl = model.terms(x, noise_for(x, 4, generator))
        optimizer.zero_grad()
        (beta * kl.sum(dim=1) - log_likelihood.sum(dim=1)).mean().backward()
        optimizer.step()
        if (step + 1) % EVERY == 0:
            log_likelihood, kl = bound(model, validation)
            losses.append((beta * kl - log_likelihood).mean().item())
            bounds.append((log_likelihood - kl).mean().item())
    return losses, bounds


def numbers() -> dict[str, Number]:
    chosen = [choose(*curves()) for choose in (wrong, right)]
    return {
        "step": Number("step of the checkpoint", *((k + 1) * EVERY for k in chosen), decimals=0),
        "elbo": Number("its validation ELBO, nats", *(curves()[1][k] for k in chosen)),
    }


def draw() -> Figure:
    losses, bounds = curves()
    steps = [(k + 1) * EVERY for k in range(len(losses))]
    figure, axis = panel(f"validation images, KL weight rising until step {WARM_UP}")
    axis.plot(steps, [-loss for loss in losses], color=WRONG, label="minus the loss")
    axis.plot(steps, bounds, color=RIGHT, label="ELBO")
    for values, choose, colour in ((losses, wrong, WRONG), (bounds, right, RIGHT)):
        k = choose(losses, bounds)
        axis.plot(steps[k], -values[k] if choose is wrong else values[k], "o", ms=10, color=colour)
    axis.set(xlabel="step (dot: the checkpoint that is kept)", ylabel="nats per image")
    axis.legend(frameon=False)
    return figure
