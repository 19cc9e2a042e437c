"""dSprites' and MPI3D's files, made small in the layouts they were published in."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vae_lab.data.factor_files import FactorFile
from vae_lab.errors import UserError


def bits(codes: np.ndarray, width: int) -> np.ndarray:
    """Returns numbers (M,) as black and white pixels (M, width)."""
    return (codes[:, None] >> np.arange(width)) & 1


def numbers(pixels: np.ndarray) -> np.ndarray:
    return ((pixels > 127) << np.arange(pixels.shape[1])).sum(1)


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def dsprites(path: Path, **changes: np.ndarray) -> Path:
    """Writes 11,520 images of 3 x 6 x 10 x 8 x 8 classes; the first rows tell the row of the file.

    The published layout: imgs uint8 of 0 and 1, latents_classes int64, a pickled metadata.
    """
    sizes = (1, 3, 6, 10, 8, 8)
    classes = np.ascontiguousarray(np.indices(sizes).reshape(6, -1).T)
    images = np.zeros((len(classes), 64, 64), np.uint8)
    images[:, 0, :16] = bits(np.arange(len(classes)), 16)
    metadata = np.array(Evil(path.with_name("done")), dtype=object)
    arrays: dict[str, Any] = {
        "imgs": images,
        "latents_classes": classes,
        "metadata": metadata,
        **changes,
    }
    np.savez_compressed(path, **arrays)
    return path


def made(path: Path, **changes: Any) -> FactorFile:
    settings: dict[str, Any] = {"num_images": 3000, "num_test": 500, "draw_seed": 0}
    return FactorFile(path=str(path), **{**settings, **changes})


def test_dsprites_is_read_as_it_was_published(tmp_path: Path) -> None:
    source = made(dsprites(tmp_path / "d.npz"))
    assert source.image_shape() == (1, 64, 64)
    images = source.load()
    factors = images.factors
    assert factors is not None
    # The colour has one value, so it is left out.
    assert factors.names == ("shape", "scale", "orientation", "posX", "posY")
    assert factors.values[0] == ("square", "ellipse", "heart") == images.label_names
    assert [len(names) for names in factors.values] == [3, 6, 10, 8, 8]
    rows = []
    for pixels, codes, labels in (
        (images.train_images[:], factors.train, images.train_labels),
        (images.test_images[:], factors.test, images.test_labels),
    ):
        assert pixels.shape[1:] == (1, 64, 64) and set(np.unique(pixels)) == {0, 255}
        row = numbers(pixels[:, 0, 0, :16])
        assert np.array_equal(codes, np.stack(np.unravel_index(row, (3, 6, 10, 8, 8)), axis=1))
        assert labels is not None and np.array_equal(labels, codes[:, 0])
        rows += row.tolist()
    assert len(rows) == len(set(rows)) == 3500  # no image twice
    # The pickle was not opened.
    assert not (tmp_path / "done").exists()
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(tmp_path / "d.npz")["metadata"]


def test_another_seed_draws_other_images(tmp_path: Path) -> None:
    path = dsprites(tmp_path / "d.npz")
    first, same, other = (made(path, draw_seed=seed).load().train_images[:] for seed in (0, 0, 1))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


def test_mpi3d_has_its_factors_by_the_order_of_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = (3, 2, 2, 1, 3, 5, 4)
    monkeypatch.setattr("vae_lab.data.factor_files._MPI3D_SIZES", (sizes,))
    total = int(np.prod(sizes))
    images = np.zeros((total, 16, 16, 3), np.uint8)
    images[:, 0, :, 1] = bits(np.arange(total), 16) * 200
    np.savez_compressed(tmp_path / "m.npz", images=images)
    source = made(tmp_path / "m.npz", num_images=300, num_test=50)
    assert source.image_shape() == (3, 16, 16)
    loaded = source.load()
    factors = loaded.factors
    assert factors is not None and "camera_height" not in factors.names  # one value here
    row = numbers(loaded.train_images[:, 1, 0])
    expected = np.stack(np.unravel_index(row, sizes), axis=1)
    assert np.array_equal(factors.train, np.delete(expected, 3, axis=1))
    assert loaded.train_images[:].max() == 200  # colours are taken as they are
    # The labels are there.
    assert np.array_equal(loaded.train_labels, expected[:, 1])  # type: ignore[arg-type]


def test_the_published_sizes_are_those_of_mpi3d() -> None:
    from vae_lab.data.factor_files import _MPI3D, _MPI3D_SIZES

    assert [int(np.prod(sizes)) for sizes in _MPI3D_SIZES] == [1_036_800, 460_800]
    assert {len(sizes) for sizes in _MPI3D_SIZES} == {len(_MPI3D)}


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    whole = dsprites(tmp_path / "d.npz")
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:2000])
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "few.npz", images=np.zeros((10, 16, 16, 3), np.uint8))
    np.savez(
        tmp_path / "float.npz", imgs=np.zeros((9, 16, 16)), latents_classes=np.zeros((9, 6), int)
    )
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Evil(tmp_path / "done")))
    dsprites(tmp_path / "classes.npz", latents_classes=np.zeros((11520, 5), int))
    for name, words, sizes in (
        ("missing.npz", "missing.npz is not a file: name an .npz file", {}),
        ("cut.npz", "is broken or not an .npz file", {}),
        ("pickle.npz", "is broken or not an .npz file", {}),
        ("other.npz", r"holds x: data=factors reads imgs with latents_classes", {}),
        ("few.npz", r"10 images: MPI3D has 1,036,800 or 460,800", {"num_images": 5, "num_test": 2}),
        ("float.npz", r"'imgs' in .* is float64", {}),
        ("classes.npz", r"is \(11520, 5\): \(11520, 6\) is needed", {}),
        ("d.npz", "more than the 11520 images", {"num_images": 11_500}),
        ("d.npz", "num_test must be a whole number", {"num_test": 0.1}),
    ):
        source = made(tmp_path / name, **sizes)
        with pytest.raises(UserError, match=words) as error:
            source.load()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "done").exists()
