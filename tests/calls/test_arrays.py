"""Images that are given as arrays: the same pixels are the same file, and what cannot be used."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vae_lab.calls.arrays import settings_of
from vae_lab.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 10)).astype(np.uint8)
LABELS = np.arange(40) % 3


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAE_LAB_DATA", str(tmp_path))
    return tmp_path


def files(root: Path) -> list[Path]:
    return sorted((root / "arrays").iterdir())


@pytest.mark.parametrize(
    "same",
    [
        PIXELS[:, 0],
        np.moveaxis(PIXELS, 1, 3),
        np.asfortranarray(PIXELS),
        PIXELS / 255,
        (PIXELS / 255).astype(np.float32),
        torch.from_numpy(PIXELS),
        torch.from_numpy(PIXELS).float().requires_grad_() / 255,
    ],
)
def test_the_same_pixels_are_the_same_file(same: Any, root: Path) -> None:
    first = settings_of(PIXELS, None, ())
    assert settings_of(same, None, ()) == first
    (path,) = files(root)
    assert first == ["data=npz", f"data.path={path}"]
    with np.load(path) as file:
        assert file.files == ["images"] and np.array_equal(file["images"], PIXELS)


def test_labels_are_part_of_it_and_a_pair_is_the_same_as_both(root: Path) -> None:
    pair = settings_of((PIXELS, LABELS), None, ())
    assert settings_of(PIXELS, torch.from_numpy(LABELS), ()) == pair
    assert settings_of(PIXELS, list(LABELS), ()) == pair
    assert settings_of(PIXELS, LABELS[:, None].astype(float), ()) == pair
    assert len(files(root)) == 1
    others = [settings_of(PIXELS, labels, ()) for labels in (None, LABELS + 1, LABELS.astype(str))]
    assert len({tuple(words) for words in (pair, *others)}) == len(files(root)) == 4


def test_half_precision_is_rounded_to_its_own_bytes() -> None:
    coarse = torch.linspace(0, 1, 720).reshape(9, 1, 8, 10)
    for kind in (torch.bfloat16, torch.float16):
        rounded = coarse.to(kind)
        assert settings_of(rounded, None, ()) == settings_of(rounded.float(), None, ())


def test_a_file_that_was_changed_is_written_again(root: Path) -> None:
    settings_of(PIXELS, None, ())
    (path,) = files(root)
    before = path.read_bytes()
    modified = path.stat().st_mtime_ns
    settings_of(PIXELS, None, ())
    assert path.stat().st_mtime_ns == modified
    path.write_bytes(before[:-100])
    settings_of(PIXELS, None, ())
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("data", "labels", "told"),
    [
        (PIXELS[:, :, :4], None, r"the images of data \(40, 1, 4, 10\) are 4 x 10: resize them"),
        (PIXELS.astype(float), None, r"data .* has values outside \[0, 1\]"),
        (PIXELS.astype(np.uint16), None, "data .* has 16 bits per pixel"),
        (PIXELS[0, 0], None, "has 2 dimensions"),
        (PIXELS * 0, None, "data: the largest value is 0 of 255, so every image is black"),
        (PIXELS[:0], None, "is empty: 0 images"),
        ([PIXELS], None, "data must be an array or tensor, got list"),
        ("digits", None, r"as in vae_lab.train\(\"data=digits\"\)"),
        (PIXELS, LABELS[:5], "labels has shape .5,.: one label for each of the 40 images"),
        (PIXELS, LABELS + 0.5, "labels is float64: whole numbers or text"),
        ((PIXELS, LABELS), LABELS, "labels are given twice"),
        (None, LABELS, "labels are given without images"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_written(
    data: Any, labels: Any, told: str, root: Path
) -> None:
    with pytest.raises(UserError, match=told) as refused:
        settings_of(data, labels, ())
    assert "\n" not in str(refused.value) and not (root / "arrays").exists()


def test_two_data_sets_are_refused() -> None:
    for word in ("data=mnist", "data.path=a.npz"):
        with pytest.raises(UserError, match=f"{word} names other images than data"):
            settings_of(PIXELS, None, ("latent_dim=2", word))


def test_zeros_and_ones_are_black_and_white(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black_and_white = PIXELS > 127
    words = settings_of(black_and_white, None, ())
    assert capsys.readouterr().err == ""
    assert settings_of(black_and_white.astype(np.uint8), None, ()) == words
    assert "they are read as black and white, 0 and 255" in capsys.readouterr().err
    with np.load(files(root)[0]) as file:
        assert {*np.unique(file["images"])} == {0, 255}


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(root: Path) -> None:
    root.chmod(0o500)
    try:
        with pytest.raises(UserError, match="VAE_LAB_DATA names the folder of data"):
            settings_of(PIXELS, None, ())
    finally:
        root.chmod(0o700)
