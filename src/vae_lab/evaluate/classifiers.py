"""Classifiers of codes and of pixels, by scikit-learn.

Shapes: N images or codes, M samples, F features, D pixels. Everything is a share in [0, 1].
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

# Principal components of the pixels that the classifier and the manifolds use.
COMPONENTS = 50

FEATURES = f"the first {COMPONENTS} principal components of the pixels of the training images"

# Pixels, counted with channels, up to which their decomposition is a full one.
_MOST_PIXELS = 1024

CLASSIFIER = f"k-nearest neighbours on {FEATURES}"


class Labelled(NamedTuple):
    """Rows (N, F), float, with their labels (N,)."""

    rows: np.ndarray
    labels: np.ndarray


def neighbour_accuracy(train: Labelled, test: Labelled, *, num_neighbours: int) -> float:
    """Returns the accuracy of k-nearest neighbours (Euclidean, majority vote)."""
    neighbours = min(num_neighbours, len(train.rows))
    classifier = KNeighborsClassifier(n_neighbors=neighbours).fit(*train)
    return float(classifier.score(*test))


def probe_accuracy(train: Labelled, test: Labelled) -> float:
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


def called(label: int, names: Sequence[str] | None) -> str:
    """Returns a label's name, or its number where there are no names."""
    return str(label) if names is None else names[label]


class Pixels:
    """The feature space of pixels, and a label classifier in it, from training images."""

    def __init__(
        self, *, train: Labelled, num_neighbours: int, names: Sequence[str] | None
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

    def accuracy(self, test: Labelled) -> float:
        """Returns the classifier's own accuracy on images (N, D)."""
        return float(self.classifier.score(self.features.transform(test.rows), test.labels))

    def digit_shares(self, samples: np.ndarray) -> tuple[dict[str, float], float]:
        """Returns each label's share among samples (M, D), and the share that is unanimous.

        Unanimous are samples whose nearest training images all have one label.
        """
        chances = self._chances(samples)
        counts = np.bincount(chances.argmax(axis=1), minlength=chances.shape[1])
        shares = counts / len(samples)
        names = (called(int(label), self.names) for label in self.classifier.classes_)
        return dict(zip(names, shares.tolist(), strict=True)), float((chances.max(1) == 1).mean())

    def unanimous(self, samples: np.ndarray) -> np.ndarray:
        """Returns which samples (M, D) have nearest training images of one label, bool (M,)."""
        return self._chances(samples).max(axis=1) == 1

    def votes(self, samples: np.ndarray) -> float:
        """Returns the mean share of the nearest training images that vote as the majority."""
        return float(self._chances(samples).max(axis=1).mean())

    def _chances(self, samples: np.ndarray) -> np.ndarray:
        """Returns the share of each label among the nearest training images, (M, labels)."""
        return np.asarray(self.classifier.predict_proba(self.features.transform(samples)))
