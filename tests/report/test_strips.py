"""The strips and pictures that a page shows, from the PNG files of runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_runs import drawn_run
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from vae_lab.callbacks.drawing.style import METADATA
from vae_lab.report import gallery, strips
from vae_lab.report.blocks import Cards, Strips
from vae_lab.report.grouping import group_runs
from vae_lab.report.run_pictures import last_picture
from vae_lab.report.runs import find_runs


def test_strips_are_the_images_pixel_by_pixel(tmp_path: Path) -> None:
    _, originals, decoded = drawn_run(tmp_path / "a", seed=1)
    (run,), _ = find_runs([tmp_path])
    found = strips.reconstructions(run, 2)
    assert found is not None
    for strip, expected in zip(found, (originals, decoded), strict=True):
        assert strip.shape == (6, 20 * 6 - 1)
        for place in range(20):
            cell = strip[:, 6 * place : 6 * place + 5]
            assert np.array_equal(cell, expected[place, 0].numpy())
    paths = {path.name: path.pixels for path in strips.interpolations(run)}
    assert list(paths) == ["1 to 7", "1 to 7, again 1", "3 to 8"]
    assert np.array_equal(paths["3 to 8"][:, :5], originals[2, 0].numpy())
    assert np.array_equal(paths["3 to 8"][:, -5:], originals[5, 0].numpy())
    assert np.array_equal(paths["3 to 8"][:, 10:15], decoded[8, 0].numpy())


def test_pictures_of_another_shape_are_left_out(tmp_path: Path) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    for name in ("reconstructions", "interpolations"):
        Image.new("L", (7, 7)).save(folder / "figures" / f"{name}_0004.png")
    (run,), _ = find_runs([tmp_path])
    assert strips.reconstructions(run, 2) is None and strips.interpolations(run) == []
    (folder / "figures" / "samples_0004.png").write_bytes(b"no picture")
    assert strips.whole(run, "samples", "", "", "") is None


def test_a_large_picture_is_made_smaller(tmp_path: Path) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "figures" / "samples_0003.png")
    (run,), _ = find_runs([tmp_path])
    picture = strips.whole(run, "samples", "", "", "")
    assert picture is not None and len(picture.data) <= strips.MOST_BYTES
    assert (picture.width, picture.height) == (400, 400)


def with_metadata(path: Path, **about: Any) -> None:
    """Gives a picture a border of 30 pixels, and a text on where its images lie."""
    with Image.open(path) as former:
        grid = [30, 30, 30 + former.width, 30 + former.height]
        framed = ImageOps.expand(former, border=30, fill=128)
    texts = PngInfo()
    texts.add_text(METADATA, json.dumps({"grid": grid, **about}))
    framed.save(path, pnginfo=texts)


def test_images_are_found_between_captions_by_what_the_file_says(tmp_path: Path) -> None:
    folder, _, _ = drawn_run(tmp_path / "plain", seed=1)
    framed, _, _ = drawn_run(tmp_path / "framed", seed=2)
    for name in ("reconstructions", "interpolations"):
        source, target = (it / "figures" / f"{name}_0003.png" for it in (folder, framed))
        target.write_bytes(source.read_bytes())
        scale = 2 if name == "reconstructions" else 3
        labels = {"labels": ["1", "9", "7", "7"], "start": [0.0, 1.0], "end": [1.0, -1.0]}
        with_metadata(target, scale=scale, paths=[labels, {"ends": ["image 2", "image 3"]}])
    plain, found = sorted(find_runs([tmp_path])[0], key=lambda run: run.name, reverse=True)
    for of_plain, of_framed in zip(
        strips.reconstructions(plain, 2) or (), strips.reconstructions(found, 2) or (), strict=True
    ):
        assert np.array_equal(of_plain, of_framed)
    pairs = zip(strips.interpolations(plain), strips.interpolations(found), strict=True)
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in pairs)
    paths = strips.interpolations(found)
    assert [path.name for path in paths] == ["1 to 7", "image 2 to image 3", "3 to 8"]
    assert [path.labels for path in paths] == [["1", "9", "7", "7"], [], []]
    assert [path.ends for path in paths] == [[[0.0, 1.0], [1.0, -1.0]], [], []]


@pytest.mark.parametrize(
    "about", ["no JSON", '{"grid": [0, 0, 9999, 5]}', '{"scale": 0}', '{"paths": 3}', "[1]"]
)
def test_what_a_file_cannot_say_of_itself_is_not_believed(tmp_path: Path, about: str) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    path = folder / "figures" / "interpolations_0003.png"
    texts = PngInfo()
    texts.add_text("vae_lab", about)
    with Image.open(path) as former:
        former.copy().save(path, pnginfo=texts)
    (run,), _ = find_runs([tmp_path])
    assert len(strips.interpolations(run)) == 3


@pytest.mark.parametrize(
    ("key", "value"),
    [("pairs", None), ("pairs", [[1]]), ("pairs", "17"), ("steps", "x"), ("scale", "big")],
)
def test_settings_that_no_callback_has_cost_their_strips_only(
    tmp_path: Path, key: str, value: Any
) -> None:
    drawn_run(tmp_path / "a", seed=1)
    (run,), _ = find_runs([tmp_path])
    run.config["callbacks"]["interpolations"][key] = value
    assert strips.interpolations(run) == [] and strips.reconstructions(run, 2) is not None


def test_the_overview_has_ten_originals_and_each_setting_below_them(tmp_path: Path) -> None:
    for z in (2, 4, 6, 8, 10):
        folder, _, _ = drawn_run(tmp_path / f"z{z}", seed=0, elbo=-100.0 + z, latent_dim=z)
        size = (2 * (12 * 6 - 1), 2 * (3 * 7 - 1))
        Image.new("L", size, z).save(folder / "figures" / "samples_0003.png")
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    block = gallery.overview(group, "")
    assert isinstance(block, Strips)
    (title, decoded), (_, drawn) = block.blocks
    assert title == "Reconstructions, the best 4 settings"
    assert [it.label for it in decoded] == ["originals", "z4", "z6", "z8", "z10"]
    assert [it.label for it in drawn] == ["z4", "z6", "z8", "z10"]
    assert {(it.width, it.height) for it in [*decoded, *drawn]} == {(9 * (10 * 6 - 1), 9 * 6)}


CODE: dict[str, Any] = {"labels": ["1"], "start": [0.0, 1.0], "end": [1.0, 0.0]}


@pytest.mark.parametrize(
    "about",
    [
        {"grid": [0, 0, 5]},
        {"grid": []},
        {"grid": [-1, 0, 5, 5]},
        {"grid": [0, 0, 10**17, 5]},
        {"grid": "abcd"},
        {"scale": 0},
        {"scale": 10**17},
        {"scale": "2"},
        {"axes": {"x": [float("nan"), 1.0], "y": [0.0, 1.0]}},
        {"axes": {"x": [0.0, 1.0], "y": [-1e308, 1e308]}},
        {"axes": {"x": [0.0, 1.0], "y": [1.0]}},
        {"axes": {"x": 3}},
        {"paths": [3]},
        {"paths": [CODE | {"labels": 5}]},
        {"paths": [CODE | {"labels": [1]}]},
        {"paths": [CODE | {"labels": [str(k) for k in range(100_000)]}]},
        {"paths": [CODE | {"start": [float("inf"), 0.0]}]},
        {"paths": [CODE | {"end": [1.0]}]},
    ],
    ids=lambda about: str(about)[:40],
)
def test_what_no_run_says_of_a_picture_is_not_believed(
    tmp_path: Path, about: dict[str, Any]
) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    path = folder / "figures" / "interpolations_0003.png"
    with_metadata(path, **about)
    (run,), _ = find_runs([tmp_path])
    picture = last_picture(run, "interpolations")
    assert picture is not None and not picture.about
    assert picture.box == (0, 0, *picture.image.size)
    assert strips.interpolations(run) == []


def test_a_pair_of_a_conditional_model_has_a_row_for_each_class(tmp_path: Path) -> None:
    folder, originals, _ = drawn_run(tmp_path / "a", seed=1)
    target = folder / "figures" / "interpolations_0003.png"
    plain = np.asarray(Image.open(target))
    # A row is 6 pixels high, 3 pixels of the file each, and a line lies between rows.
    tall = np.concatenate([plain, np.zeros_like(plain[:3]), plain])
    Image.fromarray(tall).save(target)
    code = {"start": [0.0, 1.0], "end": [1.0, -1.0], "labels": None}
    ends = [["1", "7"]] * 4 + [["3", "8"]] * 2
    paths = [{**code, "ends": each, "given": each[row % 2]} for row, each in enumerate(ends)]
    with_metadata(target, scale=3, paths=paths)
    (run,), _ = find_runs([tmp_path])
    found = strips.interpolations(run)
    assert [path.name for path in found] == [
        *("1 to 7, given 1", "1 to 7, given 7"),
        *("1 to 7, given 1, again 1", "1 to 7, given 7, again 1"),
        *("3 to 8, given 3", "3 to 8, given 8"),
    ]
    for row, path in enumerate(found):
        assert path.labels == [] and np.array_equal(path.pixels[:, :5], originals[row % 3, 0])


def test_class_pictures_are_in_the_report_only_if_a_run_drew_some(tmp_path: Path) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    runs, _ = find_runs([tmp_path])
    (group,), _ = group_runs(runs)
    assert gallery.whole_classes(group, "") == []
    Image.new("L", (40, 30), 7).save(folder / "figures" / "classes_0003.png")
    cards, _ = gallery.whole_classes(group, "")
    assert isinstance(cards, Cards)
    (picture,) = cards.pictures
    assert (picture.width, picture.height, picture.file) == (40, 30, "classes-1.png")
