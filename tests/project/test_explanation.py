"""docs/explanation/ against the code: tables of layers, excerpts, sizes of pictures."""

import re
from textwrap import indent

import layer_tables
import pytest
import torch
from repository import ROOT

PAGES = sorted((ROOT / "docs" / "explanation").glob("*.md"))
EXCERPT = re.compile(r"^```python\n# (src/\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
EXCERPTS = [
    (page.name, name, text)
    for page in PAGES
    for name, text in EXCERPT.findall(page.read_text(encoding="utf-8"))
]


def test_the_tables_of_layers_are_those_of_the_networks() -> None:
    page = layer_tables.PAGE.read_text(encoding="utf-8")
    assert layer_tables.filled(page) == page, "make layers"


@pytest.mark.parametrize("name", ["linear", "conv", "resnet", "burda"])
def test_a_table_of_layers_adds_up_and_ends_in_the_shapes_of_the_model(name: str) -> None:
    model = layer_tables.model_of(name, (1, 28, 28))
    encoder = layer_tables.rows(model.encoder, torch.zeros(1, 1, 28, 28))
    decoder = layer_tables.rows(model.decoder, torch.zeros(1, 10))
    assert (encoder[-1][1], decoder[-1][1]) == ("20", "1 × 28 × 28")
    total = sum(parameters for *_, parameters in encoder + decoder)
    assert total == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(("page", "name", "text"), EXCERPTS)
def test_an_excerpt_of_code_stands_in_its_file(page: str, name: str, text: str) -> None:
    source = (ROOT / name).read_text(encoding="utf-8")
    indented = [indent(text, " " * depth) for depth in (0, 4, 8)]
    assert any(one in source for one in indented), f"{page} shows another {name}"


def test_the_pages_of_parts_show_code() -> None:
    shown = {page for page, *_ in EXCERPTS}
    parts = ("posterior", "likelihoods", "priors", "objectives", "networks")
    assert {f"{part}.md" for part in parts} <= shown


def test_pictures_of_the_gallery_are_shown_and_small() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    paths = sorted((ROOT / "docs" / "images" / "gallery").glob("*.png"))
    assert [path.name for path in paths if f"images/gallery/{path.name})" not in page] == []
    assert 0 < sum(path.stat().st_size for path in paths) < 2_500_000


def test_pictures_of_the_explanation_are_small_files() -> None:
    sizes = {
        path.name: path.stat().st_size
        for path in (ROOT / "docs" / "images" / "explanation").glob("*.png")
    }
    assert len(sizes) >= 7
    assert max(sizes.values()) < 120_000, sizes
