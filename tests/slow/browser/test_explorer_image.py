"""An image in the explorer: a test image or a drawing, its reconstruction and its bound."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from explorer_pages import PIXELS, ExplorerPage

pytestmark = pytest.mark.browser

Visit = Callable[..., ExplorerPage]

# A 4 that closes into a 9, in shares of the pad: x, y.
FOUR = [
    [(0.35, 0.2), (0.33, 0.45), (0.65, 0.45)],
    [(0.65, 0.2), (0.65, 0.8)],
    [(0.35, 0.2), (0.65, 0.2)],
]


def draw(page: Any, stroke: list[tuple[float, float]]) -> None:
    """Draws a line on the pad with the mouse."""
    box = page.locator("#image .pad").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def bounds(page: Any) -> list[float]:
    """Returns the bounds that the page shows, in nats, one per run."""
    texts = page.locator("#image .bound-value").all_inner_texts()
    numbers = [re.match(r"bound (\S+)", text) for text in texts]
    return [float(number[1].replace("\N{MINUS SIGN}", "-")) for number in numbers if number]


def pictures(page: Any, name: str) -> list[list[int]]:
    """Returns the pixels of the pictures of one kind, one per run."""
    canvases = page.locator(f"#image canvas.{name}")
    return [canvas.evaluate(PIXELS)["data"] for canvas in canvases.all()]


@pytest.mark.parametrize("screen", ["light", "phone"])
def test_the_bound_and_the_reconstruction_follow_the_stroke(visit: Visit, screen: str) -> None:
    explorer = visit("pair", screen)
    page = explorer.page
    page.locator("#image .pad").scroll_into_view_if_needed()
    shown: list[list[list[int]]] = []
    of_stroke: list[list[float]] = []
    for stroke in FOUR:
        draw(page, stroke)
        explorer.wait()
        shown.append(pictures(page, "reconstruction"))
        of_stroke.append(bounds(page))
    for earlier, later in pairwise(shown):
        assert all(a != b for a, b in zip(earlier, later, strict=True))
    # Two runs, and a number of nats that 784 pixels can have.
    assert all(len(of_both) == 2 for of_both in of_stroke)
    assert all(-2000 < value < -10 for of_both in of_stroke for value in of_both)
    assert len({tuple(of_both) for of_both in of_stroke}) == 3
    state = page.evaluate("async () => (await opened).store.state.image.kind")
    assert state == "drawn"


def test_an_empty_pad_and_a_full_one_have_finite_bounds(visit: Visit) -> None:
    explorer = visit("plain")
    page = explorer.page
    values = []
    for level in (0, 1):
        page.evaluate(
            """async (level) => {
                const lab = await opened;
                showImage(lab, { kind: 'drawn', pixels: new Float32Array(784).fill(level) });
            }""",
            level,
        )
        explorer.wait()
        values += bounds(page)
    assert len(values) == 2 and all(-20_000 < value < 0 for value in values)
    assert values[0] > values[1]


def test_a_chosen_image_is_shown_by_both_runs(visit: Visit) -> None:
    explorer = visit("pair")
    page = explorer.page
    before = pictures(page, "reconstruction"), explorer.points()
    page.locator('#image .thumbnail[data-index="7"]').click()
    explorer.wait()
    (plain, convolutional), points = pictures(page, "reconstruction"), explorer.points()
    assert plain != before[0][0] and convolutional != before[0][1]
    first, second = pictures(page, "image")
    assert first == second
    # Each run's cursor is at its own posterior mean.
    means = page.evaluate("async () => (await opened).runs.map((run) => [...run.means[7]])")
    assert [len(point) for point in points] == [2, 10]
    for point, mean, old in zip(points, means, before[1], strict=True):
        # Computed in the page, whose weights have fewer bits.
        assert point == pytest.approx(mean, abs=1e-2) and point != pytest.approx(old, abs=1e-2)


def test_colour_without_labels_offers_no_label_and_draws_in_colour(visit: Visit) -> None:
    explorer = visit("colour")
    page = explorer.page
    assert page.locator("#image select[id^=label]").count() == 0
    image = page.locator("#image canvas.image").evaluate(PIXELS)
    assert (image["width"], image["height"]) == (20, 20)
    red, green, blue, _ = (image["data"][channel::4] for channel in range(4))
    assert red != green != blue
    page.locator("#image .pad").scroll_into_view_if_needed()
    draw(page, FOUR[0])
    explorer.wait()
    (value,) = bounds(page)
    assert -200_000 < value < 0
