"""Loss summed over the batch.

Symptom: The learning rate depends on the batch size: a larger batch diverges.

The loss is a sum over the images of the batch. Its gradient grows with the batch size, so the
learning rate, the limit of gradient clipping and the weight decay act differently at each batch
size. Adam hides most of it, because it divides by the size of the gradient.

How to notice: Give the same images twice in one batch. The gradient must not change.

Fix: Take the mean over images.

Test: test_the_loss_of_a_batch_is_the_mean_over_its_images
"""

import math
from collections.abc import Callable
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import Number, SmallVAE, digits, noise_for, panels

BATCH_SIZES, RATE = (25, 100, 400), 0.2  # tuned at a batch of 25


def wrong(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    return (kl.sum(dim=1) - log_likelihood.sum(dim=1)).sum()


def right(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    return (kl.sum(dim=1) - log_likelihood.sum(dim=1)).mean()


def gradient_norm(loss: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> float:
    """The length of the gradient of all weights for a batch (B, D)."""
    model = SmallVAE(latent_dim=4)
    loss(*model.terms(x, torch.zeros(len(x), 4, dtype=torch.float64))).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()]).norm().item()


@cache
def losses(loss: Callable[[Tensor, Tensor], Tensor], batch_size: int) -> list[float]:
    """The loss per image during a training by plain gradient descent."""
    model, generator = SmallVAE(latent_dim=4), torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE / 25 if loss is wrong else RATE)
    images, course = digits()[0].images, []
    for _ in range(60):
        x = images[torch.randint(len(images), (batch_size,), generator=generator)]
        terms = model.terms(x, noise_for(x, 4, generator))
        optimizer.zero_grad()
        loss(*terms).backward()
        optimizer.step()
        course.append(right(*terms).item())
    return course


def numbers() -> dict[str, Number]:
    x = digits()[0].images[:25]
    ratios = [gradient_norm(f, x.repeat(16, 1)) / gradient_norm(f, x) for f in (wrong, right)]
    words = "length of the gradient with each image 16 times in the batch, divided by that with 1"
    return {"ratio": Number(words, *ratios)}


def draw() -> Figure:
    figure, *axes = panels("wrong: sum over the batch", "right: mean over the batch")
    for axis, loss in zip(axes, (wrong, right), strict=True):
        for size, style in zip(BATCH_SIZES, (":", "--", "-"), strict=True):
            course = losses(loss, size)
            finite = sum(map(math.isfinite, course))
            end = "" if finite == len(course) else f": NaN from step {finite}"
            axis.plot(course, style, color="black", lw=1.5, label=f"batch of {size}{end}")
        axis.set(xlabel="step", ylabel="loss (nats per image)", yscale="log", ylim=(20, 2000))
        axis.legend(frameon=False, fontsize=9)
    return figure
