"""Seed set after the model is built.

Symptom: Two runs of one seed differ.

The weights are drawn while the model is built. A seed that is set afterwards fixes the order of the
images and the noise, but not the weights. The weights of a run then depend on the runs before it,
or on chance in a new process. Seen in public code: pythae.

How to notice: Train twice with one seed in one process. Every number must agree to the last digit.

Fix: Set the seed before anything is built.

Test: test_the_same_seed_gives_the_same_numbers_to_the_last_bit
"""

from collections.abc import Callable
from functools import cache

import torch
from matplotlib.figure import Figure
from traps.small_vae import Number, SmallVAE, digits, mean_bound, panels, train

STEPS, EVERY = 120, 10


def wrong(seed: int) -> SmallVAE:
    model = SmallVAE(latent_dim=4, seed=None)
    torch.manual_seed(seed)
    return model


def right(seed: int) -> SmallVAE:
    torch.manual_seed(seed)
    return SmallVAE(latent_dim=4, seed=None)


@cache
def runs(build: Callable[[int], SmallVAE]) -> list[list[float]]:
    """The test ELBO during three runs of seed 0, one after the other in one process."""
    courses: list[list[float]] = []
    with torch.random.fork_rng(devices=[]):
        for k in range(3):
            torch.manual_seed(100 + k)  # whatever ran before
            course: list[float] = []

            def watch(step: int, model: SmallVAE, course: list[float] = course) -> None:
                if step % EVERY == 0:
                    course.append(mean_bound(model, digits()[1].images))

            train(model=build(0), noise=torch.default_generator, steps=STEPS + 1, each_step=watch)
            courses.append(course)
    return courses


def numbers() -> dict[str, Number]:
    last = [[course[-1] for course in runs(build)] for build in (wrong, right)]
    return {
        "range": Number(
            f"largest minus smallest ELBO of three runs of seed 0 after {STEPS} steps, nats",
            *(max(some) - min(some) for some in last),
            decimals=2,
        )
    }


def draw() -> Figure:
    figure, *axes = panels("wrong: seed after the model", "right: seed before the model")
    for axis, build in zip(axes, (wrong, right), strict=True):
        for k, (course, style) in enumerate(zip(runs(build), ("-", "--", ":"), strict=True)):
            steps = range(0, STEPS + 1, EVERY)
            axis.plot(steps, course, style, lw=2, label=f"run {k + 1} of seed 0")
        axis.set(xlabel="step", ylabel="test ELBO (nats)", xlim=(30, None), ylim=(-28.5, -25.5))
        axis.legend(frameon=False, fontsize=9)
    return figure
