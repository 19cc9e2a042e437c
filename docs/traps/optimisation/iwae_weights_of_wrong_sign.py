"""IWAE weights of the wrong sign.

Symptom: The worst draws count most, and the bound stays low.

The gradient of the IWAE bound weights each draw by its share of all weights, a softmax of the log
weights. With a softmax of the loss in its place, the worst draw counts most. A second mistake is
often beside it: weights that are not detached get a gradient of their own. Seen in public code:
PyTorch-VAE.

How to notice: Compare the gradient with that of the bound itself, for one batch.

Fix: Let autograd differentiate the bound, `logsumexp(log_weights) - log K`. Or take
`softmax(log_weights).detach()`.

Test: test_an_exact_posterior_gives_the_exact_figure_from_one_sample
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, SmallVAE, digits, iwae_bound, panel

STEPS, EVERY, SAMPLES = 300, 20, 10


def wrong(log_weights: Tensor) -> Tensor:
    losses = -log_weights
    return (torch.softmax(losses, dim=0) * losses).sum(dim=0).mean()


def right(log_weights: Tensor) -> Tensor:
    shares = torch.softmax(log_weights, dim=0).detach()
    return -(shares * log_weights).sum(dim=0).mean()


@cache
def course(loss: Callable[[Tensor], Tensor]) -> list[float]:
    """The bound of 50 samples of the test images during a training."""
    model, generator = SmallVAE(latent_dim=4), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, fused=True)
    found, images = [], digits()[0].images
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            found.append(iwae_bound(model, digits()[1].images, 50))
        x = images[torch.randint(len(images), (100,), generator=generator)]
        posterior = model.encode(x)
        z = posterior.sample(torch.randn(SAMPLES, 100, 4, generator=generator, dtype=torch.float64))
        log_joint = model.log_likelihood(z, x).sum(dim=2) - 0.5 * z.square().sum(dim=2)
        log_weights = log_joint - posterior.log_prob(z) - 2 * math.log(2 * math.pi)
        optimizer.zero_grad()
        loss(log_weights).backward()
        optimizer.step()
    return found


def numbers() -> dict[str, Number]:
    words = f"IWAE bound of 50 samples after {STEPS} steps, nats"
    return {"bound": Number(words, course(wrong)[-1], course(right)[-1])}


def draw() -> Figure:
    figure, axis = panel(f"IWAE bound of the test images, trained with {SAMPLES} samples")
    steps = range(0, STEPS + 1, EVERY)
    axis.plot(steps, course(wrong), color=WRONG, label="wrong: softmax of the losses")
    axis.plot(steps, course(right), color=RIGHT, label="right: softmax of the log weights")
    axis.set(xlabel="step", ylabel="nats per image", ylim=(-32, None))
    axis.legend(frameon=False)
    return figure
