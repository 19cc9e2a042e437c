"""The report of a real sweep, as a person sees it in Chromium: light, dark, and on a phone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import SIZE

from vae_lab.report import load_runs
from vae_lab.report.page import write_report

pytestmark = pytest.mark.browser

SIZES = {"light": SIZE, "dark": SIZE, "phone": (390, 844)}


@pytest.fixture(params=[*SIZES])
def opened(
    request: pytest.FixtureRequest, four_runs: Path, chromium: Any, screenshots: Path
) -> Iterator[Any]:
    """The page, as the sweep left it; nothing was asked for, and nothing went wrong."""
    name = request.param
    width, height = SIZES[name]
    scheme = "dark" if name == "dark" else "light"
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page, trouble = context.new_page(), []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "request",
        lambda one: trouble.append(one.url) if not one.url.startswith(("data:", "file:")) else None,
    )
    page.goto((four_runs / "report.html").as_uri())
    yield page
    test = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    page.screenshot(path=screenshots / f"report-{test}.png", full_page=True)
    context.close()
    assert trouble == []


def test_every_picture_is_loaded_and_nothing_is_wider_than_the_page(opened: Any) -> None:
    assert opened.locator("main img").count() > 30
    broken = "[...document.querySelectorAll('main img')].filter((one) => !one.naturalWidth).length"
    assert opened.evaluate(broken) == 0
    assert opened.locator("figure.chart svg").count() == 4
    sizes = opened.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert sizes[0] <= sizes[1]


@pytest.mark.parametrize("width", [390, 1180, 1280, 1440, 1920])
def test_no_strip_is_cut_off(four_runs: Path, chromium: Any, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto((four_runs / "report.html").as_uri())
    beyond = """[...document.querySelectorAll('.strips img')].map((image) =>
        image.getBoundingClientRect().right
        - image.closest('.scroll').getBoundingClientRect().right)"""
    places = page.evaluate(beyond)
    assert len(places) > 20 and max(places) <= 0.5
    context.close()


def test_the_charts_are_in_the_colour_of_the_text(opened: Any) -> None:
    colour = (
        "(one) => getComputedStyle(one).fill !== 'none' ? getComputedStyle(one).fill : "
        "getComputedStyle(one).color"
    )
    ink = opened.locator("figure.chart svg text").first.evaluate(colour)
    assert ink == opened.locator("body").evaluate("(one) => getComputedStyle(one).color")


def test_the_table_sorts_both_ways(opened: Any, four_runs: Path) -> None:
    table = opened.locator("table.sortable").first
    button = table.locator("th button", has_text="test bound")
    column = table.locator("th").evaluate_all(
        "(heads) => heads.findIndex((one) => one.textContent === 'test bound')"
    )
    bounds = sorted(load_runs(four_runs)["elbo/test"])
    for expected in (bounds, bounds[::-1]):
        button.click()
        shown = table.locator(f"tbody tr td:nth-child({column + 1})").all_inner_texts()
        assert [float(text.split()[0]) for text in shown] == pytest.approx(expected, abs=0.1)


def test_a_picture_opens_large_and_closes(opened: Any) -> None:
    picture = opened.locator("main img").first
    picture.click()
    box = opened.locator("dialog")
    assert box.is_visible()
    assert box.locator("img").get_attribute("src") == picture.get_attribute("src")
    opened.keyboard.press("Escape")
    assert not box.is_visible()


def test_without_script_everything_is_there(
    four_runs: Path, chromium: Any, screenshots: Path
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((four_runs / "report.html").as_uri())
    for words in ("What was run", "Results on the test images", "What is to be seen", "conv8"):
        assert page.get_by_text(words).first.is_visible()
    assert not page.locator("dialog").is_visible()
    page.emulate_media(media="print")
    page.pdf(path=screenshots / "report.pdf")
    context.close()


def test_the_page_of_four_runs_is_below_five_megabytes(four_runs: Path) -> None:
    assert (four_runs / "report.html").stat().st_size < 5_000_000
    assert write_report([four_runs / "linear-z2-5k"], four_runs / "linear-z2-5k").num_runs == 1
