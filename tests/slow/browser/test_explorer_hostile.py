"""Hostile input of the explorer: markup in names, addresses and files that are not whole."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explorer_pages import STATE, ExplorerPage
from explorer_runs import train
from user_images import discs

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=boom()>&\"'{{7*7}}"
# Ends a script, in a name that no folder can have.
SCRIPT = "</script><script>boom()</script><!--"

ADDRESSES = (
    "#z=NaN&image=1e9",
    "#z=NaN;image=1e9;<script>",
    "#z=Infinity,1&run=-1&image=-5&dims=99,99&share=7",
    "#z=1e400,1e400,1e400&plane=__proto__&image=0x10",
    "#%E0%A4%A",
    "#" + "z=1," * 5000,
    "#<img src=x onerror=boom()>",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run whose name, labels and settings hold markup."""
    folder = tmp_path_factory.mktemp("hostile")
    images, names = discs(120, size=8)
    labels = np.where(names == "red", SCRIPT, np.where(names == "blue", MARKUP, "green"))
    np.savez(folder / f"{MARKUP}.npz", images=images, labels=labels)
    place = "'" + str(folder / f"{MARKUP}.npz").replace("'", "\\'") + "'"
    run = train(folder / MARKUP, "data=npz", f"data.path={place}", "data.batch_size=32")
    return run / "explorer.html"


def test_markup_is_text(chromium: Any, hostile: Path) -> None:
    explorer = ExplorerPage(chromium)
    page = explorer.open(hostile)
    assert page.locator("h1").inner_text() == MARKUP
    assert page.locator("main img, main script").count() == 0
    options = page.locator("#image select[id^=label] option").all_inner_texts()
    assert {MARKUP, SCRIPT, "green"} < set(options)
    assert page.evaluate("typeof boom") == "undefined"
    assert explorer.trouble() == []
    explorer.context.close()


def test_hostile_addresses_are_ignored(chromium: Any, explorers: dict[str, Path]) -> None:
    explorer = ExplorerPage(chromium)
    page = explorer.open(explorers["plain"])
    expected = page.evaluate(STATE)
    for address in ADDRESSES:
        # Another page in between: an address that differs in its fragment loads nothing again.
        page.goto("about:blank")
        explorer.open(explorers["plain"], address)
        assert page.evaluate(STATE) == expected, address
    assert explorer.trouble() == []
    explorer.context.close()


@pytest.mark.parametrize("place", ["no arrays", "half of the arrays", "their end", "the script"])
def test_a_page_that_was_cut_says_so_in_one_sentence(
    chromium: Any, explorers: dict[str, Path], tmp_path: Path, place: str
) -> None:
    text = explorers["plain"].read_text(encoding="utf-8")
    arrays = re.search(r'id="arrays">([^<]*)<', text)
    assert arrays is not None
    start, end = arrays.span(1)
    texts = {
        "no arrays": text[:start] + text[end:],
        "half of the arrays": text[: (start + end) // 2],
        "their end": text[: end - 9] + text[end:],
        "the script": text[: (end + len(text)) // 2],
    }
    cut = tmp_path / "cut.html"
    cut.write_text(texts[place], encoding="utf-8")
    context = chromium.new_context()
    page = context.new_page()
    page.goto(cut.as_uri())
    problem = page.get_by_role("alert")
    problem.wait_for()
    sentence = "This page cannot be shown: the file is not whole. Copy it again, or make it again."
    assert problem.inner_text() == sentence
    assert page.locator("body[data-ready]").count() == 0
    context.close()
