"""Some images of a split, with what inference starts from: q(z|x), and noise of their own.

Shapes: N images, C, H, W of an image.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from vae_lab.posteriors import Posterior

# Takes how much is done and how much there is.
Advance = Callable[[int, int], None]


class EvaluationImages(NamedTuple):
    """Some images of a split, float in [0, 1], (N, C, H, W), and their places in it, (N,).

    `posterior` is q(z|x) of them on the CPU. The noise of an image belongs to its place. `labels`
    are the classes that a conditional model is given, int64 (N,).
    """

    images: Tensor
    posterior: Posterior
    rows: Tensor
    split: str
    split_size: int
    labels: Tensor | None = None
