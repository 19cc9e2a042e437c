"""KL summed over the batch.

Symptom: The KL weight depends on the batch size.

The reconstruction term is a mean over the batch, but the KL is a sum over it. The KL weight was
tuned at one batch size: at another one, and in a short last batch, it is another weight. A common
form is `BCELoss()` with its default `reduction="mean"` beside `torch.sum(kl)`.

How to notice: Train with two batch sizes. The KL must be about the same.

Fix: Both terms are means over images of sums over pixels or latent dimensions.

Test: test_the_loss_of_a_batch_is_the_mean_over_its_images
"""

from functools import cache

from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, bound, digits, panel, train

WEIGHT = 1 / 6400  # tuned at batch size 100 and 64 pixels: there it is beta = 1
BATCH_SIZES = (25, 50, 100, 200)


def wrong(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    return -log_likelihood.mean() + WEIGHT * kl.sum()


def right(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    return (kl.sum(dim=1) - log_likelihood.sum(dim=1)).mean()


@cache
def kls() -> dict[str, list[float]]:
    """The KL of the test images after training with each batch size."""
    models = {
        loss.__name__: [train(loss, batch_size=size, steps=200) for size in BATCH_SIZES]
        for loss in (wrong, right)
    }
    x = digits()[1].images
    return {name: [bound(m, x)[1].mean().item() for m in some] for name, some in models.items()}


def numbers() -> dict[str, Number]:
    pairs = zip(BATCH_SIZES, kls()["wrong"], kls()["right"], strict=True)
    return {
        str(size): Number(f"KL after training with batch size {size}, nats", *pair)
        for size, *pair in pairs
    }


def draw() -> Figure:
    figure, axis = panel("KL of the test images after 200 steps")
    axis.plot(BATCH_SIZES, kls()["wrong"], "o-", color=WRONG, label="wrong: KL summed over batch")
    axis.plot(BATCH_SIZES, kls()["right"], "o-", color=RIGHT, label="right: mean over images")
    axis.set(xlabel="batch size", ylabel="KL (nats per image)", ylim=(0, None))
    axis.legend(frameon=False)
    return figure
