"""The classifier q(y|x) of a model that was given the labels of some images only.

Shapes: N images.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vae_lab.evaluate.bound import share
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation


def classifier_accuracy(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields the share of the images that q(y|x) classifies right; nothing without a classifier."""
    if not (evaluation.model.condition.classifies and evaluation.has_labels):
        return
    assert evaluation.given is not None
    right = (evaluation.given == evaluation.labels).numpy()
    protocol = {"images": len(right), "labelled": evaluation.data.labelled}
    words = "the accuracy of the classifier q(y|x)"
    yield share("classifier_accuracy", words, right, protocol)
