"""The page's part "An image": from a drawing to an image, the bound from draws, its place.

The scripts run in V8, without a browser.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from py_mini_racer import MiniRacer

from vae_lab.explorer.page import scripts

FILES = (
    *("view/elements", "view/image/drawing/preparation", "view/image/drawing/steps"),
    *("view/image/choice", "view/image/statistics", "view/image/bound"),
)


class Page:
    """The scripts, with arrays of numbers as JSON."""

    def __init__(self, engine: MiniRacer) -> None:
        self.engine = engine
        engine.eval(scripts(FILES))

    def value(self, expression: str, **names: Any) -> Any:
        """Returns the value of an expression, in which names have values."""
        given = "".join(f"const {name} = {json.dumps(value)};" for name, value in names.items())
        typed = "(key, value) => (ArrayBuffer.isView(value) ? [...value] : value)"
        found = self.engine.eval(
            f"JSON.stringify((() => {{{given} return {expression};}})(), {typed})"
        )
        return json.loads(str(found))

    def image(self, expression: str, ink: np.ndarray, **names: Any) -> np.ndarray:
        """Returns an image that an expression makes of a raster with grey `ink` (H, W)."""
        height, width = ink.shape
        raster = {"width": width, "height": height, "data": np.repeat(ink, 4).tolist()}
        return np.array(self.value(expression, raster=raster, **names))


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    # An open one keeps the process from ending.
    with MiniRacer() as engine:
        yield Page(engine)


def white(height: int, width: int, top: int, left: int, tall: int, wide: int) -> np.ndarray:
    ink = np.zeros((height, width), dtype=np.uint8)
    ink[top : top + tall, left : left + wide] = 255
    return ink


def centred(page: Page, ink: np.ndarray) -> np.ndarray:
    return page.image("centredImage(raster, [1, 28, 28])", ink).reshape(28, 28)


def test_a_pixel_is_the_mean_of_the_square_that_it_covers(page: Page) -> None:
    ink = np.random.default_rng(0).integers(0, 256, (12, 20), dtype=np.uint8)
    found = page.image("averagedImage(raster, [1, 3, 5])", ink).reshape(3, 5)
    wanted = ink.reshape(3, 4, 5, 4).mean(axis=(1, 3)) / 255
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_colours_are_averaged_channel_by_channel(page: Page) -> None:
    raster = {"width": 2, "height": 1, "data": [255, 0, 51, 255, 0, 102, 51, 255]}
    found = page.value("averagedImage(raster, [3, 1, 1])", raster=raster)
    np.testing.assert_allclose(found, [0.5, 0.2, 0.2], atol=1e-6)


def test_ink_is_scaled_into_a_box_of_20_pixels_and_its_mass_is_in_the_middle(page: Page) -> None:
    # A "7": its mass is not in the middle of its box.
    ink = np.maximum(white(560, 560, 20, 10, 60, 240), white(560, 560, 20, 190, 320, 60))
    image = centred(page, ink)
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 0.01) for axis in (1, 0))
    assert np.ptp(rows) + 1 in (20, 21)
    assert np.ptp(columns) + 1 in (15, 16)
    mass = image / image.sum()
    assert (mass.sum(axis=1) * (np.arange(28) + 0.5)).sum() == pytest.approx(14, abs=0.01)
    assert (mass.sum(axis=0) * (np.arange(28) + 0.5)).sum() == pytest.approx(14, abs=0.01)
    # Its area follows the scale, and no pixel is brighter than white.
    scale = 20 / 320
    assert image.sum() == pytest.approx(ink.sum() / 255 * scale**2, rel=1e-4)
    assert image.max() <= 1 + 1e-6


def test_the_place_and_the_size_of_a_drawing_do_not_matter(page: Page) -> None:
    small = centred(page, white(560, 560, 5, 300, 240, 60))
    large = centred(page, white(560, 560, 40, 100, 480, 120))
    np.testing.assert_allclose(small, large, atol=1e-5)


def test_a_dot_grows_no_more_than_twice(page: Page) -> None:
    image = centred(page, white(560, 560, 100, 100, 40, 40))
    assert image.sum() == pytest.approx(16, rel=1e-4)


def test_a_box_at_the_side_of_its_mass_stays_in_the_image(page: Page) -> None:
    # A heavy block with a thin line: with its mass in the middle it would leave the image.
    ink = np.maximum(white(560, 560, 0, 0, 120, 480), white(560, 560, 0, 0, 560, 4))
    image = centred(page, ink)
    scale = 20 / 560
    assert image.sum() == pytest.approx(ink.sum() / 255 * scale**2, rel=1e-4)


def test_nothing_drawn_is_black(page: Page) -> None:
    assert centred(page, white(560, 560, 0, 0, 0, 0)).max() == 0


def test_binary_data_get_binary_drawings(page: Page) -> None:
    assert page.value("thresholded(Float32Array.of(0, 0.49, 0.5, 1))") == [0, 0, 1, 1]
    ink = white(4, 8, 0, 3, 4, 5)  # the first of two pixels is white by a quarter
    given = {"shape": [1, 1, 2], "isBinary": True}
    assert page.image("preparedImage(raster, set, false)", ink, set=given).tolist() == [0, 1]
    given["isBinary"] = False
    assert page.image("preparedImage(raster, set, false)", ink, set=given).tolist() == [0.25, 1]


@pytest.mark.parametrize(
    ("shape", "background", "is_offered"),
    [
        ([1, 28, 28], 0.0, True),
        ([1, 28, 28], 0.9, False),
        ([3, 28, 28], 0.0, False),
        ([1, 8, 8], 0.0, False),
    ],
)
def test_centring_is_for_images_like_mnist(
    page: Page, shape: list[int], background: float, is_offered: bool
) -> None:
    given = {"shape": shape, "background": background}
    assert page.value("isLikeDigits(set)", set=given) is is_offered


def test_a_number_finds_the_nearest_test_image_of_the_page(page: Page) -> None:
    rows = [0, 5, 10, 14]
    found = [page.value("nearestIndex(rows, row)", rows=rows, row=row) for row in (0, 4, 8, 99)]
    assert found == [0, 1, 2, 3]


def test_undo_takes_the_last_step_back_a_clear_too(page: Page) -> None:
    page.engine.eval("""
        globalThis.steps = new Steps();
        for (const name of ["a", "b"]) steps.add({ kind: "stroke", name });
        steps.add({ kind: "clear" });
        steps.add({ kind: "image", name: "c" });
        steps.add({ kind: "stroke", name: "d" });
    """)
    visible = "steps.visible().map(({ name }) => name)"
    found = [page.value(visible)]
    while page.value("steps.undo()"):
        found.append(page.value(visible))
    assert found == [["c", "d"], ["c"], [], ["a", "b"], ["a"], []]
    assert page.value("steps.isEmpty") is True


def test_mean_and_standard_error_of_draws(page: Page) -> None:
    # Large values with little noise: a sum of squares would lose it.
    numbers = (1e6 + np.random.default_rng(1).normal(size=50)).tolist()
    mean = "const m = new RunningMean(); numbers.forEach((x) => m.add(x)); return [m.mean, m.error]"
    found = page.value(f"(() => {{{mean}}})()", numbers=numbers)
    error = np.std(numbers, ddof=1) / np.sqrt(50)
    assert found == [pytest.approx(np.mean(numbers), rel=1e-12), pytest.approx(error, rel=1e-6)]
    assert page.value("new RunningMean().error") is None


def estimate(page: Page, draws: list[dict[str, float]], group_size: int) -> Any:
    script = """(() => {
        const estimate = new BoundEstimate(size);
        for (const draw of draws) estimate.add(draw);
        const { recon, kl, elbo } = estimate.values;
        const means = { recon: recon.mean, kl: kl.mean, elbo: elbo.mean };
        return { count: estimate.count, draws: estimate.draws, ...means };
    })()"""
    return page.value(script, draws=draws, size=group_size)


def draws_of(recon: np.ndarray, kl: np.ndarray) -> list[dict[str, float]]:
    return [{"recon": r, "kl": k, "elbo": -r - k} for r, k in zip(recon, kl, strict=True)]


def test_the_bound_is_the_mean_over_draws(page: Page) -> None:
    recon, kl = np.array([90.0, 95.0, 91.0]), np.full(3, 7.0)
    found = estimate(page, draws_of(recon, kl), 1)
    assert found == {"count": 3, "draws": 3, "recon": 92, "kl": 7, "elbo": -99}


def test_the_importance_weighted_bound_combines_groups_of_draws(page: Page) -> None:
    random = np.random.default_rng(2)
    recon, kl = 900 + random.normal(size=11), 7 + random.normal(size=11)
    found = estimate(page, draws_of(recon, kl), 5)
    log_weights = (-recon - kl)[:10].reshape(2, 5)
    bounds = np.logaddexp.reduce(log_weights, axis=1) - np.log(5)
    weights = np.exp(log_weights - np.logaddexp.reduce(log_weights, axis=1, keepdims=True))
    expected = (weights * recon[:10].reshape(2, 5)).sum(axis=1).mean()
    # The eleventh draw waits for four more.
    assert (found["count"], found["draws"]) == (2, 11)
    assert found["elbo"] == pytest.approx(bounds.mean())
    assert found["recon"] == pytest.approx(expected)
    assert found["recon"] + found["kl"] == pytest.approx(-found["elbo"])


def test_the_place_of_a_bound_among_those_of_the_test_set(page: Page) -> None:
    elbos = [-130.0, -120.0, -110.0, -110.0, -90.0]
    shares = {-131: 1, -130: 0.8, -115: 0.6, -110: 0.2, -100: 0.2, -90: 0, -1: 0}
    for elbo, share in shares.items():
        assert page.value("shareAbove(elbos, elbo)", elbos=elbos, elbo=elbo) == share


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.934, "worse than 93 % of the test images"),
        (0.2, "better than 80 % of the test images"),
        (0.9996, "worse than 99 % of the test images"),
        (1, "worse than all test images"),
        (0, "better than all test images"),
    ],
)
def test_the_place_in_words(page: Page, share: float, words: str) -> None:
    assert page.value("placeInWords(share)", share=share) == words


def test_the_terms_that_people_read_add_up(page: Page) -> None:
    # Rounded one by one: 92.31 + 7.12 = 99.44.
    found = page.value("sumInWords({ recon: 92.3149, kl: 7.1249 })")
    assert found == {"recon": "92.32", "kl": "7.12", "sum": "99.44", "bound": "\u221299.44"}
    # A density can be larger than 1: its bound is positive.
    found = page.value("sumInWords({ recon: -3000, kl: 20 })")
    assert (found["sum"], found["bound"]) == ("\u22122980.00", "2980.00")


def test_the_axis_contains_0_and_nearly_all_images(page: Page) -> None:
    elbos = np.linspace(-200, -50, 1001).tolist()
    low, high = page.value("boundAxis([elbos])", elbos=elbos)
    assert low == 0
    assert 200 < high < 220
    low, high = page.value("boundAxis([elbos])", elbos=[-value for value in reversed(elbos)])
    assert high == 0
    assert -220 < low < -200


def test_the_histogram_counts_recon_plus_kl(page: Page) -> None:
    elbos = [-95.0, -35.0, -31.0, -12.0, -11.0, -10.5, -10.0]
    found = page.value("boundHistogram(elbos, [0, 40], 4)", elbos=elbos)
    assert found == [0, 1, 0, 0.5]


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [([0, 330], [0, 100, 200, 300]), ([-3200, 0], [-3000, -2000, -1000, 0]), ([0, 1], None)],
)
def test_ticks_are_round_numbers(page: Page, axis: list[float], ticks: list[float] | None) -> None:
    found = page.value("ticksOf(axis)", axis=axis)
    np.testing.assert_allclose(found, ticks or [0, 0.2, 0.4, 0.6, 0.8, 1], atol=1e-12)
