"""How good samples and other pictures are, by a classifier and a manifold of real images.

Shapes: N images, M samples, C, H, W of an image, D pixels, F features.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from torch import Tensor

from vae_lab.evaluate.bound import share
from vae_lab.random_streams import stream, subset
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# Principal components of the pixels that the classifier and the manifold use.
COMPONENTS = 50

FEATURES = f"the first {COMPONENTS} principal components of the pixels of the training images"

# Pixels, counted with channels, up to which their decomposition is a full one.
_MOST_PIXELS = 1024

# Images of the split that the real images of precision and recall are drawn from.
_MAX_TEST_IMAGES = 10_000


class RealImageReference:
    """Principal components of pixels, and in them a classifier and a manifold of real images."""

    def __init__(
        self, images: Tensor, labels: Tensor, names: Sequence[str], settings: Mapping[str, Any]
    ) -> None:
        """Fits all three on training images (N, C, H, W) in [0, 1].

        `names` are those of the labels 0, 1, ...; `settings` hold the numbers of neighbours.
        """
        rows, neighbours = _rows(images), settings["neighbours"]
        # A full decomposition draws nothing at random. Of large images it would take minutes.
        components = min(COMPONENTS, *rows.shape)
        full = rows.shape[1] <= _MOST_PIXELS or components == min(rows.shape)
        solver = "full" if full else "arpack"
        # In place if the rows are a copy: the memory of a run is largest here.
        copy = images.dtype == torch.float64
        self.pca = PCA(components, svd_solver=solver, random_state=0, copy=copy).fit(rows)
        self.manifold = self.features(images)
        self.neighbours = min(settings["manifold_neighbours"], len(rows) - 1)
        # The classifier, and the names of the labels that it distinguishes, in its order.
        self.classifier = KNeighborsClassifier(n_neighbors=min(neighbours, len(rows)))
        self.classifier.fit(self.manifold, labels.numpy())
        self.names, self.labels = names, [names[label] for label in self.classifier.classes_]
        self.protocol = {
            "train_images": len(rows),
            "classifier": f"k-nearest neighbours on {FEATURES}",
            "features": FEATURES,
            "neighbours": neighbours,
            "manifold_neighbours": self.neighbours,
        }

    def features(self, images: Tensor) -> np.ndarray:
        """Returns the principal components (M, F) of images (M, C, H, W)."""
        return np.asarray(self.pca.transform(_rows(images)))

    def hits(self, images: Tensor, labels: Tensor) -> np.ndarray:
        """Returns which images (M, C, H, W) the classifier labels right, bool (M,)."""
        return self.classifier.predict(self.features(images)) == labels.numpy()

    def votes(self, images: Tensor) -> np.ndarray:
        """Returns the share of each label among the nearest training images, (M, labels)."""
        return np.asarray(self.classifier.predict_proba(self.features(images)))

    def plausible(self, images: Tensor) -> dict[str, np.ndarray]:
        """Returns which images lie near real ones, and of which all neighbours have one label."""
        return {
            "precision": inside(self.features(images), self.manifold, self.neighbours),
            "unanimity": self.votes(images).max(axis=1) == 1,
        }

    def plausibility(self, what: str, images: Tensor, of: str) -> Iterator[Number]:
        """Yields `precision_of_` and `unanimity_of_` images (M, C, H, W), described by `of`."""
        for name, values in self.plausible(images).items():
            words = f"the share of {of} {PLAUSIBLE[name]}"
            protocol = {**self.protocol, "of": of, "images": len(values)}
            yield share(f"{name}_of_{what}", words, values, protocol)

    def label_shares(
        self, name: str, words: str, images: Tensor, of: str, *, are_drawn: bool = False
    ) -> Number:
        """Returns the share of each label among images (M, C, H, W), described by `of`.

        Its details hold the `standard_errors` of images that are drawn at random.
        """
        votes, protocol = self.votes(images).argmax(axis=1), {**self.protocol, "of": of}
        shares = {
            label: share(name, words, votes == index, protocol)
            for index, label in enumerate(self.labels)
        }
        values = {label: float(one.value) for label, one in shares.items()}  # type: ignore[arg-type]
        errors = {label: one.standard_error for label, one in shares.items()}
        details = {"standard_errors": errors} if are_drawn else {}
        return Number(name, words, values, None, protocol, details)


def _rows(images: Tensor) -> np.ndarray:
    """Returns images (M, C, H, W) as rows of pixels, float64 (M, D)."""
    return images.flatten(1).double().numpy()


# The images that `plausible` counts, in words.
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
    real, generated = reference.features(images[rows].float() / 255), reference.features(samples)
    protocol = {
        "samples": f"{len(samples)} prior samples, mean images",
        "images": len(rows),
        "features": FEATURES,
        "neighbours": neighbours,
    }
    words = "the share of samples within the manifold of real images of the split"
    yield share("precision", words, inside(generated, real, neighbours), protocol)
    words = "the share of real images of the split within the manifold of samples"
    yield share("recall", words, inside(real, generated, neighbours), protocol)


def inside(rows: np.ndarray, manifold: np.ndarray, num_neighbours: int) -> np.ndarray:
    """Returns which rows (M, F) lie within the manifold of others (N, F), bool (M,).

    A manifold is the union of balls around its rows, each as wide as the distance to its k-th
    nearest other row (Kynkaanniemi et al., Improved Precision and Recall Metric for Assessing
    Generative Models, arXiv:1904.06991, eq. 1 and 2; k = 3 there).
    """
    search = NearestNeighbors(algorithm="brute").fit(manifold)
    # The radius of the ball around each row of the manifold, (N,). Without rows given, the search
    # leaves each row itself out.
    radius = search.kneighbors(n_neighbors=num_neighbours)[0][:, -1]
    # Slightly wider: a row that equals a row of the manifold lies at a rounded zero.
    reach = radius * (1 + 1e-9) + 1e-6
    parts = pairwise_distances_chunked(
        rows, manifold, reduce_func=lambda distance, _: (distance <= reach).any(axis=1)
    )
    return np.concatenate(list(parts))


def sharpness(images: Tensor) -> np.ndarray:
    """Returns the sharpness of images (N, C, H, W), float64 (N,); contrast does not change it.

    The root mean square of the differences between neighbouring pixels over the standard deviation
    of all pixels; 0 for an image of one grey. White noise has sqrt(2), blur lowers it.
    """
    # The mean square of the differences across and down, over the variance of the pixels.
    x = images.double()
    across, down = x.diff(dim=3).square(), x.diff(dim=2).square()
    mean_square = (across.flatten(1).mean(dim=1) + down.flatten(1).mean(dim=1)) / 2
    variance = x.flatten(1).var(dim=1, correction=0)
    ratio = torch.where(variance > 1e-12, mean_square / variance.clamp_min(1e-12), 0.0)
    return ratio.sqrt().numpy()


def contrast(images: Tensor) -> np.ndarray:
    """Returns the standard deviation of the pixels of images (N, C, H, W) in [0, 1], (N,)."""
    return images.double().flatten(1).std(dim=1, correction=0).numpy()
