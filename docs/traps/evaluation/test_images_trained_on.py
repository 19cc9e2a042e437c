"""Test images that were trained on.

Symptom: The test bound is too good, and overfitting does not show.

The test set is the training set, or all images are joined and split again by another seed when the
evaluation starts. Many "test" images were then trained on. Seen in public code: disentangling-vae
takes the training set, lightning-hydra-template joins the sets and splits them again.

How to notice: Count the test images that are also training images. Train far too long on few
images: the test bound must get worse.

Fix: Take the test set of the data set's authors. A split of your own has a fixed seed of its own.

Test: test_the_test_images_are_the_sources_own_and_no_training_images
"""

from functools import cache

import torch
from matplotlib.figure import Figure
from torch import Tensor
from traps.small_vae import RIGHT, WRONG, Number, SmallVAE, digits, mean_bound, panel, train

ALL, TEST, EVERY = 120, 60, 100


def wrong(images: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    return images[order[TEST:]], images[order[:TEST]]


def right(images: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return images[order[TEST:]], images[order[:TEST]]


@cache
def course() -> list[tuple[float, float]]:
    """What both codes call the test bound, during a training on few images."""
    images = digits()[0].images[:ALL]
    trained_on, test = right(images, seed=0)  # the run of the training
    _, split_again = wrong(images, seed=1)  # the run of the evaluation
    found: list[tuple[float, float]] = []

    def watch(step: int, model: SmallVAE) -> None:
        if step % EVERY == 0 and step:
            found.append((mean_bound(model, split_again), mean_bound(model, test)))

    train(
        images=trained_on, steps=1001, each_step=watch, model=SmallVAE(latent_dim=8, hidden_dim=96)
    )
    return found


def share(split: Tensor, trained_on: Tensor) -> float:
    """The share of the images of a split that are among those of another."""
    return (split[:, None] == trained_on).all(dim=2).any(dim=1).double().mean().item()


def numbers() -> dict[str, Number]:
    images = digits()[0].images[:ALL]
    shares = [100 * share(split(images, 1)[1], split(images, 0)[0]) for split in (wrong, right)]
    return {
        "share": Number("test images that were trained on, %", *shares, decimals=0),
        "elbo": Number("test ELBO after 1,000 steps on 60 images, nats", *course()[-1]),
    }


def draw() -> Figure:
    figure, axis = panel("test ELBO during a training on 60 images")
    steps = [(k + 1) * EVERY for k in range(len(course()))]
    split_again, test = zip(*course(), strict=True)
    axis.plot(steps, split_again, color=WRONG, label="wrong: split again")
    axis.plot(steps, test, color=RIGHT, label="right: never trained on")
    axis.set(xlabel="step", ylabel="nats per image")
    axis.legend(frameon=False)
    return figure
