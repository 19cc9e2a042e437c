"""KL weight inside the logged bound.

Symptom: The smallest beta looks best, and its bound lies above log p(x).

A beta-VAE is trained with a weighted loss. Its log shows minus that loss as the ELBO, and models of
several beta are compared by it. With beta below 1 this is not a bound: it can exceed log p(x). Or
the logged KL is already multiplied by its weight. Seen in public code: lightning-bolts logs such a
KL.

How to notice: The order of the models is the order of their beta.

Fix: The weight enters the loss only. Log the two terms without weights, and the bound as their
difference.

Test: test_elbo_weighs_the_kl_in_the_loss_alone
"""

from functools import cache

from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import (
    GREY,
    RIGHT,
    WRONG,
    Number,
    SmallVAE,
    bound,
    digits,
    iwae_bound,
    panel,
    train,
)

BETAS = (0.1, 0.3, 1.0, 3.0)


def wrong(log_likelihood: Tensor, kl: Tensor, beta: float) -> Tensor:
    return (log_likelihood - beta * kl).mean()


def right(log_likelihood: Tensor, kl: Tensor, beta: float) -> Tensor:
    return (log_likelihood - kl).mean()


@cache
def model(beta: float) -> SmallVAE:
    return train(lambda ll, kl: (beta * kl.sum(1) - ll.sum(1)).mean())


@cache
def logged() -> dict[str, list[float]]:
    """What each code calls the test ELBO of each beta, and an estimate of log p(x)."""
    x = digits()[1].images
    terms = [bound(model(beta), x) for beta in BETAS]
    return {
        "wrong": [wrong(*t, beta).item() for t, beta in zip(terms, BETAS, strict=True)],
        "right": [right(*t, beta).item() for t, beta in zip(terms, BETAS, strict=True)],
        "log p(x)": [iwae_bound(model(beta), x, 300) for beta in BETAS],
    }


def numbers() -> dict[str, Number]:
    first = [logged()[name][0] for name in ("wrong", "right")]
    best = [BETAS[max(range(4), key=logged()[name].__getitem__)] for name in ("wrong", "right")]
    return {
        "elbo": Number("ELBO that is logged for beta = 0.1, nats", *first),
        "best": Number("beta that is called the best", *best),
    }


def draw() -> Figure:
    figure, axis = panel("test ELBO that is logged")
    axis.plot(BETAS, logged()["log p(x)"], "s--", color=GREY, label="log p(x), 300 samples")
    axis.plot(BETAS, logged()["wrong"], "o-", color=WRONG, label="wrong: beta inside")
    axis.plot(BETAS, logged()["right"], "o-", color=RIGHT, label="right: no beta")
    axis.set(xscale="log", xlabel="beta of the training", ylabel="nats per image")
    axis.set_xticks(BETAS, [str(beta) for beta in BETAS])
    axis.legend(frameon=False, fontsize=9)
    return figure
