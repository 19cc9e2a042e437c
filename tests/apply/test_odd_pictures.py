"""What becomes of picture files of odd kinds: one by one, and together on one command line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from odd_pictures import UNUSED, USED, make_odd_pictures, stripes
from PIL import Image

import vae_lab.apply.__main__ as apply
from vae_lab.data.fitting import FittedPicture, Fitting, fit, read


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    make_odd_pictures(folder)
    return folder


def test_each_of_twenty_and_more_odd_files_has_its_outcome(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    names = [*USED, *UNUSED]
    assert len(names) > 20
    words = ["example:linear-z2", "reconstruct", *(str(folder / name) for name in names)]
    monkeypatch.setattr(sys, "argv", ["apply/__main__.py", *words, "--to", str(tmp_path), "--json"])
    with pytest.raises(SystemExit) as stop:
        apply.main()
    printed = capfd.readouterr()
    outcome = json.loads(printed.out)
    assert stop.value.code == outcome["exit_code"] == 1
    assert outcome["error"] == f"{len(UNUSED)} of {len(names)} pictures could not be used."
    got = {Path(it["file"]).relative_to(folder).as_posix(): it for it in outcome["pictures"]}
    assert [*got] == names
    assert {name: got[name]["fitted"] for name in USED} == USED
    for name, reason in UNUSED.items():
        assert not got[name]["used"]
        assert got[name]["reason"].startswith(reason)
        assert got[name]["written"] == []
    # Each that was used has its picture, of one name two.
    written = [Path(path).name for name in USED for path in got[name]["written"]]
    assert len({*written}) == len(USED)
    assert {"colour.png", "colour-2.png", "été 数字.png"} <= {*written}
    for name in written:
        with Image.open(tmp_path / "reconstruct" / name) as image:
            assert image.size == (28, 28)
    assert got["one pixel.png"]["notes"][0] == "it is of one colour"
    # People read the same, file by file.
    for name, line in USED.items():
        assert f"{folder / name}: {line}." in printed.err


@pytest.mark.parametrize("name", [name for name in USED if "million" not in name])  # slow
def test_a_file_that_data_folder_takes_has_the_same_bytes(folder: Path, name: str) -> None:
    for colour in (False, True):
        expected = read(folder / name, size=28, colour=colour)
        fitted = fit(folder / name, Fitting((3 if colour else 1, 28, 28), narrow=True))
        assert isinstance(fitted, FittedPicture)
        if isinstance(expected, str):  # what a data set refuses
            assert "16 bits" in expected and name.startswith("16 bits")
        else:
            assert np.array_equal(fitted.pixels, expected)


def test_the_upper_bits_of_a_deep_picture_are_its_grey_levels(folder: Path) -> None:
    fitted = fit(folder / "16 bits.png", Fitting((1, 40, 40), narrow=True))
    assert isinstance(fitted, FittedPicture)
    assert np.array_equal(fitted.pixels[0], stripes(40, 40, channels=1))


def test_a_background_shows_through_and_a_hole_is_missing(folder: Path) -> None:
    path, upper = folder / "holes.png", stripes(14, 28, channels=1)
    for level in (0, 255):
        fitted = fit(path, Fitting((1, 28, 28), level))
        assert isinstance(fitted, FittedPicture)
        assert np.array_equal(fitted.pixels[0, :14], upper)
        assert (fitted.pixels[0, 14:] == level).all()
        assert f"on {'white' if level else 'black'}" in fitted.words
    fitted = fit(path, Fitting((1, 28, 28), holes=True))
    assert isinstance(fitted, FittedPicture)
    assert fitted.opaque[:14].all() and not fitted.opaque[14:].any()
    # Larger, a row is half transparent: only what is opaque as a whole counts as seen.
    fitted = fit(path, Fitting((1, 20, 20), holes=True))
    assert isinstance(fitted, FittedPicture)
    assert fitted.opaque.any(axis=1).sum() < 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_exif_is_shown_upright(tmp_path: Path, orientation: int) -> None:
    pixels = np.zeros((8, 12), np.uint8)
    pixels[:4, :6] = 255  # the upper left quarter
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p.T, 2),
        8: lambda p: np.rot90(p, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(turns[orientation](pixels))).save(path, exif=exif)
    fitted = fit(path, Fitting((1, 8, 12)))
    assert isinstance(fitted, FittedPicture)
    assert fitted.size == (12, 8)
    assert np.array_equal(fitted.pixels[0], pixels)
    assert ("turned upright" in fitted.words) == (orientation > 1)
