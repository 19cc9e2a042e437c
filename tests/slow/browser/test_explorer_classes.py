"""The classes of a conditional model in the explorer: what a press decodes, and Bayes' rule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from explorer_pages import PIXELS, STATE, ExplorerPage

import vae_lab
from vae_lab.random_streams import stream
from vae_lab.run_folder import RunFolder
from vae_lab.vae import VAE

pytestmark = pytest.mark.browser

Visit = Callable[..., ExplorerPage]
Runs = dict[str, Path]

# Grey levels of 256: one for rounding, half of one for the weights, which have fewer bits.
TOLERANCE = 1.5
TILES = "main > .class-row .class-tiles button"

# log p(x|z) + log p(z) - log q(z|x) and its terms, of rows with their labels on given noise.
TERMS = """async ([rows, noises]) => {
    const { model, images } = (await opened).runs[0];
    return rows.map((row, place) => {
        const index = images.rows.indexOf(row);
        const [x, label] = [images.pixels(index), images.label(index)];
        const noise = noises[place].map((one) => Float32Array.from(one));
        return model.terms(x, model.encode(x, label), noise, label).elbo;
    });
}"""

# The image that is looked at, and the noise of its draws.
LOOKED_AT = """async () => {
    const { runs, store } = await opened;
    const random = new Random(DRAW_SEED);
    const { latentDim, images } = runs[0];
    const noise = Array.from({ length: CLASS_VALUES }, () => [...random.normals(latentDim)]);
    return { x: [...images.pixels(store.state.image.index)], noise };
}"""


def model_of(run: Path) -> VAE:
    return vae_lab.load(run).model


def levels(canvas: Any) -> torch.Tensor:
    """Returns the first channel of a canvas, 0 to 255, as a list of pixels."""
    return torch.tensor(canvas.evaluate(PIXELS)["data"][::4])


def decoded(model: VAE, point: list[float], label: int) -> torch.Tensor:
    with torch.no_grad():
        image = model.decode(torch.tensor([point]), torch.tensor([label]))
    return 255 * image.clamp(0, 1).flatten()


def press(explorer: ExplorerPage, label: int) -> dict[str, Any]:
    """Presses a class and returns the state after it."""
    explorer.page.locator(TILES).nth(label).click()
    explorer.wait()
    state: dict[str, Any] = explorer.page.evaluate(STATE)
    return state


def test_the_style_of_the_cursor_in_every_class_is_what_torch_decodes(
    visit: Visit, explorer_runs: Runs
) -> None:
    explorer = visit("conditional")
    page = explorer.page
    page.wait_for_timeout(500)  # the tiles take turns
    model = model_of(explorer_runs["conditional"])
    (point,) = explorer.points()
    tiles = page.locator(f"{TILES} canvas").all()
    assert len(tiles) == 10
    for label, tile in enumerate(tiles):
        assert (levels(tile) - decoded(model, point, label)).abs().max() <= TOLERANCE


def test_a_pressed_class_is_that_of_all_that_is_decoded_but_not_of_the_image(
    visit: Visit, explorer_runs: Runs
) -> None:
    explorer = visit("conditional")
    page = explorer.page
    start = page.evaluate(STATE)
    page.wait_for_timeout(500)
    parts = ["#plane canvas.plane", "#samples canvas", "#interpolation .large canvas"]
    own = "#image canvas.reconstruction"
    before = {part: page.locator(part).first.evaluate(PIXELS)["data"] for part in [*parts, own]}
    label = (start["label"] + 7) % 10
    state = press(explorer, label)
    page.wait_for_timeout(1000)
    after = {part: page.locator(part).first.evaluate(PIXELS)["data"] for part in [*parts, own]}
    assert state["label"] == label and state["points"] == start["points"]
    assert [part for part in parts if before[part] == after[part]] == []
    assert before[own] == after[own]
    cursor = levels(page.locator("#plane canvas.cursor-image"))
    model = model_of(explorer_runs["conditional"])
    assert (cursor - decoded(model, state["points"][0], label)).abs().max() <= TOLERANCE
    pressed = page.locator(f"{TILES}[aria-pressed=true]")
    assert pressed.count() == 1 and pressed.get_attribute("title") == str(label)
    # An image that is chosen has its own class again.
    page.locator("#image .thumbnail").nth(3).click()
    explorer.wait()
    labels = page.evaluate("async () => Array.from((await opened).runs[0].images.all)")
    assert page.evaluate(STATE)["label"] == labels[3]


def test_bounds_given_the_label_are_the_recorded_ones_on_the_same_noise(
    visit: Visit, explorer_runs: Runs
) -> None:
    run = RunFolder(explorer_runs["conditional"])
    recorded = np.load(run.per_image)["elbo"]
    rows = [0, 1, 17, 200]
    noise = torch.randn(1, len(recorded), 2, generator=stream("test"))[:, rows].transpose(0, 1)
    found = visit("conditional").page.evaluate(TERMS, [rows, noise.tolist()])
    assert found == pytest.approx(recorded[rows].tolist(), abs=1e-2)


@torch.no_grad()
def test_probabilities_are_those_of_bayes_rule_on_the_same_draws(
    visit: Visit, explorer_runs: Runs
) -> None:
    page = visit("conditional", fragment="#image=20").page
    page.wait_for_function("async () => (await opened).store.state.classes !== null")
    page.wait_for_timeout(2000)
    shown = page.evaluate(STATE)["classes"]["probabilities"]
    looked_at = page.evaluate(LOOKED_AT)
    model = model_of(explorer_runs["conditional"])
    x = torch.tensor(looked_at["x"]).view(1, 1, 28, 28)
    noise = torch.tensor(looked_at["noise"])[:, None]
    bounds = torch.cat(
        [model.score(x, noise, labels=torch.tensor([y]))[1].elbo() for y in range(10)]
    )
    condition: Any = model.condition
    expected = (bounds + condition.shares.log()).softmax(dim=0)
    assert shown == pytest.approx(expected.tolist(), abs=0.02)
    assert sum(shown) == pytest.approx(1)


def test_a_drawing_has_the_most_probable_class_or_the_chosen_one(visit: Visit) -> None:
    explorer = visit("conditional")
    page = explorer.page
    pad = page.locator("#image .pad")
    pad.focus()
    for key in ("Space", *["ArrowDown"] * 8, "Space"):
        page.keyboard.press(key)
    page.wait_for_timeout(1500)
    state = page.evaluate(STATE)
    probabilities = state["classes"]["probabilities"]
    assert state["image"]["label"] == state["label"] == int(np.argmax(probabilities))
    page.get_by_label("Encoded as class").select_option("3")
    explorer.wait()
    chosen = page.evaluate(STATE)
    assert chosen["image"]["label"] == chosen["label"] == 3
    assert chosen["points"] != state["points"]


def test_arrow_keys_choose_a_class_and_the_address_keeps_it(visit: Visit) -> None:
    explorer = visit("conditional", fragment="#image=2&class=4")
    page = explorer.page
    assert page.evaluate(STATE)["label"] == 4
    page.locator(f'{TILES}[tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    explorer.wait()
    assert page.evaluate(STATE)["label"] == 5
    page.keyboard.press("End")
    page.wait_for_timeout(1000)
    assert page.evaluate("location.hash").endswith("image=2&class=9")


def test_a_page_without_a_condition_has_no_classes(visit: Visit) -> None:
    page = visit("plain").page
    assert page.locator(".class-row, #classes, .class-tiles").count() == 0
    assert page.evaluate(STATE)["image"] is None
