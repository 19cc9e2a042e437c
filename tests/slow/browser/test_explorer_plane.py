"""The plane of the explorer: what the decoder draws follows mouse, finger, keys and sliders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from explorer_pages import PIXELS, ExplorerPage

import vae_lab

pytestmark = pytest.mark.browser

Visit = Callable[..., ExplorerPage]
Runs = dict[str, Path]

# Grey levels of 256: one for rounding, half of one for the weights, which have fewer bits.
TOLERANCE = 1.5

# Counts the frames from the next move of the pointer to the next change of a canvas.
COUNT_FRAMES = """(canvas) => {
    window.framesToChange = new Promise((done) => {
        addEventListener('pointermove', () => {
            const before = canvas.toDataURL();
            const look = (frames) => {
                if (canvas.toDataURL() !== before || frames === 20) done(frames);
                else requestAnimationFrame(() => look(frames + 1));
            };
            look(0);
        }, { once: true, capture: true });
    });
}"""


def place(page: Any, across: float, down: float, run: int = 0) -> tuple[float, float]:
    """Returns a place on the screen, from shares of the plane of a run."""
    box = page.locator(f'canvas.plane[data-run="{run}"]').bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def drag(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=5)
    page.mouse.up()


def check_images(explorer: ExplorerPage, *folders: Path) -> None:
    """Compares the image at each cursor with what Python decodes there."""
    explorer.wait()
    canvases = explorer.page.locator("#plane canvas.cursor-image").all()
    for folder, canvas, point in zip(folders, canvases, explorer.points(), strict=True):
        trained = vae_lab.load(folder)
        expected = 255 * trained.decode(torch.tensor([point]))[0].clamp(0, 1)
        shown = canvas.evaluate(PIXELS)
        _, height, width = trained.image_shape
        assert (shown["height"], shown["width"]) == (height, width)
        pixels = torch.tensor(shown["data"]).view(height, width, 4).permute(2, 0, 1)[:3]
        assert (pixels - expected.expand(3, -1, -1)).abs().max() <= TOLERANCE


def test_a_drag_moves_the_image_to_what_python_decodes(visit: Visit, explorer_runs: Runs) -> None:
    explorer = visit("plain")
    page = explorer.page
    (before,) = explorer.points()
    drag(page, (0.5, 0.5), (0.3, 0.35))
    explorer.wait()
    (after,) = explorer.points()
    assert after[0] < before[0] and after[1] > before[1]
    check_images(explorer, explorer_runs["plain"])


@pytest.mark.parametrize("name", ["plain", "convolutional"])
def test_the_image_changes_within_two_frames_of_the_pointer(visit: Visit, name: str) -> None:
    page = visit(name).page
    page.mouse.move(*place(page, 0.5, 0.5))
    page.mouse.down()
    page.locator("#plane canvas.cursor-image").evaluate(COUNT_FRAMES)
    page.mouse.move(*place(page, 0.2, 0.3))
    assert page.evaluate("framesToChange") <= 2
    page.mouse.up()


def test_one_drag_moves_both_runs(visit: Visit, explorer_runs: Runs) -> None:
    explorer = visit("pair")
    before = explorer.points()
    drag(explorer.page, (0.5, 0.5), (0.6, 0.3))
    explorer.wait()
    after = explorer.points()
    assert all(old != new for old, new in zip(before, after, strict=True))
    check_images(explorer, explorer_runs["plain"], explorer_runs["convolutional"])


def test_arrow_keys_move_and_home_goes_to_the_prior_mean(visit: Visit, explorer_runs: Runs) -> None:
    explorer = visit("plain")
    page = explorer.page
    page.locator("canvas.plane").focus()
    for key, axis, sign in (
        *(("ArrowRight", 0, 1), ("ArrowLeft", 0, -1), ("ArrowUp", 1, 1), ("ArrowDown", 1, -1)),
        *(("Shift+ArrowRight", 0, 1), ("Shift+ArrowUp", 1, 1)),
    ):
        (before,) = explorer.points()
        page.keyboard.press(key)
        (after,) = explorer.points()
        assert sign * (after[axis] - before[axis]) > 0
        assert after[1 - axis] == pytest.approx(before[1 - axis], abs=1e-6)
    check_images(explorer, explorer_runs["plain"])
    page.keyboard.press("Home")
    assert explorer.points() == [[0.0, 0.0]]
    check_images(explorer, explorer_runs["plain"])


def test_a_slider_moves_its_own_dimension(visit: Visit, explorer_runs: Runs) -> None:
    explorer = visit("convolutional")
    (before,) = explorer.points()
    slider = explorer.page.locator("#plane input[type=range]").nth(3)
    dimension = int(slider.get_attribute("data-dimension") or "")
    slider.focus()
    explorer.page.keyboard.press("End")
    (after,) = explorer.points()
    moved = [number for number in range(10) if after[number] != before[number]]
    assert moved == [dimension] and after[dimension] > 1
    check_images(explorer, explorer_runs["convolutional"])


def test_the_plane_is_of_any_two_dimensions_or_of_principal_directions(
    visit: Visit, explorer_runs: Runs
) -> None:
    explorer = visit("convolutional")
    page = explorer.page
    page.locator("#plane-across").select_option("7")
    page.locator("#plane-up").select_option("2")
    explorer.wait()
    (before,) = explorer.points()
    drag(page, (0.5, 0.5), (0.3, 0.3))
    (after,) = explorer.points()
    assert {number for number in range(10) if after[number] != before[number]} == {2, 7}
    page.locator("#plane-kind").select_option("principal")
    explorer.wait()
    drag(page, (0.4, 0.4), (0.7, 0.6))
    (principal,) = explorer.points()
    assert sum(old != new for old, new in zip(after, principal, strict=True)) == 10
    check_images(explorer, explorer_runs["convolutional"])


def test_a_finger_moves_the_cursor_and_does_not_scroll_the_page(
    visit: Visit, explorer_runs: Runs
) -> None:
    explorer = visit("colour", "phone", has_touch=True, is_mobile=True)
    page = explorer.page
    page.locator("canvas.plane").scroll_into_view_if_needed()
    (before,), scrolled = explorer.points(), page.evaluate("scrollY")
    session = explorer.context.new_cdp_session(page)
    for kind, shares in (
        ("touchStart", (0.5, 0.5)),
        *(("touchMove", (0.5 - step / 20, 0.5 + step / 20)) for step in range(1, 6)),
        ("touchEnd", None),
    ):
        points = [dict(zip("xy", place(page, *shares), strict=True))] if shares else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    explorer.wait()
    (after,) = explorer.points()
    assert after != before and page.evaluate("scrollY") == scrolled
    check_images(explorer, explorer_runs["colour"])


def test_a_click_on_a_code_chooses_its_image(visit: Visit) -> None:
    explorer = visit("plain")
    page = explorer.page
    # Two drags say where on the screen a point lies: the plane has the same scale everywhere.
    ends = [(0.3, 0.7), (0.7, 0.3)]
    points = []
    for end in ends:
        drag(page, (0.5, 0.5), end)
        points += explorer.points()
    code = page.evaluate("async () => Array.from((await opened).runs[0].means[123])")
    shares = [
        a + (z - low) / (high - low) * (b - a)
        for a, b, z, low, high in zip(*ends, code, *points, strict=True)
    ]
    page.mouse.click(*place(page, shares[0], shares[1]))
    explorer.wait()
    state = page.evaluate("async () => (await opened).store.state.image")
    chosen = page.evaluate(f"async () => [...(await opened).runs[0].means[{state['index']}]]")
    # Codes lie close together: it is this one, or one within some pixels of it.
    width = page.locator("canvas.plane").bounding_box()["width"]
    pixels = [
        abs(a - b) / abs(high - low) * 0.4 * width
        for a, b, low, high in zip(chosen, code, *points, strict=True)
    ]
    assert state["kind"] == "test" and max(pixels) <= 7
    # Computed in the page, whose weights have fewer bits.
    assert explorer.points() == [pytest.approx(chosen, abs=1e-2)]
