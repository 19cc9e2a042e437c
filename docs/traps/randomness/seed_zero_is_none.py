"""Seed 0 taken for no seed.

Symptom: Runs of seed 0 differ, runs of seed 1 agree.

`if seed:` asks whether there is a seed. In Python 0 counts as false, so seed 0, the seed that most
people take first, sets nothing. Seen in public code: lightning-hydra-template.

How to notice: Train twice with seed 0. Test a seed that is 0 wherever one is optional.

Fix: Ask `if seed is not None`.

Test: test_the_same_seed_gives_the_same_numbers_to_the_last_bit
"""

from collections.abc import Callable
from functools import cache

import torch
from matplotlib.figure import Figure
from traps.small_vae import RIGHT, WRONG, Number, SmallVAE, digits, mean_bound, panel, train

SEEDS = (0, 1, 2)


def wrong(seed: int | None) -> None:
    if seed:
        torch.manual_seed(seed)


def right(seed: int | None) -> None:
    if seed is not None:
        torch.manual_seed(seed)


@cache
def difference(set_seed: Callable[[int | None], None], seed: int) -> float:
    """How far apart the test ELBO of two runs of one seed is, in nats."""
    bounds = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1234)  # whatever ran before
        for _ in range(2):
            set_seed(seed)
            model = train(model=SmallVAE(latent_dim=4, seed=None), steps=60)
            bounds.append(mean_bound(model, digits()[1].images))
    return abs(bounds[0] - bounds[1])


def numbers() -> dict[str, Number]:
    return {
        str(seed): Number(
            f"difference of two runs of seed {seed} after 60 steps, nats",
            *(difference(set_seed, seed) for set_seed in (wrong, right)),
            decimals=2,
        )
        for seed in SEEDS
    }


def draw() -> Figure:
    figure, axis = panel("difference of the test ELBO of two runs of one seed", height=2.4)
    for set_seed, colour, shift, code in (
        (wrong, WRONG, -0.2, "if seed"),
        (right, RIGHT, 0.2, "if seed is not None"),
    ):
        values = [difference(set_seed, seed) for seed in SEEDS]
        places = [seed + shift for seed in SEEDS]
        label = f"{set_seed.__name__}: {code}"
        for bar in axis.bar(places, values, 0.36, color=colour, label=label):
            axis.text(
                bar.get_x() + 0.18,
                bar.get_height(),
                f"{bar.get_height():.2f}",
                ha="center",
                va="bottom",
            )
    axis.set_xticks(SEEDS, [f"seed {seed}" for seed in SEEDS])
    axis.set(ylabel="nats per image")
    axis.margins(y=0.2)
    axis.legend(frameon=False)
    return figure
