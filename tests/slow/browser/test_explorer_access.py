"""The explorer by keyboard, to axe-core, in every size and colour scheme: nothing goes wrong."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from explorer_pages import SCREENS, ExplorerPage

pytestmark = pytest.mark.browser

Visit = Callable[..., ExplorerPage]
VIEWS = [
    *[("pair", screen) for screen in SCREENS],
    *[("plain", "light"), ("colour", "dark"), ("colour", "phone")],
    *[("conditional", "light"), ("conditional", "phone-dark")],
]

NEEDS_AXE = "needs axe-playwright-python: make test-browser"

# Every control that can be reached: of a group of radio buttons only the one that is chosen.
CONTROLS = """() => {
    const all = 'a[href], button, select, input, summary, [tabindex]';
    const isShown = (one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0;
    const isChosen = (one) => one.type !== 'radio' || one.checked;
    const controls = [...document.querySelectorAll(all)].filter(isShown).filter(isChosen);
    controls.forEach((one, place) => { one.dataset.place = place; });
    return controls.length;
}"""

# The control with the focus, and whether its outline is seen.
FOCUS = """() => {
    const one = document.activeElement, style = getComputedStyle(one);
    const isSeen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
    const { width, height } = one.getBoundingClientRect();
    const html = one.outerHTML.slice(0, 90);
    return { place: one.dataset.place, isSeen: isSeen && width > 0 && height > 0, html };
}"""

WIDER_THAN_THE_PAGE = """() => {
    const wide = [...document.querySelectorAll('body *')].filter((one) => {
        const { left, right } = one.getBoundingClientRect();
        return one.checkVisibility() && (right > innerWidth + 0.5 || left < -0.5)
            && !one.closest('.unseen, .scroll');
    });
    return wide.map((one) => one.outerHTML.slice(0, 90));
}"""


@pytest.mark.parametrize(("name", "screen"), VIEWS)
def test_nothing_is_asked_for_and_axe_finds_nothing(
    visit: Visit, screenshots: Path, name: str, screen: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=NEEDS_AXE)
    explorer = visit(name, screen)
    page = explorer.page
    page.locator("#image .thumbnail").nth(1).click()
    explorer.wait()
    violations = axe.Axe().run(page).response["violations"]
    assert {one["id"]: [node["html"] for node in one["nodes"]] for one in violations} == {}
    assert page.evaluate(WIDER_THAN_THE_PAGE) == []
    page.screenshot(path=screenshots / f"explorer-{name}-{screen}.png", full_page=True)


def tab_through(page: Any) -> dict[str, dict[str, Any]]:
    """Presses Tab until every control had the focus once; returns them by their place."""
    count = page.evaluate(CONTROLS)
    assert count > 20
    reached: dict[str, dict[str, Any]] = {}
    for _ in range(count + 5):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        if focus["place"] is not None:
            reached[focus["place"]] = focus
    assert set(reached) == set(map(str, range(count)))
    return reached


def test_the_keyboard_alone_reaches_every_control_and_shows_where_it_is(visit: Visit) -> None:
    page = visit("pair").page
    unseen = [focus["html"] for focus in tab_through(page).values() if not focus["isSeen"]]
    assert unseen == []


def test_on_a_phone_the_facts_of_the_run_leave_the_screen_to_the_plane(visit: Visit) -> None:
    top = "document.querySelector('main').getBoundingClientRect().top"
    page = visit("plain", "phone").page
    assert not page.locator("header .facts").is_visible() and page.evaluate(top) < 130
    page.get_by_text("About the run").click()
    assert page.locator("header .facts").is_visible()
    # Turned, or on a larger screen, they are there.
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function("!document.querySelector('.about summary').checkVisibility()")
    assert page.locator("header .facts").is_visible()
