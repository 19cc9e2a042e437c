"""Images of shapes: each factor moves what it should, and every machine draws the same bits."""

import hashlib
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vae_lab.data.shapes.angles import cos_sin
from vae_lab.data.shapes.outlines import OUTLINES
from vae_lab.data.shapes.renderer import FACTORS, Renderer

SHAPES = ("square", "ellipse", "heart", "triangle")

COUNTS = {"size": 5, "rotation": 13, "x": 9, "y": 9, "brightness": 4, "hue": 6}


def made(image_size: int = 64, shapes: tuple[str, ...] = SHAPES, **values: int) -> Renderer:
    """Returns a renderer; what is not in `values` is no factor."""
    return Renderer(
        image_size=image_size, shapes=shapes, values=dict.fromkeys(FACTORS[1:], 1) | values
    )


def random_factors(renderer: Renderer, num_images: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.integers(0, count, num_images) for count in renderer.counts], axis=1)


def numbers(renderer: Renderer, name: str, factors: np.ndarray) -> np.ndarray:
    """Returns the values of a factor, in pixels, of factors (N, F)."""
    values = np.array([float(value) for value in renderer.exact_values[name]])
    return values[factors[:, renderer.names.index(name)]] * renderer.image_size


@pytest.mark.parametrize("image_size", [32, 64])
def test_area_and_centre_of_mass_are_those_of_the_factors(image_size: int) -> None:
    renderer = made(image_size, size=5, rotation=97, x=9, y=9)
    factors = random_factors(renderer, 1000)
    images = renderer.draw(factors)[:, 0] / 255
    area = images.sum((1, 2))
    expected = numbers(renderer, "size", factors) ** 2
    # Eight lines per pixel miss a little of corners and of edges that lie along them.
    assert np.abs(area / expected - 1).max() < (0.025 if image_size == 32 else 0.012)
    places = np.arange(image_size) + 0.5
    for axis, name in ((1, "x"), (2, "y")):
        centre = (images.sum(axis) * places).sum(1) / area
        assert np.abs(centre - numbers(renderer, name, factors)).max() < 0.06


@pytest.mark.parametrize("shape", SHAPES)
def test_edges_are_smooth_as_those_of_many_points_per_pixel(shape: str) -> None:
    renderer = made(64, shapes=(shape,), rotation=7)
    image = renderer.draw(np.array([[3]]))[0, 0] / 255
    cos, sin = cos_sin(renderer.exact_values["rotation"][3])
    # 32 x 32 points per pixel, each inside or outside, in coordinates of the shape.
    side = float(renderer.exact_values["size"][0]) * 64
    points = ((np.arange(64 * 32) + 0.5) / 32 - 32) / side
    x, y = np.meshgrid(points, points)
    inside = INSIDE[shape](cos * x + sin * y, cos * y - sin * x)
    expected = inside.reshape(64, 32, 64, 32).mean((1, 3))
    assert np.abs(image - expected).max() < 0.08
    assert 0.1 < ((image > 0.05) & (image < 0.95)).sum() / (image > 0).sum() < 0.6


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    side = (1 + np.pi / 4) ** -0.5
    y = y - np.sqrt(2) * (np.pi * side**2 / 8) * (side / 2 + 2 * side / (3 * np.pi))
    u, v = (x + y) / np.sqrt(2), (x - y) / np.sqrt(2)
    square = np.maximum(np.abs(u), np.abs(v)) <= side / 2
    discs = [(u + side / 2) ** 2 + v**2, u**2 + (v - side / 2) ** 2]
    return square | (np.minimum(*discs) <= side**2 / 4)


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inner = (3 * np.sqrt(3)) ** -0.5
    return (y <= inner) & (np.abs(x) * np.sqrt(3) / 2 - y / 2 <= inner)


INSIDE: dict[str, Any] = {
    "square": lambda x, y: np.maximum(np.abs(x), np.abs(y)) <= 0.5,
    "ellipse": lambda x, y: (x / 2) ** 2 + y**2 <= 1 / (2 * np.pi),
    "heart": _heart,
    "triangle": _triangle,
}


def test_brightness_and_hue_change_nothing_but_levels() -> None:
    renderer = made(32, brightness=4, hue=6)
    assert renderer.image_shape == (3, 32, 32)
    codes = np.array([[0, light, hue] for light in range(4) for hue in range(6)])
    images = renderer.draw(codes).reshape(4, 6, 3, 32, 32)
    grey = made(32, shapes=("square",), x=2).draw(np.array([[0]]))  # an image of one channel
    assert grey.shape == (1, 1, 32, 32)
    middle = images[:, :, :, 16, 16]
    # Red, yellow, green, cyan, blue, magenta.
    primaries = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]])
    assert middle.tolist() == [(primaries * level).tolist() for level in (102, 153, 204, 255)]
    shape = images[3, 0, 0] / 255
    expected = np.rint(shape * 102)
    assert np.abs(images[0, 4, 2] - expected).max() <= 1
    assert not images[0, 4, :2].any()


@pytest.mark.parametrize("image_size", [32, 64])
def test_all_values_of_each_factor_are_different_images(image_size: int) -> None:
    renderer = made(image_size, size=6, rotation=8, x=16, y=16, brightness=8, hue=12)
    for column, count in enumerate(renderer.counts):
        for shape in range(len(SHAPES)):
            factors = np.tile([shape, 2, 1, 7, 7, 3, 1], (count, 1))
            factors[:, column] = np.arange(count)
            images = renderer.draw(factors)
            assert len({image.tobytes() for image in images}) == count


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_is_the_same_after_its_symmetry_and_not_before(shape: str) -> None:
    symmetry = OUTLINES[shape].symmetry
    alone = made(32, shapes=(shape,), rotation=36)
    assert alone.exact_values["rotation"][-1] == Fraction(symmetry * 35, 36)
    renderer = made(32, shapes=(shape,), rotation=2)
    first, half = renderer.draw(np.array([[0], [1]]))
    renderer.exact_values["rotation"][1] = Fraction(symmetry)
    _, again = renderer.draw(np.array([[0], [1]]))
    assert np.abs(again.astype(int) - first).max() <= 2
    assert np.abs(half.astype(int) - first).max() > 100


def test_with_a_square_rotation_ends_before_90_degrees() -> None:
    assert made(shapes=("heart", "square"), rotation=3).value_names[1] == ("0", "30", "60")
    assert made(shapes=("heart",), rotation=3).value_names == (("0", "120", "240"),)


def test_no_shape_leaves_the_image() -> None:
    renderer = made(32, size=2, rotation=36, x=2, y=2)
    corners = np.indices((len(SHAPES), 2, 36, 2, 2)).reshape(5, -1).T
    images = renderer.draw(corners)
    assert not images[..., [0, -1], :].any() or images[..., [0, -1], :].max() < 255
    area = images.sum((1, 2, 3)) / 255
    assert np.abs(area / numbers(renderer, "size", corners) ** 2 - 1).max() < 0.025


@pytest.mark.parametrize(
    ("settings", "checksum"),
    [
        ({"image_size": 32, "size": 5, "rotation": 13, "x": 9, "y": 9}, "ee4d4e19154c0546"),
        ({"image_size": 64, **COUNTS}, "7e267b1a3c56b540"),
    ],
)
def test_the_pixels_are_the_same_bits_on_every_machine(
    settings: dict[str, int], checksum: str
) -> None:
    # The settings are of several kinds.
    renderer = made(**settings)  # type: ignore[arg-type]
    images = renderer.draw(random_factors_by_hand(renderer, 500))
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == checksum


def random_factors_by_hand(renderer: Renderer, num_images: int) -> np.ndarray:
    """Returns factors that depend on no random generator."""
    rows = np.arange(num_images)[:, None] * np.array([1, 3, 5, 7, 11, 13, 17])
    return rows[:, : len(renderer.counts)] % np.array(renderer.counts)


def test_an_image_depends_on_its_own_factors_only() -> None:
    renderer = made(32, SHAPES, **COUNTS)
    factors = random_factors(renderer, 300)
    together = renderer.draw(factors)
    order = np.random.default_rng(1).permutation(300)
    assert np.array_equal(renderer.draw(factors[order]), together[order])
    assert np.array_equal(renderer.draw(factors[7:8]), together[7:8])


@pytest.mark.parametrize("degrees", [0, 30, 45, 60, 90, 135, 180, 270, 300, Fraction(1, 3)])
def test_cosine_and_sine_are_right_to_the_last_bits(degrees: Any) -> None:
    cos, sin = cos_sin(Fraction(degrees))
    angle = np.deg2rad(float(degrees))
    assert (cos, sin) == pytest.approx((np.cos(angle), np.sin(angle)), abs=3e-16)
    if degrees in (0, 90, 180, 270):
        assert {abs(cos), abs(sin)} == {0.0, 1.0}


def test_impossible_factors_are_refused() -> None:
    renderer = made(32, x=4)
    with pytest.raises(ValueError, match=r"shape \(2, 1\): \(N, 2\) is needed"):
        renderer.draw(np.zeros((2, 1), int))
    for wrong in ([[0, 4]], [[-1, 0]], [[4, 0]]):
        with pytest.raises(ValueError, match=r"number of values, \(4, 4\)"):
            renderer.draw(np.array(wrong))
