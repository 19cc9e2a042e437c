"""One's own arrays: every layout is read as it is, and what is wrong with a file is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from user_images import discs

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.images import Images, identity
from vae_lab.data.npz import Npz
from vae_lab.errors import UserError

COUNT, SIZE = 30, 12
IMAGES, NAMES = discs(COUNT, size=SIZE)
GREY = IMAGES[..., 0]


def source(folder: Path, **arrays: Any) -> Npz:
    np.savez(folder / "my.npz", **arrays)
    return Npz(path=str(folder / "my.npz"), num_test=0.2)


def together(images: Images) -> np.ndarray:
    """Returns training and test images, in the order of their bytes."""
    both = np.concatenate([images.train_images[:], images.test_images[:]])
    return np.array(sorted(both, key=lambda image: image.tobytes()))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GREY, GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (GREY[:, None], GREY[:, None]),
        (IMAGES, IMAGES.transpose(0, 3, 1, 2)),
        (IMAGES.transpose(0, 3, 1, 2), IMAGES.transpose(0, 3, 1, 2)),
        (IMAGES / 255, IMAGES.transpose(0, 3, 1, 2)),
        ((IMAGES / 255).astype(np.float16), IMAGES.transpose(0, 3, 1, 2)),
    ],
    ids=["NHW", "NHW1", "N1HW", "NHWC", "NCHW", "float64", "float16"],
)
def test_every_layout_is_read(tmp_path: Path, images: np.ndarray, expected: np.ndarray) -> None:
    made = source(tmp_path, images=images)
    loaded = made.load()
    assert made.prepare() == expected.shape
    assert loaded.train_images[:].dtype == np.uint8
    assert (len(loaded.train_images), len(loaded.test_images)) == (24, 6)
    assert (loaded.train_labels, loaded.test_labels, loaded.label_names) == (None, None, None)
    wanted = np.array(sorted(expected, key=lambda image: image.tobytes()))
    assert np.array_equal(together(loaded), wanted)


def test_labels_follow_their_images_by_name(tmp_path: Path) -> None:
    loaded = source(tmp_path, images=IMAGES, labels=NAMES).load()
    assert loaded.label_names == ("blue", "green", "red")
    by_bytes = {
        image.tobytes(): name
        for image, name in zip(IMAGES.transpose(0, 3, 1, 2), NAMES, strict=True)
    }
    assert loaded.train_labels is not None and loaded.test_labels is not None
    parts = (loaded.train_images, loaded.train_labels), (loaded.test_images, loaded.test_labels)
    for images, labels in parts:
        names = [by_bytes[image.tobytes()] for image in images[:]]
        assert names == [loaded.label_names[label] for label in labels.tolist()]
        # Each label has its share.
        assert len(set(np.bincount(labels).tolist())) == 1


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.arange(COUNT) % 3, None),
        (np.arange(COUNT) % 3 * 5 - 2, ("-2", "3", "8")),
        (np.array([b"x", b"y"])[np.arange(COUNT) % 2], ("b'x'", "b'y'")),
    ],
)
def test_labels_may_be_any_numbers(
    tmp_path: Path, labels: np.ndarray, names: tuple[str, ...] | None
) -> None:
    loaded = source(tmp_path, images=GREY, labels=labels).load()
    assert loaded.label_names == names
    assert loaded.train_labels is not None
    assert set(loaded.train_labels.tolist()) == set(range(len(np.unique(labels))))


def test_one_label_is_none_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = source(tmp_path, images=GREY, labels=np.full(COUNT, "cat")).load()
    assert loaded.train_labels is None
    assert "have one label, 'cat': they are taken as images without labels" in (
        capsys.readouterr().err
    )


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "16 bits": ({"images": GREY.astype(np.uint16)}, r"16 bits a pixel \(uint16\)"),
    "alpha": ({"images": np.dstack([GREY] * 4).reshape(COUNT, SIZE, SIZE, 4)}, "one is alpha"),
    "grey and alpha": ({"images": np.stack([GREY] * 2, -1)}, "2 channels, so one is alpha"),
    "many channels": ({"images": np.stack([GREY] * 7, 1)}, "7 channels: 1|resize"),
    "above 1": ({"images": GREY / 200}, r"outside \[0, 1\], from .* to .*divide by the largest"),
    "below 0": ({"images": GREY / 255 - 0.5}, r"outside \[0, 1\]"),
    "nan": ({"images": np.where(GREY > 99, np.nan, 0.5)}, r"outside \[0, 1\]"),
    "whole numbers": ({"images": GREY.astype(np.int64)}, r"int64: uint8.*astype\(numpy.uint8\)"),
    "empty": ({"images": GREY[:0]}, "is empty: 0 images"),
    "too small": ({"images": GREY[:, :7]}, "are 7 x 12: resize them to between 8 x 8 and 64 x 64"),
    "too large": ({"images": np.zeros((9, 65, 65), np.uint8)}, "65 x 65: resize"),
    "flat": ({"images": GREY.reshape(COUNT, -1)}, r"2 dimensions, \(30, 144\): NHW, NHWC or NCHW"),
    "other name": ({"x": GREY}, r"no array 'images' but x: write it with"),
    "few labels": ({"images": GREY, "labels": NAMES[:9]}, r"shape \(9,\).*each of the 30 images"),
    "float labels": ({"images": GREY, "labels": np.ones(COUNT)}, "'labels' .* float64: whole num"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_the_arrays_is_told(tmp_path: Path, case: str) -> None:
    arrays, words = BAD[case]
    made = source(tmp_path, **arrays)
    for look in (made.prepare, made.load):
        with pytest.raises(UserError, match=words) as caught:
            look()
        assert "\n" not in str(caught.value) and "my.npz" in str(caught.value)


def test_mixed_sizes_are_an_array_of_objects_and_never_unpickled(tmp_path: Path) -> None:
    mixed = np.empty(2, dtype=object)
    mixed[:] = [GREY[0], GREY[0][:5]]
    made = source(tmp_path, images=mixed)
    with pytest.raises(UserError, match="images of mixed sizes must be made one size first"):
        made.prepare()


def _absent(path: Path) -> None:
    path.unlink()


def _text(path: Path) -> None:
    path.write_text("no archive")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _single(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, GREY)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_absent, r"cannot be read \(No such file or directory\): name an .npz file"),
        (_text, "cannot be read as an .npz file"),
        (_cut, "cannot be read as an .npz file"),
        (_flipped, "'images' in .* is broken"),
        (_single, "holds one array and no name"),
        (_folder, r"cannot be read \(Is a directory\): name an .npz file"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    made = source(tmp_path, images=GREY)
    spoil(made.path)
    with pytest.raises(UserError, match=words) as caught:
        made.prepare()
    assert "my.npz" in str(caught.value) and "\n" not in str(caught.value)


def test_the_test_images_depend_on_no_seed_and_the_fingerprint_on_every_image(
    tmp_path: Path,
) -> None:
    torch.manual_seed(1)
    first = source(tmp_path, images=GREY).load()
    torch.manual_seed(2)
    second = source(tmp_path, images=GREY).load()
    assert np.array_equal(first.test_images[:], second.test_images[:])
    assert identity(first) == identity(second)
    changed = GREY.copy()
    changed[3, 4, 5] ^= 1
    assert identity(source(tmp_path, images=changed).load()) != identity(first)


def test_a_checkpoint_of_other_images_is_refused(tmp_path: Path) -> None:
    def data(images: np.ndarray) -> ImageDataModule:
        settings = {"batch_size": 8, "num_val": 0.25, "split_seed": 0, "seed": 0}
        made = ImageDataModule(
            source=source(tmp_path, images=images),
            binarize="none",
            # The types of settings from a dict are not known one by one.
            **settings,  # type: ignore[arg-type]
        )
        made.setup()
        return made

    kept = data(GREY)
    assert (kept.num_val, len(kept.val_images), len(kept.train_images)) == (6, 6, 18)
    data(GREY).load_state_dict(kept.state_dict())
    with pytest.raises(UserError, match="the images are others than when this run began"):
        data(GREY[::-1] + 1).load_state_dict(kept.state_dict())
