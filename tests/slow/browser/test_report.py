"""The report of a real sweep, as a person sees it in Chromium: light, dark, and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import SIZE
from pdf_text import page_texts

from vae_lab.report import load_runs
from vae_lab.report.page import write_report

pytestmark = pytest.mark.browser

WIDTHS = (360, 390, 768, 1110, 1280, 1440, 1920, 2560)

A4_BETWEEN_MARGINS = 687  # pixels of CSS: 210 mm without twice 14 mm

NEEDS_AXE = "needs axe-playwright-python: make test-browser"

UNFOLD = """() => {
    document.querySelectorAll('details').forEach((part) => { part.open = true; });
    return new Promise((done) => { setTimeout(done, 100); });  // the page is told in a moment
}"""

# What reaches beyond its box or the page; what scrolls has to be within the page, and reachable.
CUT_OFF = """() => {
    const beyond = (part, box) => {
        const [inner, outer] = [part.getBoundingClientRect(), box.getBoundingClientRect()];
        return inner.right > outer.right + 0.5 || inner.left < outer.left - 0.5;
    };
    const page = document.body, cut = [];
    if (document.documentElement.scrollWidth > innerWidth) cut.push('the page scrolls sideways');
    for (const part of document.querySelectorAll('main *')) {
        const scroller = part.parentElement.closest('.scroll, pre');
        if (!scroller && beyond(part, page)) cut.push(part.outerHTML.slice(0, 80));
    }
    for (const image of document.querySelectorAll('.strips img')) {
        if (beyond(image, image.closest('.strip')) || beyond(image, image.closest('.strips')))
            cut.push(image.alt);
    }
    for (const part of document.querySelectorAll('.scroll, pre')) {
        const wide = part.scrollWidth > part.clientWidth + 1;
        if (wide && part.tabIndex !== 0) cut.push('no key scrolls it');
    }
    return cut;
}"""

SIZES = {"light": SIZE, "dark": SIZE, "phone": (390, 844)}


@pytest.fixture(params=[*SIZES])
def screen(request: pytest.FixtureRequest) -> str:
    """The name of a screen, from SIZES."""
    return str(request.param)


@pytest.fixture
def opened(screen: str, four_runs: Path, chromium: Any) -> Iterator[Any]:
    """The page, as the sweep left it; nothing was asked for, and nothing went wrong."""
    width, height = SIZES[screen]
    scheme = "dark" if screen == "dark" else "light"
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
    context.close()
    assert trouble == []


def test_every_picture_is_loaded_and_says_what_it_shows(
    opened: Any, screen: str, screenshots: Path
) -> None:
    opened.evaluate(UNFOLD)
    assert opened.locator("main img").count() > 30
    broken = "[...document.querySelectorAll('main img')].filter((one) => !one.naturalWidth).length"
    assert opened.evaluate(broken) == 0
    assert opened.locator("figure.chart svg").count() >= 4
    texts = opened.locator("main img").evaluate_all("(all) => all.map((one) => one.alt)")
    names = ("linear", "conv8", "riginal")
    assert all(any(name in text for name in names) for text in texts)
    charts = opened.locator("figure.chart [role=img]")
    labels = charts.evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    assert len(labels) >= 4 and all(len(label) > 20 for label in labels)
    opened.screenshot(path=screenshots / f"report-{screen}.png", full_page=True)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_off(four_runs: Path, chromium: Any, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto((four_runs / "report.html").as_uri())
    page.evaluate(UNFOLD)
    assert page.locator(".strips img").count() > 20
    assert page.evaluate(CUT_OFF) == []
    context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_the_letters_of_charts_can_be_read(four_runs: Path, chromium: Any, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto((four_runs / "report.html").as_uri())
    page.evaluate(UNFOLD)
    sizes = page.locator("figure.chart svg text").evaluate_all(
        """(all) => all.map((one) => {
            const { a, b } = one.getScreenCTM();
            return Math.hypot(a, b) * parseFloat(getComputedStyle(one).fontSize);
        })"""
    )
    assert len(sizes) > 50 and min(sizes) >= 9
    context.close()


def test_the_first_screen_has_the_answer_the_images_and_the_table(
    four_runs: Path, chromium: Any
) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto((four_runs / "report.html").as_uri())
    places = {
        name: page.locator(name).first.bounding_box()
        for name in (".headline", ".overview img", ".results tr.best")
    }
    assert all(0 < place["y"] + place["height"] < 900 for place in places.values())
    assert places[".overview img"]["x"] > places[".headline"]["x"] + places[".headline"]["width"]
    context.close()


def test_axe_finds_nothing(opened: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=NEEDS_AXE)
    opened.evaluate(UNFOLD)
    violations = axe.Axe().run(opened).response["violations"]
    found = {it["id"]: [node["html"] for node in it["nodes"]] for it in violations}
    assert found == {}
    opened.locator("main img").first.click()
    in_dialog = axe.Axe().run(opened, context="dialog").response["violations"]
    assert [it["id"] for it in in_dialog] == []


def test_the_charts_are_in_the_colour_of_the_text(opened: Any) -> None:
    colour = (
        "(one) => getComputedStyle(one).fill !== 'none' ? getComputedStyle(one).fill : "
        "getComputedStyle(one).color"
    )
    opened.evaluate(UNFOLD)
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


@pytest.mark.parametrize(("kind", "rendering"), [(".strips", "pixelated"), (".cards", "auto")])
def test_a_picture_opens_large_and_closes(opened: Any, kind: str, rendering: str) -> None:
    opened.evaluate(UNFOLD)
    picture, box = opened.locator(f"{kind} img").last, opened.locator("dialog")
    picture.focus()
    for key, close in (("Enter", "Escape"), (" ", "Enter")):
        opened.keyboard.press(key)
        assert box.is_visible()
        large = box.locator("img")
        assert large.get_attribute("src") == picture.get_attribute("src")
        assert large.evaluate("(one) => getComputedStyle(one).imageRendering") == rendering
        size, window = large.bounding_box(), opened.viewport_size
        assert size["width"] <= window["width"] and size["height"] <= window["height"]
        # Enter is on the button that closes.
        opened.keyboard.press(close)
        assert not box.is_visible()
    assert opened.get_by_text("Click a picture to enlarge it.").is_visible()


@pytest.mark.parametrize("script", [True, False])
def test_the_printed_page_has_everything_and_numbers_of_pages(
    four_runs: Path, chromium: Any, screenshots: Path, script: bool
) -> None:
    context = chromium.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto((four_runs / "report.html").as_uri())
    if not script:
        assert page.locator(".headline").is_visible() and not page.locator("dialog").is_visible()
    data = page.pdf(path=screenshots / "report.pdf", prefer_css_page_size=True, format="A4")
    texts = page_texts(data)
    count = len(texts)
    assert 4 <= count <= 12
    assert all(f"{number} / {count}" in text for number, text in enumerate(texts, start=1))
    # From the first heading to what is folded up on the screen.
    for words in ("Best:", "Interpolations", "KL per dimension", "Versions", "latent_dim=2,10"):
        assert any(words in text for text in texts), words
    context.close()


def test_no_table_or_chart_is_wider_than_the_paper(four_runs: Path, chromium: Any) -> None:
    context = chromium.new_context(viewport={"width": A4_BETWEEN_MARGINS, "height": 1000})
    page = context.new_page()
    page.emulate_media(media="print")
    page.goto((four_runs / "report.html").as_uri())
    page.evaluate(UNFOLD)
    rights = page.locator("main :is(table, svg, img, pre)").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().right)"
    )
    assert len(rights) > 40 and max(rights) <= A4_BETWEEN_MARGINS + 0.5
    context.close()


def test_the_page_of_four_runs_is_below_five_megabytes(four_runs: Path, tmp_path: Path) -> None:
    assert (four_runs / "report.html").stat().st_size < 5_000_000
    assert write_report([four_runs / "linear-z2-5k"], tmp_path).num_runs == 1
