"""How good codes, samples and other pictures are, by classifiers and manifolds of real images.

Shapes: N images, M samples, C, H, W of an image, D pixels, F features, Z latent dimensions.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from vae_lab.data.images import ImageArray
from vae_lab.evaluate.bound import standard_error
from vae_lab.evaluate.classifiers import (
    CLASSIFIER,
    FEATURES,
    Labelled,
    Pixels,
    neighbour_accuracy,
    probe_accuracy,
)
from vae_lab.evaluate.latent_space import posteriors
from vae_lab.random_streams import stream, subset
from vae_lab.vae import VAE

# A name, and what is said of it: `value`, `standard_error`, `protocol`.
Finding = tuple[str, dict[str, Any]]


class Judge:
    """The classifier and the manifold of real images, both of training images."""

    def __init__(
        self,
        images: ImageArray,
        labels: Tensor,
        names: Sequence[str] | None,
        settings: Mapping[str, Any],
    ) -> None:
        rows = subset(len(images), settings["num_train"], "classifiers", settings["seed"])
        train = Labelled(flat(images[rows].float() / 255), labels[rows].numpy())
        self.pixels = Pixels(train=train, num_neighbours=settings["neighbours"], names=names)
        self.manifold = self.pixels.features.transform(train.rows)
        self.neighbours = min(settings["manifold_neighbours"], len(rows) - 1)
        self._protocol = {
            "train_images": len(rows),
            "classifier": CLASSIFIER,
            "features": FEATURES,
            "neighbours": settings["neighbours"],
            "manifold_neighbours": self.neighbours,
        }

    def number(self, value: Any, error: float | None, **protocol: Any) -> dict[str, Any]:
        return {"value": value, "standard_error": error, "protocol": self._protocol | protocol}

    def judged(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Returns of rows (N, D) which are near real images, and which one label all agree on."""
        features = self.pixels.features.transform(rows)
        return {
            "precision": inside(features, self.manifold, self.neighbours),
            "unanimity": self.pixels.unanimous(rows),
        }

    def plausibility(self, what: str, rows: np.ndarray, words: str) -> Iterator[Finding]:
        for name, found in self.judged(rows).items():
            error = standard_error(found.astype(float))
            value = float(found.mean())
            yield f"{name}_of_{what}", self.number(value, error, images=len(rows), of=words)

    def shares(self, rows: np.ndarray, words: str) -> dict[str, Any]:
        shares, _ = self.pixels.digit_shares(rows)
        return self.number(shares, None, of=words)


def flat(images: Tensor) -> np.ndarray:
    """Returns images (N, C, H, W) as rows, float64 (N, D)."""
    return images.flatten(1).double().numpy()


BATCH = 500


class LabelledImages(NamedTuple):
    """uint8 images (N, C, H, W), their labels (N,) and the names of labels 0, 1, ..., if any."""

    images: Tensor
    labels: Tensor
    names: Sequence[str] | None


# A number's name, its value, and what belongs to its protocol.
Judgement = tuple[str, float, dict[str, Any]]


def judge(
    model: VAE, train: LabelledImages, test: LabelledImages, settings: Mapping[str, Any]
) -> list[Judgement]:
    """Returns the accuracies of the codes and the precision, recall and labels of samples."""
    return [
        *_codes(model, train, test, settings["neighbours"]),
        *_samples(model, train, test, settings),
    ]


def _codes(
    model: VAE, train: LabelledImages, test: LabelledImages, neighbours: int
) -> list[Judgement]:
    codes, asked = (_codes_of(model, part) for part in (train, test))
    shared = {"latent": "mean", "train_images": len(codes.rows), "images": len(asked.rows)}
    nearest = neighbour_accuracy(codes, asked, num_neighbours=neighbours)
    return [
        ("knn_accuracy", nearest, {**shared, "neighbours": neighbours}),
        ("linear_probe_accuracy", probe_accuracy(codes, asked), shared),
    ]


def _samples(
    model: VAE, train: LabelledImages, test: LabelledImages, settings: Mapping[str, Any]
) -> list[Judgement]:
    count, seed = settings["num_generated"], settings["seed"]
    pixels = Pixels(train=_flat(train), num_neighbours=settings["neighbours"], names=train.names)
    samples = _draw(model, count, seed)
    # As many real images as samples, or the larger set's manifold would be the denser one.
    order = torch.randperm(len(test.images), generator=stream("manifold", seed))[:count]
    real = _flat(LabelledImages(test.images[order], test.labels[order], test.names)).rows
    nearest = min(settings["manifold_neighbours"], len(real) - 1)
    found = precision_recall(
        pixels.features.transform(real),
        pixels.features.transform(samples.numpy()),
        num_neighbours=nearest,
    )
    drawn = {"samples": f"{count} prior samples, mean images"}
    space = {**drawn, "images": len(real), "features": FEATURES, "neighbours": nearest}
    accuracy = pixels.accuracy(_flat(test))
    shares, unanimous = pixels.digit_shares(samples.numpy())
    judge_ = {**drawn, "classifier": CLASSIFIER, "classifier_accuracy": round(accuracy, 4)}
    own = {"images": len(test.images), "classifier": CLASSIFIER}
    return [
        ("precision", found[0], space),
        ("recall", found[1], space),
        ("classifier_accuracy", accuracy, own),
        ("unanimous_samples", unanimous, judge_),
        *((f"share_of_{label}", share, judge_) for label, share in shares.items()),
    ]


@torch.no_grad()
def _draw(model: VAE, count: int, seed: int) -> Tensor:
    """Returns mean images of prior samples, cut to [0, 1], (M, D)."""
    generator = stream("generated", seed)
    z = model.prior.sample(count, generator)
    parts = [model.decode(part.to(model.device)).cpu() for part in torch.split(z, BATCH)]
    return torch.cat(parts).clamp(0, 1).flatten(1)


def _codes_of(model: VAE, part: LabelledImages) -> Labelled:
    codes = posteriors(model, part.images, batch_size=BATCH).mean
    return Labelled(codes.double().numpy(), part.labels.numpy())


def _flat(part: LabelledImages) -> Labelled:
    return Labelled(part.images.flatten(1).double().numpy() / 255, part.labels.numpy())


def precision_recall(
    real: np.ndarray, generated: np.ndarray, *, num_neighbours: int
) -> tuple[float, float]:
    """Returns precision and recall of generated (M, F) against real features (N, F).

    Precision is the share of generated rows within the real manifold, recall the share of real rows
    within the generated one. A manifold is the union of balls around its rows, each as wide as the
    distance to its k-th nearest other row (Kynkaanniemi et al., Improved Precision and Recall
    Metric for Assessing Generative Models, arXiv:1904.06991, eq. 1 and 2; k = 3 there).
    """
    found = inside(generated, real, num_neighbours), inside(real, generated, num_neighbours)
    return float(found[0].mean()), float(found[1].mean())


def inside(rows: np.ndarray, manifold: np.ndarray, num_neighbours: int) -> np.ndarray:
    """Returns which rows (M, F) lie within the manifold of others (N, F), bool (M,)."""
    search = NearestNeighbors(algorithm="brute").fit(manifold)
    # Asked without rows, it leaves each row itself out.
    radius = search.kneighbors(n_neighbors=num_neighbours)[0][:, -1]
    distance, index = search.kneighbors(rows, n_neighbors=len(manifold))
    # A hair wider: a row that equals one of the manifold's lies at a rounded zero.
    return np.asarray((distance <= radius[index] * (1 + 1e-9) + 1e-6).any(axis=1))


def sharpness(images: Tensor) -> np.ndarray:
    """Returns the sharpness of images (N, C, H, W), float64 (N,), whatever their contrast.

    The root mean square of the differences between neighbouring pixels over the standard deviation
    of all pixels; 0 for an image of one grey. White noise has sqrt(2), blur lowers it.
    """
    x = images.double()
    across, down = x.diff(dim=3).square(), x.diff(dim=2).square()
    steps = (across.flatten(1).mean(dim=1) + down.flatten(1).mean(dim=1)) / 2
    spread = x.flatten(1).var(dim=1, correction=0)
    return torch.where(spread > 1e-12, steps / spread.clamp_min(1e-12), 0.0).sqrt().numpy()


def contrast(images: Tensor) -> np.ndarray:
    """Returns the standard deviation of the pixels of images (N, C, H, W) in [0, 1], (N,)."""
    return images.double().flatten(1).std(dim=1, correction=0).numpy()
