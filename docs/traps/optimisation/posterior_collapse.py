"""Posterior collapse behind a strong decoder.

Symptom: The KL is near 0: the decoder does not use the code.

A decoder that sees the pixels before the one that it draws can do without the code. The KL weight
is 1 from the first step, when the code tells nothing yet, so the posterior falls to the prior and
stays there. The bound may look good.

How to notice: The KL per dimension is near 0, and no unit is active. Samples of one code look
different, and the codes tell nothing about the label.

Fix: Free bits, a warm-up of the KL weight, or a decoder that sees less. Here: no loss for the first
0.5 nats of each dimension.

Test: test_a_collapsed_run_says_so_in_log_and_result
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from traps.small_vae import RIGHT, WRONG, Number, SmallVAE, digits, panel, train


def wrong(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    return (kl.sum(dim=1) - log_likelihood.sum(dim=1)).mean()


def right(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    of_dimensions = torch.clamp(kl.mean(dim=0), min=0.5)
    return of_dimensions.sum() - log_likelihood.sum(dim=1).mean()


class StrongVAE(SmallVAE):
    """The small VAE, whose decoder also sees all pixels before the one that it draws."""

    def __init__(self) -> None:
        super().__init__(latent_dim=4)
        self.before = nn.Parameter(torch.zeros(64, 64, dtype=torch.float64))

    def log_likelihood(self, z: Tensor, x: Tensor) -> Tensor:
        logits = self.decoder(z) + x @ self.before.triu(diagonal=1)
        return -nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")


@cache
def kl_per_dimension() -> tuple[list[float], list[float]]:
    """The KL of each latent dimension, the largest first, with both losses."""
    x, found = digits()[1].images, []
    for loss in (wrong, right):
        model = train(loss, model=StrongVAE(), steps=400)
        with torch.no_grad():
            kl = model.encode(x).kl_to_standard_normal().mean(dim=0)
        found.append(kl.sort(descending=True).values.tolist())
    return found[0], found[1]


def numbers() -> dict[str, Number]:
    kls = [sum(some) for some in kl_per_dimension()]
    active = [float(sum(kl > 0.1 for kl in some)) for some in kl_per_dimension()]
    return {
        "kl": Number("KL of the test images, nats", *kls, decimals=2),
        "active": Number("dimensions with a KL above 0.1 nats", *active, decimals=0),
    }


def draw() -> Figure:
    figure, axis = panel("KL of each latent dimension, a decoder that sees the pixels before")
    bad, good = kl_per_dimension()
    for values, colour, shift, name in (
        (bad, WRONG, -0.2, "wrong: KL weight 1"),
        (good, RIGHT, 0.2, "right: free bits"),
    ):
        places = [k + shift for k in range(4)]
        axis.bar(places, values, 0.36, color=colour, label=name)
        for place, value in zip(places, values, strict=True):
            axis.text(place, value, f"{value:.2f}", ha="center", va="bottom")
    axis.set_xticks(range(4), [f"dimension {k + 1}" for k in range(4)])
    axis.set(ylabel="nats")
    axis.margins(y=0.35)
    axis.legend(frameon=False, loc="upper right", ncols=2)
    return figure
