"""How good samples and other pictures are, by a classifier and a manifold of real images.

Shapes: N images, M samples, C, H, W of an image, D pixels, F features.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from vae_lab.evaluate.bound import mean_over_images
from vae_lab.evaluate.classifiers import CLASSIFIER, FEATURES, LabelledRows, PixelClassifier
from vae_lab.random_streams import stream, subset
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# Images of the split that the real images of precision and recall are drawn from.
_MAX_TEST_IMAGES = 10_000


class RealImageReference:
    """The classifier and the manifold of real images, both of training images."""

    def __init__(
        self, train: LabelledRows, names: Sequence[str] | None, settings: Mapping[str, Any]
    ) -> None:
        """Fits both on images (N, D) in [0, 1].

        Args:
            train: the images.
            names: those of labels 0, 1, ..., if they have any.
            settings: `neighbours`, `manifold_neighbours`.
        """
        neighbours = settings["neighbours"]
        self.classifier = PixelClassifier(train=train, num_neighbours=neighbours, names=names)
        self.manifold = self.features(train.rows)
        self.neighbours = min(settings["manifold_neighbours"], len(train.rows) - 1)
        self.protocol = {
            "train_images": len(train.rows),
            "classifier": CLASSIFIER,
            "features": FEATURES,
            "neighbours": neighbours,
            "manifold_neighbours": self.neighbours,
        }

    def features(self, images: np.ndarray) -> np.ndarray:
        """Returns the features (M, F) of images (M, D)."""
        return np.asarray(self.classifier.features.transform(images))

    def near_real_and_unanimous(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns which images (M, D) lie near real ones, and on which all neighbours agree."""
        return {
            "precision": inside(self.features(images), self.manifold, self.neighbours),
            "unanimity": self.classifier.unanimous(images),
        }

    def plausibility(self, what: str, images: Tensor, of: str) -> Iterator[Number]:
        """Yields `precision_of_` and `unanimity_of_` images (M, C, H, W), described by `of`."""
        for name, values in self.near_real_and_unanimous(rows_of(images)).items():
            words = f"the share of {of} {PLAUSIBLE[name]}"
            number = mean_over_images(f"{name}_of_{what}", words, values.astype(float), of=of)
            yield number._replace(protocol={**self.protocol, **number.protocol})

    def label_shares(self, name: str, words: str, images: Tensor, of: str) -> Number:
        """Returns the share of each label among images (M, C, H, W), described by `of`."""
        shares = self.classifier.label_shares(rows_of(images))
        return Number(name, words, shares, None, {**self.protocol, "of": of})


# What is shared out by precision and by unanimity, in words.
PLAUSIBLE = {
    "precision": "near real images (precision)",
    "unanimity": "with a sure classification",
}


def sample_quality(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields precision and recall of prior samples; nothing without labels."""
    reference = evaluation.reference
    if reference is None:
        return
    seed = evaluation.settings["seed"]
    images, samples = evaluation.images, evaluation.samples
    rows = subset(len(images), _MAX_TEST_IMAGES, "judged", seed)
    # As many real images as samples, or the larger set's manifold would be the denser one.
    rows = rows[torch.randperm(len(rows), generator=stream("manifold", seed))[: len(samples)]]
    neighbours = min(evaluation.settings["manifold_neighbours"], len(rows) - 1)
    precision, recall = precision_recall(
        reference.features(rows_of(images[rows].float() / 255)),
        reference.features(rows_of(samples)),
        num_neighbours=neighbours,
    )
    protocol = {
        "samples": f"{len(samples)} prior samples, mean images",
        "images": len(rows),
        "features": FEATURES,
        "neighbours": neighbours,
    }
    words = "the share of samples within the manifold of real images of the split"
    yield Number("precision", words, precision, None, protocol)
    words = "the share of real images of the split within the manifold of samples"
    yield Number("recall", words, recall, None, protocol)


def rows_of(images: Tensor) -> np.ndarray:
    """Returns images (N, C, H, W) as rows, float64 (N, D)."""
    return images.flatten(1).double().numpy()


def precision_recall(
    real: np.ndarray, generated: np.ndarray, *, num_neighbours: int
) -> tuple[float, float]:
    """Returns precision and recall of generated (M, F) against real features (N, F).

    Precision is the share of generated rows within the real manifold, recall the share of real rows
    within the generated one. A manifold is the union of balls around its rows, each as wide as the
    distance to its k-th nearest other row (Kynkaanniemi et al., Improved Precision and Recall
    Metric for Assessing Generative Models, arXiv:1904.06991, eq. 1 and 2; k = 3 there).
    """
    precision = inside(generated, real, num_neighbours)
    recall = inside(real, generated, num_neighbours)
    return float(precision.mean()), float(recall.mean())


def inside(rows: np.ndarray, manifold: np.ndarray, num_neighbours: int) -> np.ndarray:
    """Returns which rows (M, F) lie within the manifold of others (N, F), bool (M,)."""
    search = NearestNeighbors(algorithm="brute").fit(manifold)
    # The radius of the ball around each row of the manifold, (N,). Asked without rows, the search
    # leaves each row itself out.
    radius = search.kneighbors(n_neighbors=num_neighbours)[0][:, -1]
    distance, index = search.kneighbors(rows, n_neighbors=len(manifold))
    # A hair wider: a row that equals a row of the manifold lies at a rounded zero.
    return np.asarray((distance <= radius[index] * (1 + 1e-9) + 1e-6).any(axis=1))


def sharpness(images: Tensor) -> np.ndarray:
    """Returns the sharpness of images (N, C, H, W), float64 (N,), whatever their contrast.

    The root mean square of the differences between neighbouring pixels over the standard deviation
    of all pixels; 0 for an image of one grey. White noise has sqrt(2), blur lowers it.
    """
    x = images.double()
    across, down = x.diff(dim=3).square(), x.diff(dim=2).square()
    mean_square = (across.flatten(1).mean(dim=1) + down.flatten(1).mean(dim=1)) / 2
    variance = x.flatten(1).var(dim=1, correction=0)
    ratio = torch.where(variance > 1e-12, mean_square / variance.clamp_min(1e-12), 0.0)
    return ratio.sqrt().numpy()


def contrast(images: Tensor) -> np.ndarray:
    """Returns the standard deviation of the pixels of images (N, C, H, W) in [0, 1], (N,)."""
    return images.double().flatten(1).std(dim=1, correction=0).numpy()
