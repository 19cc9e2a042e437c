"""Panels of densities: the modes, the ellipses and the numbers lie where the axes say."""

from typing import Any

import numpy as np
import pytest
import torch
from painted import pixels_of
from torch import Tensor

from vae_lab.callbacks.drawing.charts.densities import (
    SIDE,
    Densities,
    Moments,
    Panel,
    shaded,
    small,
)
from vae_lab.callbacks.drawing.charts.plot import Heading, Plot
from vae_lab.callbacks.drawing.charts.scatter import Window
from vae_lab.callbacks.drawing.curves import Curve
from vae_lab.callbacks.drawing.marks import Dot, Raster, Text, UpwardText
from vae_lab.callbacks.drawing.style import PALETTE

WINDOW = Window((1.0, -2.0), 0.5)
COVARIANCE = torch.tensor([[0.04, 0.018], [0.018, 0.01]]).double()


def normal(x: float, y: float, covariance: Tensor = COVARIANCE) -> Moments:
    return Moments(torch.tensor([x, y]).double(), covariance)


def panel(*, mode: tuple[float, float] = (1.2, -1.9), steps: int = 40, **others: Any) -> Panel:
    """Returns a panel whose density is a Gaussian around the mode."""
    middles = (torch.arange(steps).double() + 0.5) / steps - 0.5
    up, right = torch.meshgrid(middles - 2.0, middles + 1.0, indexing="ij")
    square = (right - mode[0]).square() + (up - mode[1]).square()
    shown: dict[str, Any] = {
        "image": torch.full((1, 28, 28), 7, dtype=torch.uint8),
        "name": "7",
        "window": WINDOW,
        "log_density": -square / (2 * 0.05**2),
        "gaussians": (normal(1.0, -2.0), normal(1.1, -1.8)),
        "values": ("0.25", "1.50"),
    }
    return Panel(**shown | others)


def layout(*panels: Panel) -> Plot:
    heading = Heading("Posteriors", "ellipses")
    return Densities(heading, panels, ("first", "second"), "shades").layout()


def rasters(plot: Plot) -> list[Raster]:
    return [mark for mark in plot.marks if isinstance(mark, Raster)]


def heat_maps(plot: Plot) -> list[Raster]:
    return [mark for mark in rasters(plot) if mark.picture.shape == (3, SIDE, SIDE)]


def place(area: Raster, x: float, y: float) -> tuple[float, float]:
    """Returns where a point of the plane must lie in the panel of WINDOW, in units."""
    (left, right), (low, high) = WINDOW.edges()
    across, up = (x - left) / (right - left), (y - low) / (high - low)
    return area.left + SIDE * across, area.top + SIDE * (1 - up)


@pytest.mark.parametrize("mode", [(1.2, -1.9), (0.7, -2.3)])
@pytest.mark.parametrize("steps", [24, 40])
def test_a_panel_is_darkest_at_the_mode(mode: tuple[float, float], steps: int) -> None:
    (area,) = heat_maps(layout(panel(mode=mode, steps=steps)))
    row, column = np.unravel_index(int(area.picture[0].argmin()), (SIDE, SIDE))
    x, y = place(area, *mode)
    assert (area.left + column + 0.5, area.top + row + 0.5) == pytest.approx((x, y), abs=1.5)
    assert area.picture[:, row, column].tolist() == pytest.approx([0x26] * 3, abs=2)


def test_between_the_points_the_shade_is_that_of_the_density() -> None:
    (area,) = heat_maps(layout(panel(mode=(1.2, -1.9), steps=24)))
    units = (torch.arange(SIDE).double() + 0.5) / SIDE - 0.5
    up, right = torch.meshgrid(-units - 2.0, units + 1.0, indexing="ij")
    square = (right - 1.2).square() + (up + 1.9).square()
    expected = 255 - (255 - 0x26) * (-square / (2 * 0.05**2)).exp()
    assert (area.picture[1].double() - expected).abs().max() < 4


def test_ellipses_are_one_and_two_standard_deviations_around_the_means() -> None:
    plot = layout(panel())
    (area,) = heat_maps(plot)
    inverse = torch.linalg.inv(COVARIANCE)
    for group, mean in ((0, (1.0, -2.0)), (6, (1.1, -1.8))):
        curves = [m for m in plot.marks if isinstance(m, Curve) and m.colour == PALETTE[group]]
        for curve, distance in zip(curves[:2], (1.0, 2.0), strict=True):
            points = torch.tensor(curve.points).double()
            corner = torch.tensor(place(area, 0.0, 0.0)).double()
            # Back from units to the plane: 120 units are 1.
            back = (points - corner) / SIDE * torch.tensor([1.0, -1.0])
            away = back - torch.tensor(mean).double()
            lengths = torch.einsum("pi,ij,pj->p", away, inverse, away).sqrt()
            torch.testing.assert_close(
                lengths, torch.full_like(lengths, distance), atol=1e-5, rtol=0
            )
        dots = [m for m in plot.marks if isinstance(m, Dot) and m.colour == PALETTE[group]]
        inside = [dot for dot in dots if area.top < dot.y < area.top + SIDE]
        assert [(dot.x, dot.y) for dot in inside] == [pytest.approx(place(area, *mean))]


def test_the_second_gaussian_is_told_apart_without_colours() -> None:
    plot = layout(panel())
    curves = [mark for mark in plot.marks if isinstance(mark, Curve)]
    dashes = {curve.colour: curve.dash > 0 for curve in curves}
    assert dashes[PALETTE[0]] is False and dashes[PALETTE[6]] is True
    shapes = {mark.colour: mark.shape for mark in plot.marks if isinstance(mark, Dot)}
    assert shapes[PALETTE[0]] != shapes[PALETTE[6]]


@pytest.mark.parametrize("reach", [0.004, 0.013, 0.07, 0.33, 0.5, 1.4, 3.0, 9.0, 700.0])
def test_each_axis_has_two_numbers_or_more_at_their_places(reach: float) -> None:
    window = Window((1.0, -2.0), reach)
    plot = layout(panel(window=window))
    (area,) = heat_maps(plot)
    x_numbers = [
        (mark.x, float(mark.text))
        for mark in plot.marks
        if isinstance(mark, Text) and mark.anchor == "mt" and mark.y > area.top + SIDE
    ]
    upwards = [mark for mark in plot.marks if isinstance(mark, UpwardText) and mark.text]
    y_numbers = [(mark.y, float(mark.text)) for mark in upwards]
    assert len(x_numbers) >= 2 and len(y_numbers) >= 2
    for x, value in x_numbers:
        expected = area.left + SIDE * (value - 1.0 + reach) / (2 * reach)
        assert x == pytest.approx(expected, abs=0.01)
    for y, value in y_numbers:
        expected = area.top + SIDE * (reach - 2.0 - value) / (2 * reach)
        assert y == pytest.approx(expected, abs=0.01)


def test_panels_stand_in_rows_of_four_with_image_name_and_values() -> None:
    plot = layout(*[panel(name=str(k), values=(f"{k}.25", f"{k}.50")) for k in range(6)])
    corners = [(area.left, area.top) for area in heat_maps(plot)]
    assert len(set(corners)) == 6
    assert len({top for _, top in corners}) == 2
    assert [left for left, _ in corners[4:]] == [left for left, _ in corners[:2]]
    texts = [mark.text for mark in plot.marks if isinstance(mark, Text)]
    for k in range(6):
        assert {str(k), f"{k}.25", f"{k}.50"} <= set(texts)
    images = [mark for mark in rasters(plot) if mark.picture.shape == (3, 28, 28)]
    assert len(images) == 6 and all(mark.zoom == 2 for mark in images)


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 64, 48), (1, 200, 300)])
def test_everything_stays_on_the_paper(count: int, shape: tuple[int, int, int]) -> None:
    image = torch.zeros(shape, dtype=torch.uint8)
    plot = layout(*[panel(image=image, name="a very long name of a label")] * count)
    plot.caption("a run \u00b7 epoch 3")
    for mark in rasters(plot):
        _, height, width = mark.picture.shape
        assert mark.left >= 0 and mark.left + mark.zoom * width <= plot.width
        assert mark.top >= 0 and mark.top + mark.zoom * height <= plot.height
    pixels = pixels_of(plot, 1)
    assert pixels.shape == (3, plot.height, plot.width)
    margin = torch.cat([pixels[:, :, :3], pixels[:, :, -3:]], dim=2)
    assert (margin == 255).all(), "nothing is cut off at the sides"


def test_a_large_image_is_reduced_by_a_whole_factor() -> None:
    image = torch.arange(6 * 6).view(1, 6, 6).byte()
    assert small(image, 3).tolist() == [[[4, 6, 8], [16, 18, 20], [28, 30, 32]]]
    assert torch.equal(small(image, 6), image)


def test_shades_lead_from_white_to_the_ink() -> None:
    shades = shaded(torch.linspace(0, 1, 5)[None])
    assert shades[:, 0, 0].tolist() == [255] * 3 and shades[:, 0, -1].tolist() == [0x26] * 3
    assert (shades[0, 0, 1:].int() < shades[0, 0, :-1].int()).all()
