"""What a classifier and the manifold of real images say of pictures.

Shapes: N images, C, H, W of an image, D pixels.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from vae_lab.metrics import standard_error
from vae_lab.quality import CLASSIFIER, FEATURES, Labelled, Pixels, inside
from vae_lab.rows import Rows
from vae_lab.seeds import subset

# A name, and what is said of it: `value`, `standard_error`, `protocol`.
Finding = tuple[str, dict[str, Any]]


class Judge:
    """The classifier and the manifold of real images, both of training images."""

    def __init__(
        self,
        images: Rows,
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
