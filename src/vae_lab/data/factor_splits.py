"""The known factors of the images of a run, split as the images are split.

Shapes: N images of a split, F factors.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.data.images import Factors


class SplitFactors(NamedTuple):
    """The values of F factors, int64 (N, F) of each split.

    Value k of factor f is called `values[f][k]`.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    train: Tensor
    val: Tensor
    test: Tensor

    def facts(self) -> dict[str, list[str]]:
        """Returns the names of the values of each factor, as `result.json` says them."""
        return {name: [*of] for name, of in zip(self.names, self.values, strict=True)}


def split_factors(
    factors: Factors | None, val: np.ndarray, line: Callable[[object], str]
) -> SplitFactors | None:
    """Returns factors of all images by split; `val`, bool (N,), tells the validation images.

    `line` writes a name from outside as one line.
    """
    if factors is None:
        return None
    values = tuple(tuple(map(line, names)) for names in factors.values)
    parts = factors.train[~val], factors.train[val], factors.test
    train, held_out, test = (torch.from_numpy(np.array(part, np.int64)) for part in parts)
    return SplitFactors(tuple(map(line, factors.names)), values, train, held_out, test)
