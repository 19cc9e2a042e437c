"""Reconstructions, samples and interpolations show the right images in the right places."""

from typing import Any

import pytest
import torch
from tiny_vae import WHEN, TinyData, TinyVAE, snapshot_of
from torch import Tensor

from vae_lab.callbacks.drawing import grids
from vae_lab.callbacks.drawing.style import BAND, LINE
from vae_lab.callbacks.interpolations import Interpolations, between, find_pairs
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.reconstructions import Reconstructions, in_turn
from vae_lab.callbacks.samples import Samples

PAIRS = [[1, 7], [0, 6]]


def draw(picture: Picture) -> Tensor:
    drawing = picture.draw(snapshot_of(), torch.Generator().manual_seed(picture.seed))
    assert isinstance(drawing, grids.ImageGrid)
    return drawing.picture


def test_reconstructions_show_each_label_in_turn() -> None:
    module, data = TinyVAE(latent_dim=2), TinyData()
    shown = data.images[:10]
    expected = grids.above(shown, module.reconstruct(shown), columns=5)
    assert torch.equal(draw(Reconstructions(num_images=10, columns=5, **WHEN)), expected)


def test_in_turn_takes_one_of_each_label() -> None:
    labels = torch.tensor([7, 7, 1, 4, 1, 7])
    assert in_turn(labels, 6).tolist() == [2, 3, 0, 4, 1, 5]
    assert in_turn(None, 3).tolist() == [0, 1, 2]


def test_samples_are_the_same_draws_each_time() -> None:
    picture = Samples(num_images=9, columns=3, **WHEN)
    expected = TinyVAE(latent_dim=2).sample(9, torch.Generator().manual_seed(3))
    assert torch.equal(draw(picture), grids.grid(expected, columns=3))
    assert torch.equal(draw(picture), draw(picture))


def test_interpolations_lead_from_mean_to_mean() -> None:
    data = TinyData()
    picture = draw(Interpolations(pairs=PAIRS, steps=4, **WHEN))
    first = 2 + BAND
    for row, (start, end) in enumerate(PAIRS):
        top = row * (2 + LINE)
        assert torch.equal(picture[:, top : top + 2, :2], data.images[start])
        assert torch.equal(picture[:, top : top + 2, -2:], data.images[end])
        for step in range(4):
            left = first + step * (2 + LINE)
            z = torch.lerp(data.images[start], data.images[end], step / 3).flatten()[:2]
            cell = picture[0, top : top + 2, left : left + 2]
            torch.testing.assert_close(cell, z.expand(2, 2))


def test_between_ends_exactly_at_both_ends() -> None:
    start, end = torch.rand(3, 2), torch.rand(3, 2)
    z = between(start, end, steps=10)
    assert z.shape == (3, 10, 2)
    assert torch.equal(z[:, 0], start)
    assert torch.equal(z[:, -1], end)


@pytest.mark.parametrize(
    ("labels", "pairs", "expected"),
    [
        ([7, 0, 1, 1, 7], [(1, 7), (7, 1)], [[2, 0], [4, 3]]),  # its second image the second time
        ([7, 0, 1, 1, 7], [(1, 1)], [[2, 3]]),
        ([7, 0, 1, 1, 7], [(1, 7), (0, 6)], [[2, 0], [2, 3]]),  # no 6
        (None, [(1, 7), (0, 6), (3, 8)], [[0, 1], [2, 3], [4, 0]]),
    ],
)
def test_find_pairs(labels: Any, pairs: list[tuple[int, int]], expected: list[list[int]]) -> None:
    tensor = None if labels is None else torch.tensor(labels)
    assert find_pairs(tensor, pairs, count=5).tolist() == expected
