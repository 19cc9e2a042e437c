"""The strips and pictures that a page shows, from the PNG files of runs."""

from pathlib import Path

import numpy as np
from drawn_runs import drawn_run
from PIL import Image

from vae_lab.report import strips
from vae_lab.report.runs import find_runs


def test_strips_are_the_images_pixel_by_pixel(tmp_path: Path) -> None:
    _, originals, decoded = drawn_run(tmp_path / "a", seed=1)
    (run,), _ = find_runs([tmp_path])
    found = strips.reconstructions(run)
    assert found is not None
    for strip, expected in zip(found, (originals, decoded), strict=True):
        assert strip.shape == (6, 20 * 6 - 1)
        for place in range(20):
            cell = strip[:, 6 * place : 6 * place + 5]
            assert np.array_equal(cell, expected[place, 0].numpy())
    paths = strips.interpolations(run)
    assert list(paths) == ["1 to 7", "1 to 7, again 1", "3 to 8"]
    assert np.array_equal(paths["3 to 8"][:, :5], originals[2, 0].numpy())
    assert np.array_equal(paths["3 to 8"][:, -5:], originals[5, 0].numpy())
    assert np.array_equal(paths["3 to 8"][:, 10:15], decoded[8, 0].numpy())


def test_pictures_of_another_shape_are_left_out(tmp_path: Path) -> None:
    folder, _, _ = drawn_run(tmp_path / "a", seed=1)
    for name in ("reconstructions", "interpolations"):
        Image.new("L", (7, 7)).save(folder / "figures" / f"{name}_0004.png")
    (run,), _ = find_runs([tmp_path])
    assert strips.reconstructions(run) is None and strips.interpolations(run) == {}
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
