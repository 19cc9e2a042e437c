"""IWAE bound compared with an ELBO.

Symptom: The worse model wins.

One model is reported by its importance-weighted bound, another by its ELBO. The first bound is
closer to log p(x) for every model. The difference between the two models is then the difference
between two bounds.

How to notice: The tables do not say how many samples the bound has.

Fix: Compare the same bound with the same number of samples. Write both beside each value.

Test: test_bounds_of_other_numbers_of_draws_stand_in_groups_of_their_own
"""

from copy import deepcopy
from functools import cache

from matplotlib.figure import Figure
from traps.small_vae import GREY, Number, SmallVAE, digits, iwae_bound, panel, train

SAMPLES = 100


def wrong(good: SmallVAE, worse: SmallVAE) -> float:
    x = digits()[1].images
    return iwae_bound(good, x, 1) - iwae_bound(worse, x, SAMPLES)


def right(good: SmallVAE, worse: SmallVAE) -> float:
    x = digits()[1].images
    return iwae_bound(good, x, SAMPLES) - iwae_bound(worse, x, SAMPLES)


@cache
def models() -> tuple[SmallVAE, SmallVAE]:
    """The same model after 500 and after 400 steps."""
    early: list[SmallVAE] = []

    def keep(step: int, model: SmallVAE) -> None:
        if step == 400:
            early.append(deepcopy(model))

    return train(steps=500, each_step=keep), *early


def numbers() -> dict[str, Number]:
    words = "lead of 500 steps over 400 steps, nats"
    return {"lead": Number(words, wrong(*models()), right(*models()), decimals=2)}


def draw() -> Figure:
    figure, axis = panel("test images, two bounds of two models", height=2.4)
    x = digits()[1].images
    names = [f"{steps} steps, {bound}" for steps in (500, 400) for bound in ("ELBO", "IWAE")]
    values = [iwae_bound(model, x, samples) for model in models() for samples in (1, SAMPLES)]
    for k, value in enumerate(values):
        axis.plot(value, k, "s" if k % 2 else "o", ms=10, color=GREY if k % 2 else "#ffa90e")
        axis.text(value + 0.02, k, f"{value:.2f}", va="center")
    axis.set_yticks(range(4), names)
    axis.set(ylim=(3.6, -0.6), xlabel="nats per image (further right is better)")
    axis.margins(x=0.3)
    axis.locator_params(axis="x", nbins=5)
    return figure
