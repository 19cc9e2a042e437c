"""Known factors follow their images through every split; data without factors are as before."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vae_lab.data import Factors, Images
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.images import identity

VALUES = (("a", "b", "c"), ("low\nest", "1", "2", "3", "4"))


def drawn(factors: np.ndarray) -> np.ndarray:
    """Returns images (N, 1, 8, 8) whose first two pixels are the factors (N, 2)."""
    images = np.zeros((len(factors), 1, 8, 8), np.uint8)
    images[:, 0, 0, :2] = factors
    return images


class Grid:
    """All 15 combinations of two factors ten times, and as test images once."""

    def __init__(self, *, has_factors: bool = True) -> None:
        self.has_factors = has_factors

    def load(self) -> Images:
        grid = np.indices((3, 5)).reshape(2, -1).T
        train = np.repeat(grid, 10, axis=0)
        factors = Factors(("kind", "size"), VALUES, train, grid)
        return Images(
            *(drawn(train), train[:, 0], drawn(grid), grid[:, 0]),
            factors=factors if self.has_factors else None,
        )


def made(source: Grid, **changes: Any) -> ImageDataModule:
    settings: dict[str, Any] = {"batch_size": 16, "num_val": 30, "split_seed": 0, "seed": 0}
    data = ImageDataModule(source=source, binarize="none", **(settings | changes))
    data.setup()
    return data


def shown(images: Any) -> Tensor:
    return images[:, 0, 0, :2].long()


@pytest.mark.parametrize("changes", [{}, {"num_train": 8, "batch_size": 8}])
def test_factors_are_those_of_the_images_of_each_split(changes: dict[str, Any]) -> None:
    data = made(Grid(), **changes)
    factors = data.factors
    assert factors is not None
    sizes = changes.get("num_train", 120), 30, 15
    assert tuple(map(len, (factors.train, factors.val, factors.test))) == sizes
    assert factors.train.dtype == torch.int64
    assert torch.equal(factors.train, shown(data.fixed_train_images))
    assert torch.equal(factors.val, shown(data.val_images))
    assert torch.equal(factors.test, shown(data.test_images))


def test_the_result_names_factors_and_values_in_one_line_each() -> None:
    facts = made(Grid()).facts()
    assert facts["factors"] == {"kind": ["a", "b", "c"], "size": ["low\\nest", "1", "2", "3", "4"]}


def test_without_factors_nothing_is_new() -> None:
    data = made(Grid(has_factors=False))
    assert data.factors is None and "factors" not in data.facts()


def test_the_fingerprint_covers_factors_and_names() -> None:
    images = Grid().load()
    assert images.factors is not None
    others = [
        images._replace(factors=None),
        images._replace(factors=images.factors._replace(names=("kind", "width"))),
        images._replace(factors=images.factors._replace(test=images.factors.test[::-1])),
    ]
    assert len({identity(it) for it in (images, *others)}) == 4


def test_the_fingerprint_without_factors_is_that_of_earlier_versions() -> None:
    assert identity(Grid(has_factors=False).load()) == "e3e6d827dc5567a54c3af909c36911f2"
