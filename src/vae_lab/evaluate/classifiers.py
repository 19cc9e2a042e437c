"""Classifiers of codes, by scikit-learn: what a code tells of the label of its image.

Shapes: N codes, Z latent dimensions. Accuracies are shares in [0, 1].
"""

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_lab.evaluate.bound import share
from vae_lab.random_streams import subset
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# Images of the split that the probes are tried on: memory grows with them.
_MAX_TEST_IMAGES = 10_000


class LabelledRows(NamedTuple):
    """Codes of images, float (N, Z), with the labels of the images (N,)."""

    rows: np.ndarray
    labels: np.ndarray


def probes(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields the accuracies of two classifiers of posterior means; nothing without labels."""
    if not evaluation.has_labels:
        return
    settings = evaluation.settings
    images, labels = evaluation.train
    given = labels if evaluation.model.is_conditional else None
    codes = evaluation.model.encode_in_batches(images, given).mean
    train = LabelledRows(codes.double().numpy(), labels.numpy())
    rows = subset(len(evaluation.images), _MAX_TEST_IMAGES, "judged", settings["seed"])
    codes = evaluation.posterior.mean[rows]
    test = LabelledRows(codes.double().numpy(), evaluation.labels[rows].numpy())
    protocol: dict[str, Any] = {
        "latent": "mean",
        "train_images": len(train.rows),
        "images": len(test.rows),
    }
    neighbours = settings["neighbours"]
    hits = neighbour_hits(train, test, num_neighbours=neighbours)
    words = "the accuracy of k-nearest neighbours on the codes"
    yield share("knn_accuracy", words, hits, {**protocol, "neighbours": neighbours})
    words = "the accuracy of logistic regression on the codes"
    yield share("linear_probe_accuracy", words, probe_hits(train, test), protocol)


def neighbour_hits(train: LabelledRows, test: LabelledRows, *, num_neighbours: int) -> np.ndarray:
    """Returns which test rows k-nearest neighbours (Euclidean, majority vote) label right, (N,)."""
    neighbours = min(num_neighbours, len(train.rows))
    classifier = KNeighborsClassifier(n_neighbors=neighbours).fit(*train)
    return classifier.predict(test.rows) == test.labels


def probe_hits(train: LabelledRows, test: LabelledRows) -> np.ndarray:
    """Returns which test rows logistic regression labels right, bool (N,).

    It learns from standardised rows, with the L2 of scikit-learn.
    """
    if len(np.unique(train.labels)) < 2:
        # Nothing to separate: the only label is the answer.
        return test.labels == train.labels[0]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    with warnings.catch_warnings():
        # After 1,000 steps the accuracy is right to the third digit, converged or not.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(*train)
    return classifier.predict(test.rows) == test.labels
