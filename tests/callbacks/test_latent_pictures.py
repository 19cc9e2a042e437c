"""Pictures of the latent space: the right points are decoded, put in order, and named."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from painted import pixels_of
from repository import ROOT
from tiny_vae import TinyData, TinyVAE, snapshot_of
from torch import Tensor

from vae_lab.callbacks.drawing.charts.framed import Framed
from vae_lab.callbacks.drawing.charts.scatter import Scatter
from vae_lab.callbacks.drawing.letters import length
from vae_lab.callbacks.drawing.marks import Dot, UpwardText
from vae_lab.callbacks.drawing.style import BAND, LINE
from vae_lab.callbacks.kl_per_dim import KLPerDim
from vae_lab.callbacks.latent_map import LatentMap, QuantileMap, axis_ticks, triangle
from vae_lab.callbacks.latent_scatter import LatentScatter, neighbour_embedding, principal
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.callbacks.traversals import Traversals, traverse
from vae_lab.posteriors import DiagonalGaussian, Posterior, kl_to_aggregate
from vae_lab.priors import GaussianMixture, StandardNormal
from vae_lab.run_folder import RunFolder

WHEN: dict[str, Any] = {"every_n_epochs": 1, "seed": 3, "scale": 1}
SETTINGS: dict[str, Any] = {"num_images": 12, **WHEN}
MAP: dict[str, Any] = {"corners": [0, 1, 7], "first_epochs": 3, **WHEN}
SCATTER: dict[str, Any] = {"projection": "pca", **SETTINGS}


class KnownVAE(TinyVAE):
    """A posterior whose mean is `use[k]` in dimension k, so its KL is use[k]^2 / 2.

    It decodes a point as four pixels: (z + 4) / 8 of the dimensions in `shown`.
    """

    def __init__(self, use: list[float], shown: list[int]) -> None:
        super().__init__(latent_dim=len(use))
        self.use, self.shown = torch.tensor(use), shown
        self.decoded = torch.empty(0)

    def encode(self, x: Tensor, labels: Tensor | None = None) -> DiagonalGaussian:
        mean = self.use.expand(len(x), -1)
        return DiagonalGaussian(mean, torch.zeros_like(mean))

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        self.decoded = z
        return ((z[:, self.shown] + 4) / 8).view(-1, 1, 2, 2)


def draw(picture: Any, snapshot: Snapshot) -> Any:
    return picture.draw(snapshot, torch.Generator().manual_seed(3))


def cells(chart: Framed, columns: int) -> Tensor:
    """Returns the images of a framed picture of bytes, (rows, columns, 2, 2)."""
    pixels = torch.nn.functional.pad(chart.picture[0], (0, LINE, 0, LINE))
    return pixels.unfold(0, 2, 2 + LINE).unfold(1, 2, 2 + LINE)[:, :columns]


def as_bytes(z: Tensor) -> Tensor:
    return ((z + 4) / 8 * 255).round().byte()


# Maps.


def test_a_map_of_two_dimensions_runs_right_and_upwards() -> None:
    snapshot = snapshot_of(model=KnownVAE([1.0, 2.0], shown=[0, 1, 0, 1]))
    chart = draw(LatentMap(steps=3, extent=1.0, **MAP), snapshot)
    for row, up in enumerate([1.0, 0.0, -1.0]):
        for column, right in enumerate([-1.0, 0.0, 1.0]):
            expected = as_bytes(torch.tensor([[right, up], [right, up]]))
            assert torch.equal(cells(chart, 3)[row, column], expected)
    assert chart.axes == ("z[0]", "z[1]")  # whichever is used more: these axes never change
    assert [name for _, name in chart.across] == ["-1.0", "-0.5", "0.0", "0.5", "1.0"]
    assert [x for x, _ in chart.across] == pytest.approx([1.0, 2.5, 4.0, 5.5, 7.0])
    assert [y for y, _ in chart.upwards] == pytest.approx([7.0, 5.5, 4.0, 2.5, 1.0])


def test_the_file_of_a_map_says_which_values_are_at_its_edges() -> None:
    snapshot = snapshot_of(model=KnownVAE([1.0, 2.0], shown=[0, 1, 0, 1]))
    chart = draw(LatentMap(steps=3, extent=1.0, **MAP), snapshot)
    # Cells are 2 pixels wide and 1 apart: 3 pixels from one value to the next, which is 1.
    expected = [-1 - 1 / 3, 1 + 1 / 3]
    assert chart.layout().facts["axes"]["x"] == pytest.approx(expected)
    assert chart.layout().facts["axes"]["y"] == pytest.approx(expected)


def test_a_map_of_more_dimensions_is_the_plane_through_three_images() -> None:
    snapshot = snapshot_of(latent_dim=4)
    chart = draw(LatentMap(steps=6, extent=1.5, **MAP), snapshot)
    images, shown = TinyData().images, cells(chart, 6)
    # Images 0, 1 and 7 have the labels 0, 1 and 7; their codes are their pixels.
    corners = [(1, 4), (4, 4), (2, 1)]
    for label, (column, row) in zip([0, 1, 7], corners, strict=True):
        assert torch.equal(shown[row, column], images[label, 0].mul(255).round().byte())
    assert chart.marked == [(3 * x, 3 * y, 3 * x + 2, 3 * y + 2) for x, y in corners]
    assert "the plane through a 0, a 1 and a 7" in chart.heading.title
    assert chart.facts == {"plane": True} and chart.axes == ("", "")


def test_weights_of_the_plane_are_affine() -> None:
    corners, weights = triangle(11)
    table = weights.view(11, 11, 3)
    for k, (column, row) in enumerate(corners):
        assert table[row, column].tolist() == pytest.approx([float(k == n) for n in range(3)])
    torch.testing.assert_close(table.sum(dim=2), torch.ones(11, 11, dtype=torch.float64))
    steps = table[:, 1:] - table[:, :-1]  # the same from each cell to the next
    torch.testing.assert_close(steps, steps[:1, :1].expand_as(steps))


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        ([8, 8, 0] * 4, "an 8, an 8 and a 0"),  # label 0 is there; 1 and 7 are not
        (None, "the codes of three images"),
    ],
)
def test_images_take_the_place_of_labels_that_are_not_there(labels: Any, title: str) -> None:
    class Data(TinyData):
        def examples(self) -> tuple[Tensor, Tensor | None]:
            return self.images, None if labels is None else torch.tensor(labels)

    chart = draw(
        LatentMap(steps=4, extent=1.5, **{**MAP, "corners": [1, 7, 0]}),
        snapshot_of(latent_dim=4, data=Data()),
    )
    assert chart.heading.title.endswith(title)


def test_the_prior_has_no_share_in_a_plane_of_more_dimensions(tmp_path: Path) -> None:
    picture = QuantileMap(steps=3, **WHEN)
    picture.publish(snapshot_of(latent_dim=3), RunFolder(tmp_path), [])
    assert list(tmp_path.iterdir()) == []
    picture.publish(snapshot_of(latent_dim=2), RunFolder(tmp_path), [])
    assert (tmp_path / "figures" / "quantile_map_0000.png").exists()


def test_a_map_is_due_after_each_of_the_first_epochs() -> None:
    picture = LatentMap(steps=3, extent=1.5, **{**MAP, "every_n_epochs": 5})
    assert [n for n in range(16) if picture.is_due(n)] == [0, 1, 2, 3, 5, 10, 15]


def test_a_map_of_one_dimension_is_one_row() -> None:
    module = TinyVAE(latent_dim=1)
    chart = draw(LatentMap(steps=5, extent=2.0, **MAP), snapshot_of(model=module))
    assert chart.picture.shape == (1, 2, 5 * (2 + LINE) - LINE)
    assert chart.axes == ("z[0]", "") and chart.upwards == []
    assert draw(QuantileMap(steps=5, **WHEN), snapshot_of(model=module)).picture.shape[2] == 14


def test_quantiles_cut_the_normal_distribution_into_equal_parts() -> None:
    axis = QuantileMap(steps=20, **WHEN).axes(snapshot_of(latent_dim=1).model, 20)[:, 0]
    below = 0.5 * (1 + torch.erf(axis / math.sqrt(2)))
    torch.testing.assert_close(below, (torch.arange(20) + 0.5) / 20)
    torch.testing.assert_close(axis, -axis.flip(0))


def test_ticks_follow_an_uneven_axis() -> None:
    axis = torch.tensor([-2.0, -1.0, 0.0, 3.0])
    assert {name: x for x, name in axis_ticks(axis, cell=10)} == pytest.approx(
        {"-2": 5, "-1": 16, "0": 27, "1": 27 + 11 / 3, "2": 27 + 22 / 3, "3": 38}
    )


# Traversals.


def test_rows_are_ordered_by_kl_and_change_their_dimension_alone() -> None:
    module = KnownVAE([0.5, -2.0, 1.0, 0.0], shown=[0, 1, 2, 3])
    picture = Traversals(max_rows=7, steps=5, extent=3, start=[4, 9], **SETTINGS)
    chart = draw(picture, snapshot_of(model=module))
    names = ["z[1]  2.00", "z[2]  0.50", "z[0]  0.12"]
    assert [name for _, name in chart.upwards] == [*names, *names]
    for row, dim in enumerate([1, 2, 0]):
        for column, value in enumerate([-3.0, -1.5, 0.0, 1.5, 3.0]):
            z = torch.tensor([0.5, -2.0, 1.0, 0.0])
            z[dim] = value
            assert torch.equal(cells(chart, 5)[row, column].flatten(), as_bytes(z))
    block = 3 * 2 + 2 * LINE + BAND
    assert [y for y, _ in chart.upwards] == [1.0, 4.0, 7.0, block + 1, block + 4, block + 7]
    assert chart.blocks == [(4.0, "4"), (block + 4.0, "9")]
    numbers = ["-3", "-1.5", "0", "1.5", "3"]
    assert chart.across == [(1.0 + 3 * k, number) for k, number in enumerate(numbers)]
    assert chart.picture.shape[1] == 2 * block - BAND
    assert "the 3 most used of 4 dimensions" in chart.heading.subtitle
    assert "mean KL in nats" in chart.heading.subtitle


@pytest.mark.parametrize("start", [7, [7], [3, 7]])
def test_each_block_starts_from_an_image_of_its_label(start: Any) -> None:
    chart = draw(
        Traversals(max_rows=6, steps=3, extent=0.001, start=start, **SETTINGS),
        snapshot_of(latent_dim=4),
    )
    rows = cells(chart, 3)[: 2 if start == [3, 7] else 4]
    expected = TinyData().images[3 if start == [3, 7] else 7, 0].mul(255)
    dims = [int(name[2]) for _, name in chart.upwards]
    for row, dim in zip(rows[:, 1].flatten(1).float(), dims, strict=False):
        others = [k for k in range(4) if k != dim]
        torch.testing.assert_close(row[others], expected.flatten()[others], rtol=0, atol=0.6)


def test_traversals_can_start_from_the_priors_mean() -> None:
    module = KnownVAE([1.0, 2.0], shown=[0, 1, 0, 1])
    picture = Traversals(max_rows=9, steps=2, extent=3, start=None, **SETTINGS)
    chart = draw(picture, snapshot_of(model=module))
    assert module.decoded.tolist() == [[0, -3], [0, 3], [-3, 0], [3, 0]]
    assert "the prior's mean" in chart.heading.subtitle and "all 2" in chart.heading.subtitle
    assert chart.blocks == []


def test_traverse_leaves_its_start_as_it_was() -> None:
    start = torch.tensor([5.0, 6.0])
    z = traverse(start, [1], torch.tensor([[9.0, -1.0], [9.0, 1.0]]))
    assert z.tolist() == [[[5, -1], [5, 1]]]
    assert start.tolist() == [5, 6]


# Bars.


def test_bars_are_the_mean_kl_of_each_dimension_in_order() -> None:
    snapshot = snapshot_of(latent_dim=4)
    chart = draw(KLPerDim(threshold=0.3, **SETTINGS), snapshot)
    mean = TinyData().images.flatten(1)
    posterior = torch.distributions.Normal(mean, torch.exp((mean - 1) / 2))
    prior = torch.distributions.Normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(posterior, prior).mean(dim=0)
    order = kl.argsort(descending=True)
    assert chart.heights == pytest.approx(kl[order].tolist())
    assert chart.names == [f"z[{dim}]" for dim in order.tolist()]
    used = int((kl > 0.3).sum())
    assert 0 < used < 4, "the threshold tells some from others"
    assert chart.heading.title == f"{used} of 4 dimensions are used: {kl.sum():.2f} nats"


def test_many_bars_are_named_by_rank() -> None:
    module = KnownVAE([0.0] * 512, shown=[0, 1, 2, 3])
    chart = draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot_of(model=module))
    named = {rank + 1: name for rank, name in enumerate(chart.names) if name}
    assert named == {rank: str(rank) for rank in range(100, 513, 100)}
    assert "0 of 512" in chart.heading.title
    assert pixels_of(chart.layout(), 1).shape[0] == 3


def test_values_that_are_no_numbers_come_last_and_stop_no_picture() -> None:
    module = KnownVAE([float("nan"), 1.0, 2.0], shown=[0, 1, 2, 2])
    snapshot = snapshot_of(model=module)
    assert snapshot.encoded(12).dimensions_by_kl() == [2, 1, 0]
    assert draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot).heights == [2.0, 0.5, 0.0]
    assert pixels_of(draw(LatentScatter(**SCATTER), snapshot).layout(), 1).shape[0] == 3


# Scatter.


def test_two_principal_components_and_the_variance_they_show() -> None:
    points = torch.randn(40, 5, generator=torch.Generator().manual_seed(1)).double()
    points *= torch.tensor([1.0, 5.0, 0.5, 3.0, 2.0])
    shown, share = principal(points.float() + 7)
    centred = points - points.mean(dim=0)
    u, s, vh = torch.linalg.svd(centred, full_matrices=False)
    # From the origin, not from the mean of the points.
    expected = u[:, :2] * s[:2] + (points.mean(dim=0) + 7) @ vh[:2].T
    expected *= vh[:2].gather(1, vh[:2].abs().argmax(dim=1, keepdim=True)).sign().T
    torch.testing.assert_close(shown, expected, rtol=1e-4, atol=1e-4)
    assert share == pytest.approx((s[:2].square().sum() / s.square().sum()).item(), rel=1e-5)


def test_points_that_do_not_vary_have_components_too() -> None:
    shown, share = principal(torch.ones(4, 3))
    assert torch.equal(shown, shown[:1].expand(4, 2)) and share == 1.0


def test_more_than_two_dimensions_are_shown_by_components_and_say_so() -> None:
    snapshot = snapshot_of(latent_dim=4)
    chart: Scatter = draw(LatentScatter(**SCATTER), snapshot)
    points, share = principal(snapshot.encoded(12).mean)
    assert f"2 components of 4: {100 * share:.0f} % of the variance" in chart.heading.subtitle
    assert torch.equal(chart.points, points)
    assert chart.heading.title == "Where the encoder puts 12 validation images"


def test_two_dimensions_are_shown_as_they_are() -> None:
    chart: Scatter = draw(LatentScatter(**SCATTER), snapshot_of(latent_dim=2))
    assert torch.equal(chart.points, TinyData().images.flatten(1)[:, :2])
    assert chart.axes == ("z[0]", "z[1]")
    assert chart.window.edges() == ([-4, 4], [-4, 4])
    assert list(chart.rings) == [1, 2]
    assert chart.facts["axes"] == {"x": [-4, 4], "y": [-4, 4]}
    assert "circles: 1 and 2 standard deviations of the prior" in chart.heading.subtitle
    assert chart.labels is not None and chart.labels.tolist() == [*range(10), 0, 1]


def test_points_beyond_the_axes_are_counted() -> None:
    module = KnownVAE([1.0, 4.5], shown=[0, 1, 0, 1])
    chart = draw(LatentScatter(**SCATTER), snapshot_of(model=module))
    assert "12 beyond the axes, at the edge" in chart.heading.subtitle
    near = draw(LatentScatter(**SCATTER), snapshot_of(latent_dim=2))
    assert "beyond" not in near.heading.subtitle


def test_neighbours_stay_together_and_places_are_the_same_each_time() -> None:
    generator = torch.Generator().manual_seed(0)
    groups = torch.arange(60) % 3
    points = 20 * torch.nn.functional.one_hot(groups, 5) + torch.rand(60, 5, generator=generator)
    shown = neighbour_embedding(points, seed=1)
    assert torch.equal(shown, neighbour_embedding(points, seed=1))
    distances = torch.cdist(shown, shown).fill_diagonal_(math.inf)
    assert torch.equal(groups[distances.argmin(dim=1)], groups)
    points[0] = math.nan
    assert neighbour_embedding(points, seed=1).isnan().any(dim=1).tolist() == [True, *[False] * 59]
    assert neighbour_embedding(points[1:2], seed=1).tolist() == [[0, 0]]


def test_neighbours_are_drawn_once_at_the_end_without_numbers_that_mean_nothing() -> None:
    picture = LatentScatter(**{**SCATTER, "projection": "tsne"})
    assert not any(picture.is_due(epoch) for epoch in range(10))
    chart = draw(picture, snapshot_of(latent_dim=4))
    assert "t-SNE" in chart.heading.subtitle and chart.axes == ("", "")
    assert len(chart.rings) == 0
    plot = chart.layout()
    assert plot.facts == {}
    dots = [mark for mark in plot.marks if isinstance(mark, Dot) and mark.x < plot.right]
    assert len(dots) == 12 and len({(dot.x, dot.y) for dot in dots}) == 12
    two = draw(picture, snapshot_of(latent_dim=2))
    assert two.axes == ("z[0]", "z[1]"), "two dimensions are shown as they are"


@pytest.mark.parametrize("labelled", [True, False])
def test_one_dimension_has_a_row_for_each_label(labelled: bool) -> None:
    class Data(TinyData):
        def examples(self) -> tuple[Tensor, Tensor | None]:
            return self.images, torch.tensor([3, 5] * 6) if labelled else None

    snapshot = snapshot_of(latent_dim=1, data=Data())
    state = torch.get_rng_state()
    chart: Scatter = draw(LatentScatter(**SCATTER), snapshot)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(chart.points, draw(LatentScatter(**SCATTER), snapshot).points), (
        "always the same"
    )
    assert torch.equal(chart.points[:, 0], TinyData().images.flatten(1)[:, 0])
    assert chart.points[:, 1].round().tolist() == ([0, 1] * 6 if labelled else [0] * 12)
    assert chart.rows == ([(0, "3"), (1, "5")] if labelled else [(0, "")])
    assert pixels_of(chart.layout(), 1).shape[0] == 3


# Sizes of all kinds.


@pytest.mark.parametrize("latent_dim", [1, 2, 10, 512])
@pytest.mark.parametrize("count", [1, 12])
def test_every_picture_can_be_drawn(latent_dim: int, count: int) -> None:
    class Data(TinyData):
        num_val = 0

        def examples(self) -> tuple[Tensor, Tensor | None]:
            return self.images[:count], None

    snapshot = snapshot_of(latent_dim=latent_dim, data=Data())
    for picture in (
        LatentMap(steps=3, extent=1.5, **MAP),
        *[QuantileMap(steps=3, **WHEN)] * (latent_dim <= 2),
        Traversals(max_rows=4, steps=3, extent=3, start=[5], **SETTINGS),
        KLPerDim(threshold=0.01, **SETTINGS),
        LatentScatter(**SCATTER),
        LatentScatter(**{**SCATTER, "projection": "tsne"}),
    ):
        pixels = pixels_of(draw(picture, snapshot).layout(), 1)
        assert pixels.dtype == torch.uint8
        assert pixels.float().std() > 0
    assert snapshot.image_kind == "training images"


def test_the_kl_is_the_priors_own() -> None:
    class Seven(StandardNormal):
        def kl(self, posterior: Posterior) -> Tensor:
            return torch.full_like(posterior.mean, 7)

    module = TinyVAE(latent_dim=2)
    module.prior = Seven(latent_dim=2)
    assert snapshot_of(model=module).encoded(5).kl_per_dim().tolist() == [7, 7]


# A prior that is not the standard normal.


class Learned(GaussianMixture):
    """Two narrow groups, around (4, 0) and (6, 0): the mean is (5, 0)."""

    def __init__(self) -> None:
        super().__init__(latent_dim=2, num_components=2)
        with torch.no_grad():
            self.means.copy_(torch.tensor([[4.0, 0.0], [6.0, 0.0]]))
            self.log_vars.fill_(2 * math.log(0.1))


def learned_snapshot() -> tuple[Snapshot, KnownVAE]:
    module = KnownVAE([1.0, 2.0], shown=[0, 1, 0, 1])
    # The stand-in's own prior is the standard normal.
    module.prior = Learned()  # type: ignore[assignment]
    return snapshot_of(model=module), module


def test_maps_and_traversals_follow_the_prior_that_is_there() -> None:
    snapshot, module = learned_snapshot()
    chart = draw(LatentMap(steps=3, extent=2.0, **MAP), snapshot)
    centre, spread = torch.tensor([5.0, 0.0]), torch.tensor([1.005, 0.1])
    torch.testing.assert_close(module.decoded[4], centre, rtol=0, atol=0.05)
    torch.testing.assert_close(module.decoded[2], centre + 2 * spread, rtol=0, atol=0.08)
    assert "standard deviations of the prior around its mean" in chart.heading.subtitle
    chart = draw(QuantileMap(steps=4, **WHEN), snapshot)
    columns = module.decoded[:4, 0].tolist()
    # Half of the mass lies in each group: quantiles 1/8 and 3/8 in one, 5/8 and 7/8 in the other.
    assert columns == pytest.approx([3.933, 4.067, 5.933, 6.067], abs=0.02)
    assert "each row and column is equally probable" in chart.heading.subtitle
    chart = draw(Traversals(max_rows=9, steps=3, extent=2, start=None, **SETTINGS), snapshot)
    rows = module.decoded.view(2, 3, 2)
    for row, dim in enumerate(int(name[2]) for _, name in chart.upwards):
        expected = centre.repeat(3, 1)
        expected[:, dim] += torch.tensor([-2.0, 0.0, 2.0]) * spread[dim]
        torch.testing.assert_close(rows[row], expected, rtol=0, atol=0.08)
    assert "standard deviations" in chart.axes[0]


def test_the_axes_of_the_scatter_follow_a_learned_prior_and_say_so() -> None:
    snapshot, _ = learned_snapshot()
    chart = draw(LatentScatter(**SCATTER), snapshot)
    assert chart.window.centre == pytest.approx((5.0, 0.0), abs=0.05)
    assert chart.window.reach == pytest.approx(4 * 1.005, abs=0.05)
    assert len(chart.rings) == 0
    assert "axes: 4 standard deviations of the learned prior" in chart.heading.subtitle


def test_without_a_kl_per_dimension_pictures_take_the_aggregate_posterior_and_say_so() -> None:
    snapshot, module = learned_snapshot()
    # Codes that are known, in place of a network.
    module.encode = lambda x, labels=None: DiagonalGaussian(  # type: ignore[method-assign]
        torch.stack([x.flatten(1)[:, 0], 5 * x.flatten(1)[:, 1]], dim=1), torch.zeros(len(x), 2)
    )
    encoded = snapshot.encoded(12)
    posterior = DiagonalGaussian(encoded.mean, encoded.variance.log())
    torch.testing.assert_close(encoded.kl, kl_to_aggregate(posterior))
    assert encoded.dimensions_by_kl() == [1, 0]
    bars = draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot)
    assert bars.axes[1] == "KL from the aggregate posterior in nats"
    assert bars.heights == pytest.approx(kl_to_aggregate(posterior).mean(dim=0)[[1, 0]].tolist())
    rows = draw(Traversals(max_rows=9, steps=3, extent=2, start=None, **SETTINGS), snapshot)
    assert "KL from the aggregate posterior in nats" in rows.heading.subtitle
    plain = draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot_of(latent_dim=2))
    assert plain.axes[1] == "KL in nats"


def test_the_documentation_of_the_bars_has_the_condition_that_their_description_has() -> None:
    page = ROOT / "docs" / "reference" / "pictures.md"
    _, _, section = page.read_text(encoding="utf-8").partition("\n## kl_per_dim\n")
    section, _, _ = section.partition("\n## ")
    for words in (" ".join(section.split()), KLPerDim.description):
        assert "learned prior" in words and "KL from the aggregate posterior" in words
        assert "add up to another number" in words


class NamedData(TinyData):
    """Three labels with names that are none, or have capitals."""

    label_names = (" ", "Ankle boot", "18", *"3456789")


def test_names_that_are_empty_or_begin_with_a_capital_are_named_in_a_title() -> None:
    shown = LatentMap(steps=7, extent=1.5, **MAP | {"corners": [0, 1, 2]})
    heading = draw(shown, snapshot_of(latent_dim=4, data=NamedData())).heading
    assert heading.title.endswith("through a 0, an Ankle boot and an 18")


class LongData(TinyData):
    """Labels whose names are much longer than a block of traversals is high."""

    label_names = tuple(f"{k} wwwwwwwwwww" for k in range(10))


def test_the_names_of_blocks_do_not_overlap() -> None:
    traversals = Traversals(start=[0, 1, 2, 3], max_rows=4, steps=13, extent=3, **SETTINGS)
    framed = traversals.draw(snapshot_of(latent_dim=3, data=LongData()), torch.Generator())
    marks = [mark for mark in framed.layout().marks if isinstance(mark, UpwardText)]
    names = sorted((mark for mark in marks if mark.text.endswith("..")), key=lambda it: it.y)
    assert len(names) == 4
    for upper, lower in pairwise(names):
        halves = (length(upper.text, size=upper.size) + length(lower.text, size=lower.size)) / 2
        assert lower.y - upper.y > halves
