"""One batch divided by the size of the data set.

Symptom: The loss is too small by the number of batches.

The loop overwrites the sum in place of adding to it, or evaluates one batch only. The result is
then divided by the number of all images. Seen in public code: disentangling-vae.

How to notice: The loss per image falls if the batch gets smaller. It is far below that of training.

Fix: Add up, and count the images that were added.

Test: test_any_batch_split_gives_the_same_evaluation
"""

from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, bound, digits, panel, trained

BATCH_SIZES = (30, 60, 100, 150, 300)


def wrong(batches: list[Tensor]) -> float:
    for batch in batches:
        total = batch.sum()
    return (total / sum(map(len, batches))).item()


def right(batches: list[Tensor]) -> float:
    total = 0
    for batch in batches:
        total += batch.sum()
    return (total / sum(map(len, batches))).item()


def losses(batch_size: int) -> tuple[float, float]:
    """What both codes call the test loss, in nats per image."""
    log_likelihood, kl = bound(trained(), digits()[1].images)
    batches = list((kl - log_likelihood).split(batch_size))
    return wrong(batches), right(batches)


def numbers() -> dict[str, Number]:
    return {
        str(size): Number(f"test loss with batch size {size}, nats", *losses(size))
        for size in (30, 100, 300)
    }


def draw() -> Figure:
    figure, axis = panel("test loss of one model, 300 test images")
    bad, good = zip(*map(losses, BATCH_SIZES), strict=True)
    axis.plot(BATCH_SIZES, bad, "o-", color=WRONG, label="wrong: last batch / all images")
    axis.plot(BATCH_SIZES, good, "o-", color=RIGHT, label="right: all batches / all images")
    axis.set(xlabel="batch size of the evaluation", ylabel="nats per image", ylim=(0, 30))
    axis.legend(frameon=False, loc=(0.03, 0.55))
    return figure
