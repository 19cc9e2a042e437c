"""Posterior mean called the test ELBO.

Symptom: The test bound is too high.

In eval mode the model decodes the posterior mean in place of a sample. The reconstruction term is
then not an expectation over q(z|x), and the result is not a bound: it can exceed log p(x). Seen in
public code: disentangling-vae.

How to notice: Two evaluations with two seeds agree to the last digit. The test bound is better than
the training bound.

Fix: Sample in the evaluation too. Use the mean for pictures only, and say so.

Test: test_sampling_does_not_depend_on_train_or_eval_mode
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import (
    GREY,
    RIGHT,
    WRONG,
    Number,
    SmallVAE,
    digits,
    iwae_bound,
    noise_for,
    panel,
    train,
)

from vae_lab.posteriors import DiagonalGaussian

EVERY = 40


def wrong(posterior: DiagonalGaussian, noise: Tensor, training: bool) -> Tensor:
    return posterior.sample(noise) if training else posterior.mean


def right(posterior: DiagonalGaussian, noise: Tensor, training: bool) -> Tensor:
    return posterior.sample(noise)


@torch.no_grad()
def bounds(model: SmallVAE) -> tuple[float, float]:
    """What both codes call the test ELBO."""
    x = digits()[1].images
    posterior = model.encode(x)
    noise = noise_for(x, model.latent_dim, torch.Generator().manual_seed(2))
    found = []
    for z in (wrong(posterior, noise, False), right(posterior, noise, False)):
        log_likelihood = model.log_likelihood(z, x).sum(dim=1)
        found.append((log_likelihood - posterior.kl_to_standard_normal().sum(dim=1)).mean().item())
    return found[0], found[1]


@cache
def course() -> list[tuple[float, float, float]]:
    """Both, and an estimate of log p(x), during a training."""
    found: list[tuple[float, float, float]] = []

    def watch(step: int, model: SmallVAE) -> None:
        if step % EVERY == 0 and step:
            found.append((*bounds(model), iwae_bound(model, digits()[1].images, 100)))

    train(each_step=watch, steps=601)
    return found


def numbers() -> dict[str, Number]:
    by_mean, by_sample, log_likelihood = course()[-1]
    return {
        "elbo": Number("test ELBO, nats", by_mean, by_sample),
        "above": Number(
            "the same minus log p(x) (100 samples), nats",
            by_mean - log_likelihood,
            by_sample - log_likelihood,
        ),
    }


def draw() -> Figure:
    figure, axis = panel("test images during a training")
    steps = [(k + 1) * EVERY for k in range(len(course()))]
    for values, colour, label in zip(
        zip(*course(), strict=True),
        (WRONG, RIGHT, GREY),
        ("wrong: z = mean", "right: z sampled", "log p(x), 100 samples"),
        strict=True,
    ):
        axis.plot(steps, values, "--" if colour == GREY else "-", color=colour, label=label)
    axis.set(xlabel="step", ylabel="nats per image", ylim=(-27, None))
    axis.legend(frameon=False)
    return figure
