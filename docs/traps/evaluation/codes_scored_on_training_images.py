"""Codes scored on the images they were learned from.

Symptom: One nearest neighbour is right for every image.

A classifier of the codes is fitted and scored on the same images. It then measures its memory: the
nearest neighbour of a code is that code itself.

How to notice: The accuracy is 100 % for one neighbour and falls as neighbours are added.

Fix: Fit on the codes of the training images. Score on those of the test images.

Test: test_classifiers_of_codes_learn_from_the_training_images
"""

from functools import cache

from matplotlib.figure import Figure
from sklearn.neighbors import KNeighborsClassifier
from traps.small_vae import RIGHT, WRONG, Number, digits, panel, trained

NEIGHBOURS = (1, 2, 3, 5, 10, 20)


def wrong(classifier: KNeighborsClassifier) -> float:
    codes, labels = codes_of(test=True)
    return classifier.fit(codes, labels).score(codes, labels)


def right(classifier: KNeighborsClassifier) -> float:
    return classifier.fit(*codes_of(test=False)).score(*codes_of(test=True))


@cache
def codes_of(*, test: bool) -> tuple[object, object]:
    """The posterior means (N, Z) of a split, and their labels."""
    images, labels = digits()[test]
    return trained().encode(images).mean.numpy(), labels.numpy()


def accuracies(k: int) -> list[float]:
    return [100 * score(KNeighborsClassifier(k)) for score in (wrong, right)]


def numbers() -> dict[str, Number]:
    return {
        str(k): Number(f"accuracy of {k} nearest neighbour{'s' * (k > 1)}, %", *accuracies(k))
        for k in (1, 5, 20)
    }


def draw() -> Figure:
    figure, axis = panel("label of a test image from its two-dimensional code")
    bad, good = zip(*map(accuracies, NEIGHBOURS), strict=True)
    axis.plot(NEIGHBOURS, bad, "o-", color=WRONG, label="wrong: fitted on the test codes")
    axis.plot(NEIGHBOURS, good, "o-", color=RIGHT, label="right: fitted on the training codes")
    axis.set(xlabel="neighbours", ylabel="accuracy (%)", ylim=(0, 105))
    axis.set_xticks(NEIGHBOURS)
    axis.legend(frameon=False, loc="lower right")
    return figure
