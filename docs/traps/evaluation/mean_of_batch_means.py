"""Mean of batch means.

Symptom: The test bound depends on the batch size.

The means of all batches are averaged. The last batch is short, but counts as much as a full one.
With images in the order of their labels, it holds one label only.

How to notice: Evaluate with two batch sizes. The bound must be the same.

Fix: Add up the values of all images. Divide once, by their number.

Test: test_any_batch_split_gives_the_same_evaluation
"""

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, bound, digits, panel, trained

BATCH_SIZES = tuple(range(16, 300, 4))


def wrong(batches: list[Tensor]) -> float:
    return torch.stack([batch.mean() for batch in batches]).mean().item()


def right(batches: list[Tensor]) -> float:
    return (sum(batch.sum() for batch in batches) / sum(map(len, batches))).item()


def values() -> Tensor:
    """The ELBO of each test image, (N,), in the order of the labels."""
    images, labels = digits()[1]
    log_likelihood, kl = bound(trained(), images)
    return (log_likelihood - kl)[labels.argsort(stable=True)]


def numbers() -> dict[str, Number]:
    return {
        str(size): Number(
            f"test ELBO with batch size {size}, nats",
            wrong(list(values().split(size))),
            right(list(values().split(size))),
            decimals=2,
        )
        for size in (100, 128, 256)
    }


def draw() -> Figure:
    figure, axis = panel("test ELBO of one model, evaluated in batches")
    for mean, colour, label in ((wrong, WRONG, "of batch means"), (right, RIGHT, "of images")):
        found = [mean(list(values().split(size))) for size in BATCH_SIZES]
        axis.plot(BATCH_SIZES, found, color=colour, label=f"{mean.__name__}: mean {label}")
    axis.set(xlabel="batch size of the evaluation", ylabel="nats per image")
    axis.legend(frameon=False)
    return figure
