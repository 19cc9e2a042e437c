"""Classifiers of codes and of pixels, by scikit-learn.

Shapes: N images or codes, M samples, F features, D pixels. Everything is a share in [0, 1].
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_lab.random_streams import subset
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# Principal components of the pixels that the classifier and the manifolds use.
COMPONENTS = 50

FEATURES = f"the first {COMPONENTS} principal components of the pixels of the training images"

# Pixels, counted with channels, up to which their decomposition is a full one.
_MOST_PIXELS = 1024

CLASSIFIER = f"k-nearest neighbours on {FEATURES}"

# Images of the split that the probes are tried on: memory grows with them.
_MAX_TEST_IMAGES = 10_000


class LabelledRows(NamedTuple):
    """Codes or pixels of images, float (N, F), with the labels of the images (N,)."""

    rows: np.ndarray
    labels: np.ndarray


def probes(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields the accuracies of two classifiers of posterior means; nothing without labels."""
    if not evaluation.has_labels:
        return
    settings = evaluation.settings
    images, labels = evaluation.train
    codes = evaluation.model.encode_in_batches(images).mean
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
    accuracy = neighbour_accuracy(train, test, num_neighbours=neighbours)
    words = "the accuracy of k-nearest neighbours on the codes"
    yield Number("knn_accuracy", words, accuracy, None, {**protocol, "neighbours": neighbours})
    words = "the accuracy of logistic regression on the codes"
    yield Number("linear_probe_accuracy", words, probe_accuracy(train, test), None, protocol)


def neighbour_accuracy(train: LabelledRows, test: LabelledRows, *, num_neighbours: int) -> float:
    """Returns the accuracy of k-nearest neighbours (Euclidean, majority vote)."""
    neighbours = min(num_neighbours, len(train.rows))
    classifier = KNeighborsClassifier(n_neighbors=neighbours).fit(*train)
    return float(classifier.score(*test))


def probe_accuracy(train: LabelledRows, test: LabelledRows) -> float:
    """Returns the accuracy of logistic regression on standardised rows, scikit-learn's own L2."""
    if len(np.unique(train.labels)) < 2:
        # Nothing to separate: the one class is the answer.
        return float((test.labels == train.labels[0]).mean())
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    with warnings.catch_warnings():
        # A probe that is still creeping after 1,000 steps has its accuracy to the third digit.
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(*train)
    return float(classifier.score(*test))


def label_name(label: int, names: Sequence[str] | None) -> str:
    """Returns a label's name, or its number if there are no names."""
    return str(label) if names is None else names[label]


class PixelClassifier:
    """The feature space of pixels, and a label classifier in it, from training images."""

    def __init__(
        self, *, train: LabelledRows, num_neighbours: int, names: Sequence[str] | None
    ) -> None:
        """Fits both on training images (N, D) in [0, 1]; `names` are those of labels 0, 1, ..."""
        self.names = names
        components = min(COMPONENTS, *train.rows.shape)
        # A full decomposition draws nothing at random. Of large images it would take minutes.
        full = train.rows.shape[1] <= _MOST_PIXELS or components == min(train.rows.shape)
        solver = "full" if full else "arpack"
        self.features = PCA(n_components=components, svd_solver=solver, random_state=0)
        self.features.fit(train.rows)
        neighbours = min(num_neighbours, len(train.rows))
        self.classifier: Pipeline = KNeighborsClassifier(n_neighbors=neighbours)
        self.classifier.fit(self.features.transform(train.rows), train.labels)

    def accuracy(self, test: LabelledRows) -> float:
        """Returns the accuracy of the classifier on images (N, D)."""
        return float(self.classifier.score(self.features.transform(test.rows), test.labels))

    def label_shares(self, images: np.ndarray) -> dict[str, float]:
        """Returns the share of each label among images (M, D), by the name of the label."""
        probabilities = self._probabilities(images)
        counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
        names = (label_name(int(label), self.names) for label in self.classifier.classes_)
        return dict(zip(names, (counts / len(images)).tolist(), strict=True))

    def unanimous(self, images: np.ndarray) -> np.ndarray:
        """Returns for which images (M, D) all nearest training images have one label, (M,)."""
        return self._probabilities(images).max(axis=1) == 1

    def confidence(self, images: np.ndarray) -> float:
        """Returns the mean share of the nearest training images that have the chosen label."""
        return float(self._probabilities(images).max(axis=1).mean())

    def _probabilities(self, images: np.ndarray) -> np.ndarray:
        """Returns the share of each label among the nearest training images, (M, labels)."""
        return np.asarray(self.classifier.predict_proba(self.features.transform(images)))
