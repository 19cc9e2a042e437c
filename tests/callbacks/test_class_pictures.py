"""Pictures of conditional models: which classes the model is given, and what is shared by them.

The stand-in decodes a point as its pixels, brighter by 1 per class.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_vae import Spy, TinyData, TinyVAE, drawn, snapshot_of

from vae_lab.callbacks.class_maps import MOST_MAPS, side_of
from vae_lab.callbacks.classes import Classes
from vae_lab.callbacks.drawing.charts.framed import Framed
from vae_lab.callbacks.drawing.charts.panels import Panels
from vae_lab.callbacks.drawing.marks import Text, UpwardText
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.interpolations import Interpolations
from vae_lab.callbacks.latent_map import LatentMap, QuantileMap
from vae_lab.callbacks.latent_scatter import LatentScatter
from vae_lab.callbacks.reconstructions import Reconstructions
from vae_lab.callbacks.samples import Samples, in_turn_words
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.callbacks.traversals import Traversals
from vae_lab.run_folder import RunFolder

WHEN: dict[str, Any] = {"every_n_epochs": 1, "seed": 3, "scale": 1}
MAP: dict[str, Any] = {"corners": [0, 1, 7], "first_epochs": 3, "extent": 1.5, **WHEN}


def draw(picture: Any, snapshot: Snapshot) -> Any:
    return picture.draw(snapshot, torch.Generator().manual_seed(3))


def named(num_classes: int) -> Any:
    """Returns data whose labels have long names."""

    class Data(TinyData):
        label_names = tuple(f"class number {k}" for k in range(num_classes))

    return Data()


# One style a row.


def test_all_classes_of_a_row_share_z_bit_for_bit() -> None:
    snapshot = snapshot_of(latent_dim=4, num_classes=10)
    grid = draw(Classes(rows=3, columns=20, **WHEN), snapshot)
    model: Any = snapshot.model
    ((z, labels),) = model.given
    rows = z.view(3, 10, 4)
    assert torch.equal(rows, rows[:, :1].expand_as(rows))
    expected = model.prior.sample(3, torch.Generator().manual_seed(3))
    assert torch.equal(rows[:, 0], expected) and not torch.equal(expected[0], expected[1])
    assert labels.tolist() == 3 * list(range(10))
    # The picture has them in the same places.
    cell = grid.picture[0, 2 + LINE : 4 + LINE, 4 * (2 + LINE) :][:, :2]
    torch.testing.assert_close(cell.flatten(), expected[1] + 4)
    assert [name for _, name in grid.headings] == list("0123456789")


def test_of_many_classes_the_first_are_shown_and_the_title_says_so() -> None:
    snapshot = snapshot_of(num_classes=30, data=named(30))
    grid = draw(Classes(rows=2, columns=20, **WHEN), snapshot)
    assert grid.title.endswith("(the first 20 of 30)")
    assert grid.picture.shape[2] == 20 * (2 + LINE) - LINE
    assert len(grid.headings) == 20
    model: Any = snapshot.model
    assert model.given[0][1].max() == 19


def test_headings_that_are_wider_than_their_columns_run_upwards_and_none_is_missing() -> None:
    short = draw(Classes(rows=2, columns=4, **WHEN), snapshot_of(num_classes=4)).layout()
    wide = draw(Classes(rows=2, columns=4, **WHEN), snapshot_of(num_classes=4, data=named(4)))
    turned = [mark for mark in wide.layout().marks if isinstance(mark, UpwardText)]
    assert len(turned) == 4
    assert {"0", "1", "2", "3"} < {mark.text for mark in short.marks if isinstance(mark, Text)}
    assert wide.layout().grid[1] > short.grid[1]


def test_without_a_condition_no_file_is_written_and_nothing_decoded(tmp_path: Path) -> None:
    snapshot, spy = snapshot_of(), Spy()
    Classes(rows=3, columns=20, **WHEN).publish(snapshot, RunFolder(tmp_path), [spy])
    model: Any = snapshot.model
    assert list(tmp_path.iterdir()) == [] and model.given == [] and spy.pictures == []
    snapshot = snapshot_of(num_classes=3)
    Classes(rows=3, columns=20, **WHEN).publish(snapshot, RunFolder(tmp_path), [spy])
    assert drawn(tmp_path, "classes") == [0]
    assert [tag for tag, _, _ in spy.pictures] == ["classes/prior"]


# Samples and reconstructions.


@pytest.mark.parametrize(
    ("num_classes", "columns", "rows", "first_row"),
    [(10, 10, 2, [*range(10)]), (3, 9, 2, [0, 1, 2] * 3), (12, 10, 2, [*range(10)])],
)
def test_samples_take_the_classes_in_turn(
    num_classes: int, columns: int, rows: int, first_row: list[int]
) -> None:
    snapshot = snapshot_of(num_classes=num_classes, data=named(num_classes))
    grid = draw(Samples(num_images=20, columns=10, **WHEN), snapshot)
    model: Any = snapshot.model
    assert model.given[0][1][:columns].tolist() == first_row
    assert grid.picture.shape[1:] == (rows * 3 - LINE, columns * 3 - LINE)
    assert len(grid.headings) == (columns if num_classes <= columns else 0)
    assert len(grid.beside) == (0 if num_classes <= columns else rows)


def test_rows_of_many_classes_are_named_by_the_first_and_the_last() -> None:
    names = [str(k) for k in range(12)]
    assert in_turn_words([*range(10)], names) == "0 to 9"
    assert in_turn_words([10, 11, *range(8)], names) == "10 to 11, 0 to 7"
    assert in_turn_words([11, 0], names) == "11, 0"


def test_reconstructions_are_given_the_class_of_each_image() -> None:
    snapshot = snapshot_of(latent_dim=4, num_classes=10)
    grid = draw(Reconstructions(num_images=10, columns=10, **WHEN), snapshot)
    model: Any = snapshot.model
    assert model.given[0][1].tolist() == list(range(10))
    assert grid.title.endswith("given its class")


# Interpolations.


def test_each_path_is_decoded_with_the_class_of_either_end() -> None:
    snapshot = snapshot_of(latent_dim=4, num_classes=10)
    picture = Interpolations(pairs=[[1, 7], [3, 4]], steps=5, num_images=12, **WHEN)
    grid = draw(picture, snapshot)
    model: Any = snapshot.model
    ((z, labels),) = model.given
    points = z.view(4, 5, 4)
    assert torch.equal(points[0], points[1]) and torch.equal(points[2], points[3])
    assert labels.view(4, 5).tolist() == [[label] * 5 for label in (1, 7, 3, 4)]
    assert [text for _, text in grid.beside] == ["given 1", "given 7", "given 3", "given 4"]
    paths = grid.facts["paths"]
    assert [path["given"] for path in paths] == ["1", "7", "3", "4"]
    assert [path["ends"] for path in paths] == [["1", "7"]] * 2 + [["3", "4"]] * 2
    assert all(path["labels"] is None for path in paths)


# Maps.


def test_each_class_has_a_map_of_the_same_points() -> None:
    snapshot = snapshot_of(num_classes=3)
    chart = draw(LatentMap(steps=5, **MAP), snapshot)
    assert isinstance(chart, Panels)
    assert [name for name, _ in chart.panels] == ["0", "1", "2"]
    model: Any = snapshot.model
    points = [z for z, _ in model.given]
    assert all(torch.equal(z, points[0]) for z in points) and len(points) == 3
    # 5 / sqrt(3) is 2.9.
    assert len(points[0]) == 9 and points[0].abs().max() == 1.5
    assert [labels.unique().tolist() for _, labels in model.given] == [[0], [1], [2]]
    assert "given each class" in chart.heading.title
    assert chart.layout().grid[3] < chart.layout().height


def test_all_maps_have_about_as_many_points_as_one() -> None:
    assert side_of(20, range(0)) == side_of(20, range(1)) == 20
    assert side_of(20, range(10)) == 7 and side_of(20, range(4)) == 10
    assert side_of(20, range(MOST_MAPS)) == side_of(20, range(1000)) == 6


def test_of_many_classes_the_first_have_maps_and_the_title_says_so() -> None:
    chart = draw(QuantileMap(steps=4, **WHEN), snapshot_of(num_classes=40, data=named(40)))
    assert len(chart.panels) == MOST_MAPS
    assert chart.heading.title.endswith("given each class, the first 12 of 40")


def test_a_map_of_one_dimension_has_a_row_for_each_class() -> None:
    chart = draw(LatentMap(steps=5, **MAP), snapshot_of(latent_dim=1, num_classes=3))
    assert isinstance(chart, Framed)
    assert chart.picture.shape == (1, 3 * 3 - LINE, 5 * 3 - LINE)
    assert [name for _, name in chart.upwards] == ["0", "1", "2"]


def test_the_plane_through_three_codes_is_decoded_given_each_class() -> None:
    snapshot = snapshot_of(latent_dim=4, num_classes=10)
    chart = draw(LatentMap(steps=20, **MAP), snapshot)
    assert len(chart.panels) == 10 and len(chart.marked) == 3
    assert chart.facts == {"plane": True}
    model: Any = snapshot.model
    # The codes of the images with the labels 0, 1 and 7 are at their cells, in all maps.
    z = model.given[0][0].view(7, 7, 4)
    images = TinyData().images.flatten(1)
    for label, (column, row) in zip([0, 1, 7], [(1, 5), (5, 5), (3, 1)], strict=True):
        torch.testing.assert_close(z[row, column], images[label])


# Traversals and scatter.


def test_blocks_of_traversals_are_given_the_class_of_their_image() -> None:
    snapshot = snapshot_of(latent_dim=4, num_classes=10)
    settings = {"steps": 3, "extent": 2.0, "num_images": 12, **WHEN}
    chart = draw(Traversals(max_rows=4, start=[3, 7], **settings), snapshot)
    model: Any = snapshot.model
    ((_, labels),) = model.given
    assert labels.view(2, 2, 3)[:, 0, 0].tolist() == [3, 7]
    assert labels.view(2, 6).float().std(dim=1).tolist() == [0, 0]
    assert chart.heading.title.endswith("given the class")


def test_traversals_from_the_priors_mean_have_a_block_for_each_class() -> None:
    snapshot = snapshot_of(latent_dim=4, num_classes=10)
    settings = {"steps": 3, "extent": 2.0, "num_images": 12, **WHEN}
    chart = draw(Traversals(max_rows=5, start=None, **settings), snapshot)
    model: Any = snapshot.model
    ((z, labels),) = model.given
    assert [name for _, name in chart.blocks] == list("01234")
    assert labels.view(5, 3)[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert torch.equal(z.view(5, 3, 4)[0], z.view(5, 3, 4)[4])


def test_the_scatter_says_that_classes_should_overlap() -> None:
    picture = LatentScatter(num_images=12, projection="pca", **WHEN)
    assert "overlap" in draw(picture, snapshot_of(num_classes=10)).heading.subtitle
    assert "overlap" not in draw(picture, snapshot_of()).heading.subtitle


def test_codes_are_those_of_the_images_with_their_classes() -> None:
    class Shifted(TinyVAE):
        def encode(self, x: Any, labels: Any = None) -> Any:
            posterior = super().encode(x, labels)
            return posterior._replace(mean=posterior.mean + labels[:, None])

    images = TinyData().images.flatten(1)
    encoded = snapshot_of(model=Shifted(latent_dim=4, num_classes=10)).encoded(12)
    torch.testing.assert_close(encoded.mean, images + (torch.arange(12) % 10)[:, None])
