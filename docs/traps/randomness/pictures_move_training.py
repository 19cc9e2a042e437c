"""Pictures that draw from the generator of training.

Symptom: A run with pictures trains other weights than a run without.

A picture needs random codes, and takes them from torch's own generator. So does the noise of
training. Each picture moves all later draws. Two runs that draw at different steps are then
not comparable, and an error in a plot changes the result.

How to notice: Train with and without pictures. The weights must agree to the last bit.

Fix: Pictures and evaluations get a generator of their own, with a seed of their own. The pictures
of two epochs then show the same codes, too.

Test: test_evaluation_moves_no_state
"""

from collections.abc import Callable
from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, SmallVAE, digits, mean_bound, panel, train

STEPS, EVERY = 200, 10


def wrong(model: SmallVAE) -> Tensor:
    z = torch.randn(16, model.latent_dim, dtype=torch.float64)
    return torch.sigmoid(model.decoder(z))


def right(model: SmallVAE) -> Tensor:
    own = torch.Generator().manual_seed(0)
    z = torch.randn(16, model.latent_dim, dtype=torch.float64, generator=own)
    return torch.sigmoid(model.decoder(z))


@cache
def course(picture: Callable[[SmallVAE], Tensor] | None) -> list[float]:
    """The test ELBO during a training that draws a picture now and then, or None."""
    found: list[float] = []

    def watch(step: int, model: SmallVAE) -> None:
        if step % EVERY == 0:
            found.append(mean_bound(model, digits()[1].images))
            if picture is not None:
                picture(model)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        train(noise=torch.default_generator, steps=STEPS + 1, each_step=watch)
    return found


def differences(picture: Callable[[SmallVAE], Tensor]) -> list[float]:
    """The ELBO with pictures minus that without."""
    return [a - b for a, b in zip(course(picture), course(None), strict=True)]


def numbers() -> dict[str, Number]:
    largest = [max(map(abs, differences(picture))) for picture in (wrong, right)]
    words = f"largest change of the test ELBO by pictures within {STEPS} steps, nats"
    return {"change": Number(words, *largest, decimals=3)}


def draw() -> Figure:
    figure, axis = panel("test ELBO with pictures minus test ELBO without")
    steps = range(0, STEPS + 1, EVERY)
    axis.plot(steps, differences(wrong), color=WRONG, label="wrong: one generator for both")
    axis.plot(steps, differences(right), color=RIGHT, label="right: a generator of its own")
    axis.set(xlabel="step", ylabel="nats per image")
    axis.legend(frameon=False)
    return figure
