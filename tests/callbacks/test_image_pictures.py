"""Reconstructions, samples and interpolations show the right images in the right places."""

from functools import partial
from typing import Any

import pytest
import torch
from tiny_vae import WHEN, TinyData, TinyVAE, snapshot_of
from torch import Tensor

from vae_lab.callbacks.drawing import grids, marks
from vae_lab.callbacks.drawing.style import BAND, LINE
from vae_lab.callbacks.interpolations import (
    Interpolations,
    between,
    find_pairs,
    in_words,
    labels_near,
)
from vae_lab.callbacks.picture import Picture
from vae_lab.callbacks.reconstructions import Reconstructions, in_turn
from vae_lab.callbacks.samples import Samples
from vae_lab.callbacks.snapshot import EncodedImages, Snapshot, typical

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
    picture = draw(Interpolations(pairs=PAIRS, steps=4, num_images=12, **WHEN))
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
    images = torch.zeros(5, 1, 2, 2)

    def of_label(label: int) -> list[int]:
        return [] if labels is None else typical(images, torch.tensor(labels), label)

    assert find_pairs(pairs, of_label, len(images)).tolist() == expected


def test_a_path_begins_with_an_image_that_looks_like_others_of_its_label() -> None:
    """Images 1, 3, 5 ... are of label 1, with values around 0.5; the spoilt first one is at 0.9."""
    values = torch.tensor([0.9, 0.42, 0.46, 0.49, 0.5, 0.52, 0.55, 0.6])
    images = torch.zeros(16, 1, 1, 1)
    images[1::2, 0, 0, 0] = values
    labels = torch.arange(16) % 2
    distances = (values[:, None] - values).abs().sort(dim=1).values[:, 1:6].mean(dim=1)
    order = (2 * distances.argsort() + 1).tolist()
    assert typical(images, labels, 1) == order
    assert order[-1] == 1, "the spoilt one comes last"
    pairs = find_pairs([(1, 1)], partial(typical, images, labels), len(images))
    assert pairs.tolist() == [order[:2]]
    assert typical(images, labels, 2) == []


def test_typical_images_are_found_once_in_a_training() -> None:
    kept: dict[int, list[int]] = {}
    model: Any = TinyVAE(latent_dim=2)
    data: Any = TinyData()
    images, labels = data.examples()
    expected = typical(images, labels, 3)
    found = Snapshot(model=model, data=data, epochs_done=1, typical=kept).typical(3)
    assert found == expected
    found.pop()  # the list is the caller's
    # Without data it would fail: it is not asked again.
    data = None
    later = Snapshot(model=model, data=data, epochs_done=2, typical=kept)
    assert later.typical(3) == expected


def test_the_labels_on_the_way_are_those_of_the_nearest_codes() -> None:
    codes = torch.tensor([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2], [2.0], [2.1], [2.2]])
    labels = torch.tensor([4, 4, 4, 7, 7, 7, 9, 9, 9])
    encoded = EncodedImages(codes, labels, codes, codes, codes)
    z = torch.tensor([[[-0.5], [1.0], [2.2]], [[0.6], [0.1], [0.1]]])  # 2 paths of 3 points
    assert labels_near(z, encoded) == [[4, 7, 9], [7, 4, 4]]
    assert labels_near(z[:, :, [0, 0]].float(), encoded._replace(labels=None)) is None
    assert in_words([1, 1, 9, 9, 7], None) == "1\u203a9\u203a7"
    assert in_words([0, 0], ("cat",)) == "cat"
    assert in_words([0, 1], ("cat", "dog")) == "cat \u203a dog"


def test_a_row_names_the_labels_it_passes_and_its_file_knows_the_codes() -> None:
    picture = Interpolations(pairs=PAIRS, steps=4, num_images=12, **WHEN)
    drawing: Any = picture.draw(snapshot_of(), torch.Generator())
    path = drawing.facts["paths"][0]
    means = TinyData().images.flatten(1)[:, :2]
    assert path["ends"] == ["1", "7"] and len(path["labels"]) == 4
    assert path["start"] == pytest.approx(means[1].tolist(), abs=1e-4)
    assert path["end"] == pytest.approx(means[7].tolist(), abs=1e-4)
    assert [y for y, _ in drawing.beside] == [1.0, 1.0 + 2 + LINE]
    canvas = drawing.layout()
    texts = [mark.text for mark in canvas.marks if isinstance(mark, marks.Text)]
    assert texts[:3] == ["original", "original", "decoded at lambda"]
    assert {"0", ".33", ".67", "1"} <= set(texts)


def test_without_labels_paths_name_their_images() -> None:
    class Data(TinyData):
        # These images have no names; the class that it replaces has a list.
        label_names = None  # type: ignore[assignment]

        def examples(self) -> tuple[Tensor, Tensor | None]:
            return self.images, None

    picture = Interpolations(pairs=PAIRS, steps=4, num_images=12, **WHEN)
    drawing: Any = picture.draw(snapshot_of(data=Data()), torch.Generator())
    second = drawing.facts["paths"][1]
    assert second["ends"] == ["image 2", "image 3"] and second["labels"] is None
    assert not drawing.beside
