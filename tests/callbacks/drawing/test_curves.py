"""Closed curves: where they lie, in pixels and in SVG, and how long their dashes are."""

import math
from xml.etree.ElementTree import fromstring

import pytest
import torch
from painted import pixels_of

from vae_lab.callbacks.drawing.canvas import Canvas
from vae_lab.callbacks.drawing.curves import Curve, ellipse

SQUARE = [(10.0, 10.0), (50.0, 10.0), (50.0, 50.0), (10.0, 50.0)]


def painted(curve: Curve, *, scale: int = 2) -> torch.Tensor:
    """Returns how much of each pixel the curve covers, (H, W), on a canvas of 60 x 60 units."""
    canvas = Canvas(width=60, height=60, coloured=False)
    canvas.curve(curve.points, "#000000", width=curve.width, dash=curve.dash)
    return 1 - pixels_of(canvas, scale)[0] / 255


def test_an_ellipse_has_the_axes_of_its_matrix() -> None:
    points = ellipse((3.0, -2.0), ((4.0, 0.0), (1.0, 2.0)), points=360)
    assert points[0] == pytest.approx((7.0, -1.0))
    assert points[90] == pytest.approx((3.0, 0.0))
    # Of z = M u with |u| = 1, the inverse matrix leads back to the circle.
    back = torch.linalg.solve(
        torch.tensor([[4.0, 0.0], [1.0, 2.0]]).double(),
        torch.tensor(points).double().T - torch.tensor([[3.0], [-2.0]]).double(),
    )
    torch.testing.assert_close(back.norm(dim=0), torch.ones(360).double())


def test_a_curve_covers_its_length_times_its_width_and_is_closed() -> None:
    covered = painted(Curve(SQUARE, "#000000", 2.0))
    assert covered.sum().item() / 4 == pytest.approx(160 * 2, rel=0.03)
    for y in (10, 30, 50):  # the side back to the first point is there too
        assert covered[2 * y, 19:21].mean() > 0.9
    assert covered[40:80, 40:80].sum() == 0


def test_half_of_a_dashed_curve_is_painted_in_dashes_of_the_given_length() -> None:
    covered = painted(Curve(SQUARE, "#000000", 2.0, dash=8.0))
    assert covered.sum().item() / 4 == pytest.approx(80 * 2, rel=0.06)
    middle = covered[20, 20:100] > 0.5  # the upper side: from 10 to 50 units, 2 pixels each
    changes = (middle[1:] != middle[:-1]).nonzero()[:, 0] + 1
    assert changes.tolist() == pytest.approx([16, 32, 48, 64], abs=1)
    assert middle[0] and not middle[24]


def test_a_thin_curve_has_smooth_edges() -> None:
    around = ellipse((30.0, 30.0), ((20.0, 0.0), (0.0, 12.0)))
    covered = painted(Curve(around, "#000000", 2.0), scale=1)
    between = ((covered > 0.1) & (covered < 0.9)).sum().item()
    assert between > 60, "Pillow's own line has pixels of two kinds only"


def test_the_svg_has_the_same_points_and_dashes() -> None:
    canvas = Canvas(width=60, height=60, coloured=True)
    canvas.curve(SQUARE, "#3f90da", width=2.2, dash=5)
    (polygon,) = fromstring(canvas.svg()).findall("{http://www.w3.org/2000/svg}polygon")
    pairs = [pair.split(",") for pair in polygon.attrib["points"].split()]
    assert [(float(x), float(y)) for x, y in pairs] == SQUARE
    assert polygon.get("stroke-dasharray") == "5" and polygon.get("stroke-width") == "2.2"
    assert polygon.get("fill") == "none"


def test_a_picture_with_curves_is_worth_an_svg() -> None:
    canvas = Canvas(width=60, height=60, coloured=False)
    canvas.picture(0, 0, torch.zeros(1, 4, 4, dtype=torch.uint8))
    assert not canvas.is_vector
    canvas.curve(ellipse((20, 20), ((math.e, 0), (0, 1))), "#000000", width=1)
    assert canvas.is_vector
