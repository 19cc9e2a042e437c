"""Which maps and scatters a page shows, and the interpolations on them."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from drawn_runs import drawn_run
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vae_lab.report import latent_pictures
from vae_lab.report.blocks import Block, Cards, Note, Subheading
from vae_lab.report.grouping import group_runs
from vae_lab.report.runs import find_runs

AXES = {"x": [-2.0, 2.0], "y": [-1.0, 1.0]}

# Within the axes; from within to beyond them; beyond them.
PATHS = [
    {"start": [-1.0, 0.5], "end": [1.0, 0.0], "labels": ["1", "1", "9", "7"]},
    {"start": [0.0, 0.0], "end": [99.0, 0.0], "labels": None},
    {"start": [9.0, 0.0], "end": [9.0, 0.5], "labels": ["3", "8"]},
]


def say(path: Path, size: tuple[int, int] | None = None, **about: Any) -> None:
    """Writes what a picture says of itself; with a size, the picture too."""
    texts = PngInfo()
    texts.add_text("vae_lab", json.dumps(about))
    image = Image.new("L", size) if size else Image.open(path).copy()
    image.save(path, pnginfo=texts)


def run_with_map(folder: Path, *, latent_dim: int = 2, elbo: float = -1.0, **about: Any) -> None:
    run, _, _ = drawn_run(folder, seed=0, latent_dim=latent_dim, elbo=elbo)
    for name in ("latent_map", "latent_scatter"):
        say(run / "figures" / f"{name}_0003.png", (440, 260), **about)
    say(run / "figures" / "interpolations_0003.png", scale=3, paths=PATHS)


def blocks_of(folder: Path) -> list[Block]:
    (group,), _ = group_runs(find_runs([folder])[0])
    return latent_pictures.blocks(group, "")


def test_interpolations_lie_on_the_map_where_its_axes_say(tmp_path: Path) -> None:
    run_with_map(tmp_path / "z2", axes=AXES, grid=[20, 40, 420, 240])
    _, maps, _, scatters = blocks_of(tmp_path)
    assert isinstance(maps, Cards) and isinstance(scatters, Cards)
    assert maps.is_large and not scatters.is_large
    (picture,) = maps.pictures
    assert picture.label == "z2. Lines: interpolations, 1 → 9 → 7."
    image = ElementTree.fromstring(picture.overlay)
    assert image.attrib["viewBox"] == "0 0 440 260"
    (inner,) = image
    box = {"x": "20", "y": "40", "width": "400", "height": "200"}
    assert inner.attrib == box
    lines = [line.attrib for line in inner.iter("line")]
    places = [tuple(float(line[name]) for name in ("x1", "y1", "x2", "y2")) for line in lines]
    assert places[:2] == [(100, 50, 300, 100)] * 2
    to_the_edge = pytest.approx((200, 100, 400 - 0.8 * 440 / 38, 100), abs=0.1)
    assert places[2] == to_the_edge and len(places) == 2 * 2, "a path beyond the axes is left out"
    names = [text.text for text in inner.iter("text")]
    assert names == ["1", "7", "1", "7"]


@pytest.mark.parametrize("about", [{}, {"axes": {"x": [1.0]}}, {"grid": [0, 0, 9, 9]}])
def test_without_axes_nothing_lies_on_a_map(tmp_path: Path, about: dict[str, Any]) -> None:
    run_with_map(tmp_path / "z2", **about)
    _, maps, _, _ = blocks_of(tmp_path)
    assert isinstance(maps, Cards)
    assert [(it.overlay, it.label) for it in maps.pictures] == [("", "z2")]


def test_the_best_plane_is_large_and_maps_of_more_dimensions_are_planes_or_left_out(
    tmp_path: Path,
) -> None:
    run_with_map(tmp_path / "z1", latent_dim=1, elbo=-3.0)
    run_with_map(tmp_path / "z2", latent_dim=2, elbo=-2.0)
    run_with_map(tmp_path / "z3", latent_dim=3, plane=True)
    run_with_map(tmp_path / "z4", latent_dim=4)
    heading, large, small, note, *scatters = blocks_of(tmp_path)
    assert heading == Subheading("Maps") and note == latent_pictures.LEFT_OUT
    assert isinstance(large, Cards) and isinstance(small, Cards) and isinstance(note, Note)
    assert large.is_large and not small.is_large
    assert [it.label for it in large.pictures] == ["z2"]
    assert [it.label for it in small.pictures] == ["z1", "z3"]
    cards = scatters[-1]
    assert isinstance(cards, Cards) and len(cards.pictures) == 4


def test_runs_without_pictures_have_no_blocks(tmp_path: Path) -> None:
    drawn_run(tmp_path / "z2", seed=0)
    assert blocks_of(tmp_path) == []
