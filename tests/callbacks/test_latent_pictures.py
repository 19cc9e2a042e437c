"""Pictures of the latent space: the right points are decoded, put in order, and named."""

import math
from typing import Any

import pytest
import torch
from repository import ROOT
from tiny_vae import TinyData, TinyVAE, snapshot_of
from torch import Tensor

from vae_lab.callbacks.drawing.charts import Framed, Scatter
from vae_lab.callbacks.drawing.style import LINE
from vae_lab.callbacks.kl_per_dim import KLPerDim
from vae_lab.callbacks.latent_map import LatentMap, QuantileMap, axis_ticks
from vae_lab.callbacks.latent_scatter import LatentScatter, principal
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.callbacks.traversals import Traversals, traverse
from vae_lab.posterior import Posterior
from vae_lab.priors import GaussianMixture, StandardNormal

SETTINGS: dict[str, Any] = {"num_images": 12, "every_n_epochs": 1, "seed": 3, "scale": 1}


class KnownVAE(TinyVAE):
    """A posterior whose mean is `use[k]` in dimension k, so its KL is use[k]^2 / 2.

    It decodes a point as four pixels: (z + 4) / 8 of the dimensions in `shown`.
    """

    def __init__(self, use: list[float], shown: list[int]) -> None:
        super().__init__(latent_dim=len(use))
        self.use, self.shown = torch.tensor(use), shown
        self.decoded = torch.empty(0)

    def encode(self, x: Tensor) -> Posterior:
        mean = self.use.expand(len(x), -1)
        return Posterior(mean, torch.zeros_like(mean))

    def decode(self, z: Tensor) -> Tensor:
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
    chart = draw(LatentMap(steps=3, extent=1.0, **SETTINGS), snapshot)
    for row, up in enumerate([1.0, 0.0, -1.0]):
        for column, right in enumerate([-1.0, 0.0, 1.0]):
            expected = as_bytes(torch.tensor([[right, up], [right, up]]))
            assert torch.equal(cells(chart, 3)[row, column], expected)
    assert chart.axes == ("z[0]", "z[1]")  # whichever is used more: these axes never change
    assert [name for _, name in chart.across] == ["-1.0", "-0.5", "0.0", "0.5", "1.0"]
    assert [x for x, _ in chart.across] == pytest.approx([1.0, 2.5, 4.0, 5.5, 7.0])
    assert [y for y, _ in chart.upwards] == pytest.approx([7.0, 5.5, 4.0, 2.5, 1.0])


@pytest.mark.parametrize("kind", [LatentMap, QuantileMap])
def test_a_map_of_more_is_over_the_two_most_used(kind: Any) -> None:
    module = KnownVAE([0.1, 2.0, 0.0, -3.0, 1.0], shown=[3, 1, 0, 2])
    more = {"extent": 1.0} if kind is LatentMap else {}
    chart = draw(kind(steps=3, **more, **SETTINGS), snapshot_of(model=module))
    assert chart.axes == ("z[3], KL 4.50 nats", "z[1], KL 2.00 nats")
    end = 1.0 if kind is LatentMap else torch.special.ndtri(torch.tensor(5 / 6)).item()
    assert module.decoded.shape == (9, 5)
    corner = torch.tensor([0.0, end, 0.0, -end, 0.0])
    torch.testing.assert_close(module.decoded[0], corner)
    torch.testing.assert_close(module.decoded[-1], -corner)
    assert (module.decoded[:, [0, 2, 4]] == 0).all()
    assert "3 other dimensions at 0" in chart.heading.subtitle


def test_a_map_of_one_dimension_is_one_row() -> None:
    module = TinyVAE(latent_dim=1)
    chart = draw(LatentMap(steps=5, extent=2.0, **SETTINGS), snapshot_of(model=module))
    assert chart.picture.shape == (1, 2, 5 * (2 + LINE) - LINE)
    assert chart.axes == ("z[0]", "") and chart.upwards == []
    assert draw(QuantileMap(steps=5, **SETTINGS), snapshot_of(model=module)).picture.shape[2] == 14


def test_quantiles_cut_the_normal_distribution_into_equal_parts() -> None:
    axis = QuantileMap(steps=20, **SETTINGS).axes(snapshot_of(latent_dim=1).model)[:, 0]
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
    picture = Traversals(max_rows=3, steps=5, extent=3, start=4, **SETTINGS)
    chart = draw(picture, snapshot_of(model=module))
    assert [name for _, name in chart.upwards] == ["z[1]  2.00", "z[2]  0.50", "z[0]  0.12"]
    assert [name for _, name in chart.across] == ["-3", "-1.5", "0", "1.5", "3"]
    for row, dim in enumerate([1, 2, 0]):
        for column, value in enumerate([-3.0, -1.5, 0.0, 1.5, 3.0]):
            z = torch.tensor([0.5, -2.0, 1.0, 0.0])
            z[dim] = value
            assert torch.equal(cells(chart, 5)[row, column].flatten(), as_bytes(z))
    middles = [y for y, _ in chart.upwards], [x for x, _ in chart.across]
    assert middles == ([1.0, 4.0, 7.0], [1.0, 4.0, 7.0, 10.0, 13.0])
    assert "3 most used of 4 dimensions" in chart.heading.subtitle
    assert "validation image 4" in chart.heading.subtitle


def test_traversals_can_start_from_the_priors_mean() -> None:
    module = KnownVAE([1.0, 2.0], shown=[0, 1, 0, 1])
    picture = Traversals(max_rows=9, steps=2, extent=3, start=None, **SETTINGS)
    chart = draw(picture, snapshot_of(model=module))
    assert module.decoded.tolist() == [[0, -3], [0, 3], [-3, 0], [3, 0]]
    assert "the prior's mean" in chart.heading.subtitle and "all 2" in chart.heading.subtitle


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
    assert chart.names == [str(dim) for dim in order.tolist()]
    used = int((kl > 0.3).sum())
    assert 0 < used < 4, "the threshold tells some from others"
    assert chart.heading.title.startswith(f"{used} of 4 latent dimensions are used: {kl.sum():.2f}")


def test_many_bars_are_named_by_rank() -> None:
    module = KnownVAE([0.0] * 512, shown=[0, 1, 2, 3])
    chart = draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot_of(model=module))
    named = {rank + 1: name for rank, name in enumerate(chart.names) if name}
    assert named == {rank: str(rank) for rank in range(50, 513, 50)}
    assert "0 of 512" in chart.heading.title
    assert chart.layout().pixels(1).shape[0] == 3


def test_values_that_are_no_numbers_come_last_and_stop_no_picture() -> None:
    module = KnownVAE([float("nan"), 1.0, 2.0], shown=[0, 1, 2, 2])
    snapshot = snapshot_of(model=module)
    assert snapshot.encoded(12).dimensions_by_kl() == [2, 1, 0]
    assert draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot).heights == [2.0, 0.5, 0.0]
    assert draw(LatentScatter(**SETTINGS), snapshot).layout().pixels(1).shape[0] == 3


# Scatter.


def test_two_principal_components_and_the_variance_they_show() -> None:
    points = torch.randn(40, 5, generator=torch.Generator().manual_seed(1)).double()
    points *= torch.tensor([1.0, 5.0, 0.5, 3.0, 2.0])
    shown, share = principal(points.float() + 7)
    centred = points - points.mean(dim=0)
    u, s, vh = torch.linalg.svd(centred, full_matrices=False)
    expected = u[:, :2] * s[:2]
    expected *= vh[:2].gather(1, vh[:2].abs().argmax(dim=1, keepdim=True)).sign().T
    torch.testing.assert_close(shown, expected, rtol=1e-4, atol=1e-4)
    assert share == pytest.approx((s[:2].square().sum() / s.square().sum()).item(), rel=1e-5)


def test_points_that_do_not_vary_have_components_too() -> None:
    shown, share = principal(torch.ones(4, 3))
    assert shown.tolist() == [[0, 0]] * 4 and share == 1.0


def test_more_than_two_dimensions_are_shown_by_components_and_say_so() -> None:
    snapshot = snapshot_of(latent_dim=4)
    chart: Scatter = draw(LatentScatter(**SETTINGS), snapshot)
    points, share = principal(snapshot.encoded(12).mean)
    assert f"of 4 dimensions: {100 * share:.0f} % of the variance" in chart.heading.subtitle
    assert torch.equal(chart.points, points)
    assert chart.heading.title == "Posterior means of 12 validation images"


def test_two_dimensions_are_shown_as_they_are() -> None:
    chart: Scatter = draw(LatentScatter(**SETTINGS), snapshot_of(latent_dim=2))
    assert torch.equal(chart.points, TinyData().images.flatten(1)[:, :2])
    assert chart.axes == ("z[0]", "z[1]")
    assert chart.labels is not None and chart.labels.tolist() == [*range(10), 0, 1]


@pytest.mark.parametrize("labelled", [True, False])
def test_one_dimension_has_a_row_for_each_label(labelled: bool) -> None:
    class Data(TinyData):
        def examples(self) -> tuple[Tensor, Tensor | None]:
            return self.images, torch.tensor([3, 5] * 6) if labelled else None

    snapshot = snapshot_of(latent_dim=1, data=Data())
    state = torch.get_rng_state()
    chart: Scatter = draw(LatentScatter(**SETTINGS), snapshot)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(chart.points, draw(LatentScatter(**SETTINGS), snapshot).points), (
        "always the same"
    )
    assert torch.equal(chart.points[:, 0], TinyData().images.flatten(1)[:, 0])
    assert chart.points[:, 1].round().tolist() == ([0, 1] * 6 if labelled else [0] * 12)
    assert chart.rows == ([(0, "3"), (1, "5")] if labelled else [(0, "")])
    assert chart.layout().pixels(1).shape[0] == 3


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
        LatentMap(steps=3, extent=1.5, **SETTINGS),
        QuantileMap(steps=3, **SETTINGS),
        Traversals(max_rows=4, steps=3, extent=3, start=5, **SETTINGS),
        KLPerDim(threshold=0.01, **SETTINGS),
        LatentScatter(**SETTINGS),
    ):
        pixels = draw(picture, snapshot).layout().pixels(1)
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
    chart = draw(LatentMap(steps=3, extent=2.0, **SETTINGS), snapshot)
    centre, spread = torch.tensor([5.0, 0.0]), torch.tensor([1.005, 0.1])
    torch.testing.assert_close(module.decoded[4], centre, rtol=0, atol=0.05)
    torch.testing.assert_close(module.decoded[2], centre + 2 * spread, rtol=0, atol=0.08)
    assert "standard deviations of the prior around its mean" in chart.heading.subtitle
    chart = draw(QuantileMap(steps=4, **SETTINGS), snapshot)
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


def test_without_a_kl_per_dimension_pictures_take_the_aggregate_posterior_and_say_so() -> None:
    snapshot, module = learned_snapshot()
    # Codes that are known, in place of a network.
    module.encode = lambda x: Posterior(  # type: ignore[method-assign]
        torch.stack([x.flatten(1)[:, 0], 5 * x.flatten(1)[:, 1]], dim=1), torch.zeros(len(x), 2)
    )
    encoded = snapshot.encoded(12)
    posterior = Posterior(encoded.mean, encoded.variance.log())
    torch.testing.assert_close(encoded.kl, posterior.kl_to_aggregate())
    assert encoded.dimensions_by_kl() == [1, 0]
    bars = draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot)
    assert bars.axes[1] == "KL from the aggregate posterior in nats"
    assert bars.heights == pytest.approx(posterior.kl_to_aggregate().mean(dim=0)[[1, 0]].tolist())
    rows = draw(Traversals(max_rows=9, steps=3, extent=2, start=None, **SETTINGS), snapshot)
    assert "KL from the aggregate posterior in nats" in rows.heading.title
    plain = draw(KLPerDim(threshold=0.01, **SETTINGS), snapshot_of(latent_dim=2))
    assert plain.axes[1] == "KL in nats"


def test_the_documentation_of_the_bars_has_the_condition_that_their_description_has() -> None:
    page = ROOT / "docs" / "pictures.md"
    _, _, section = page.read_text(encoding="utf-8").partition("\n## kl_per_dim\n")
    section, _, _ = section.partition("\n## ")
    for words in (" ".join(section.split()), KLPerDim.description):
        assert "learned prior" in words and "KL from the aggregate posterior" in words
        assert "add up to another number" in words
