"""What the explorer shows can be kept and sent: as a picture, as an address; by keys as well."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explorer_pages import PIXELS, STATE, ExplorerPage
from PIL import Image

pytestmark = pytest.mark.browser

Visit = Callable[..., ExplorerPage]
PARTS = ["plane", "image", "interpolation", "samples"]


def saved(page: Any, press: Callable[[], None]) -> Image.Image:
    """Returns the picture that a press saves."""
    with page.expect_download() as download:
        press()
    assert download.value.suggested_filename.endswith(".png")
    picture = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
    picture.load()
    return picture


@pytest.mark.parametrize(("name", "screen"), [("pair", "light"), ("colour", "phone-dark")])
def test_every_part_is_saved_as_a_picture(visit: Visit, name: str, screen: str) -> None:
    page = visit(name, screen).page
    for part in PARTS:
        picture = saved(page, page.locator(f"#{part} button.save").click)
        assert picture.format == "PNG" and min(picture.size) > 500
        # Not one colour: text, and images of the decoder.
        levels = np.asarray(picture.convert("L")).astype(float)
        assert levels.std() > 10 and len(np.unique(levels)) > 50, part


def test_an_address_shows_the_same_view_again(visit: Visit) -> None:
    explorer = visit("pair")
    page = explorer.page
    page.locator('#image .thumbnail[data-index="3"]').click()
    page.locator("canvas.plane").first.focus()
    page.keyboard.press("Shift+ArrowUp")
    page.get_by_role("button", name="New samples").click()
    page.get_by_role("radio", name="convolutional").check()
    page.locator("#interpolation input[type=range]").fill("0.25")
    explorer.wait()
    page.wait_for_timeout(1000)  # the address follows some tenths of a second later
    fragment = page.evaluate("location.hash")
    again = visit("pair", fragment=fragment)
    state, same = page.evaluate(STATE), again.page.evaluate(STATE)
    assert same["run"] == 1 and same["samples"] == 2 and same["share"] == 0.25
    assert same["plane"] == state["plane"]
    # Numbers in an address have three decimals.
    for point, expected in zip(same["points"], state["points"], strict=True):
        assert point == pytest.approx(expected, abs=6e-4)
    again.page.goto(page.url.split("#")[0] + "#image=5")
    again.wait()
    assert again.page.evaluate(STATE)["image"] == {"kind": "test", "index": 5}


def test_the_strip_runs_from_one_image_to_another(visit: Visit) -> None:
    explorer = visit("plain")
    page = explorer.page
    slider = page.locator("#interpolation input[type=range]")
    large = page.locator("#interpolation canvas").first
    shown = []
    for share in ("0", "0.5", "1"):
        slider.fill(share)
        explorer.wait()
        shown.append(large.evaluate(PIXELS)["data"])
    assert shown[0] != shown[1] != shown[2]


def test_samples_are_new_at_each_press(visit: Visit) -> None:
    page = visit("plain").page
    # Decoded one by one while the page is idle.
    page.wait_for_timeout(500)
    tiles = page.locator("#samples canvas").all()
    first = [tile.evaluate(PIXELS)["data"] for tile in tiles]
    page.get_by_role("button", name="New samples").click()
    page.wait_for_timeout(500)
    second = [tile.evaluate(PIXELS)["data"] for tile in tiles]
    assert len(first) == 24 and all(old != new for old, new in zip(first, second, strict=True))


def test_keys_alone_use_every_part(visit: Visit) -> None:
    explorer = visit("plain")
    page = explorer.page

    def press(locator: Any, *keys: str) -> dict[str, Any]:
        """Presses keys on a control and returns the state after them."""
        locator.focus()
        for key in keys:
            page.keyboard.press(key)
        explorer.wait()
        return page.evaluate(STATE)

    start = page.evaluate(STATE)
    moved = press(page.locator("canvas.plane"), "ArrowRight", "ArrowUp")
    assert moved["points"][0][0] > start["points"][0][0]
    slid = press(page.locator("#plane input[type=range]").first, "End")
    assert slid["points"] != moved["points"]
    chosen = press(page.locator('#image .thumbnail[tabindex="0"]'), "ArrowRight")
    assert chosen["image"] == {"kind": "test", "index": 1}
    drawn = press(page.locator("#image .pad"), "Space", *["ArrowDown"] * 6, "Space")
    assert drawn["image"]["kind"] == "drawn"
    walked = press(page.locator("#interpolation input[type=range]"), "End")
    assert walked["share"] == 1
    sampled = press(page.get_by_role("button", name="New samples"), "Enter")
    assert sampled["samples"] == 2
    save = page.locator("#plane button.save")
    save.focus()
    assert min(saved(page, lambda: page.keyboard.press("Enter")).size) > 500
