"""One's own arrays: every layout is read as it is, and what is wrong with a file is told."""

import os
import re
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
from vae_lab.data.user_images import encode_labels
from vae_lab.errors import UserError

COUNT, SIZE = 30, 12
SETTINGS: dict[str, Any] = {
    **{"batch_size": 8, "num_val": 0, "split_seed": 0, "seed": 0, "binarize": "none"}
}
IMAGES, NAMES = discs(COUNT, size=SIZE)
GREY = IMAGES.max(axis=-1)


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
    assert made.read().images.shape == expected.shape
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
        (np.array([b"x", b"\xc3\xa9"])[np.arange(COUNT) % 2], ("x", "\u00e9")),
        (np.array([b"x", b"\xf6"])[np.arange(COUNT) % 2], ("\\xf6", "x")),
        ((np.arange(COUNT) % 3)[:, None], None),
        ((np.arange(COUNT) % 3).astype(np.float32), None),
        (np.arange(COUNT) % 2 == 0, ("False", "True")),
    ],
)
def test_labels_may_be_any_numbers(
    tmp_path: Path, labels: np.ndarray, names: tuple[str, ...] | None
) -> None:
    loaded = source(tmp_path, images=GREY, labels=labels).load()
    assert loaded.label_names == names
    assert loaded.train_labels is not None
    assert set(loaded.train_labels.tolist()) == set(range(len(np.unique(labels))))


def test_one_label_is_none_and_is_told(tmp_path: Path) -> None:
    loaded = source(tmp_path, images=GREY, labels=np.full(COUNT, "cat")).load()
    assert loaded.train_labels is None and loaded.warnings is not None
    assert "have one label, 'cat': they are taken as images without labels" in loaded.warnings[0]


BINARY = (GREY > 99).astype(np.uint8)  # 0 and 1

WARNED: dict[str, tuple[dict[str, Any], str]] = {
    "0 and 1": ({"images": BINARY}, "has the values 0 and 1 only: they are read as black and"),
    "nearly black": ({"images": GREY // 16}, "30 of the 30 images .* multiply the values by 17"),
    "nearly white": ({"images": 255 - GREY // 16}, "30 of the 30 images .* look like one colour"),
    "one blank": (
        {"images": np.where(np.arange(COUNT)[:, None, None] == 4, 7, GREY)},
        r"1 of the 30 images of 'images' in .* are of one colour each \(the first is image 4\)",
    ),
    "three equal channels": ({"images": np.stack([GREY] * 3, -1)}, "in three equal channels"),
    "another name for labels": (
        {"images": GREY, "label": NAMES},
        "without labels. It also holds label: data.labels=NAME takes one",
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_looks_wrong_is_told(tmp_path: Path, case: str) -> None:
    arrays, words = WARNED[case]
    arrays["images"] = arrays["images"].astype(np.uint8)
    warnings = source(tmp_path, **arrays).load().warnings
    assert warnings is not None and len(warnings) == 1
    assert re.search(words, warnings[0]), warnings


def test_images_that_are_right_are_not_warned_of(tmp_path: Path) -> None:
    for images in (GREY, IMAGES, GREY / 255, BINARY.astype(bool), BINARY * 255, BINARY / 1.0):
        assert source(tmp_path, images=images, labels=NAMES).load().warnings == ()


@pytest.mark.parametrize("images", [BINARY.astype(bool), BINARY, BINARY * 255, BINARY / 1.0])
def test_binary_images_are_black_and_white(tmp_path: Path, images: np.ndarray) -> None:
    assert np.array_equal(source(tmp_path, images=images).read().images[:][:, 0], BINARY * 255)


LAYOUTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "this project": ({"images": GREY, "labels": NAMES}, {}),
    "dSprites": ({"imgs": BINARY, "latents_values": np.zeros((COUNT, 6))}, {}),
    "names": ({"photo": GREY, "kind": NAMES, "x": GREY}, {"images": "photo", "labels": "kind"}),
    "labels only": ({"images": GREY, "kind": NAMES}, {"labels": "kind"}),
    "one split": ({"train_images": GREY, "train_labels": NAMES}, {}),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_the_names_of_common_files_are_known(tmp_path: Path, case: str) -> None:
    arrays, names = LAYOUTS[case]
    np.savez(tmp_path / "my.npz", **arrays)
    loaded = Npz(path=str(tmp_path / "my.npz"), num_test=0.2, **names).load()
    assert (len(loaded.train_images), len(loaded.test_images)) == (24, 6)
    has_labels = any(values is NAMES for values in arrays.values())
    assert loaded.label_names == (tuple(sorted(set(NAMES))) if has_labels else None)


@pytest.mark.parametrize(
    ("pattern", "splits"),
    [
        (("{}_images", "{}_labels"), ("train", "val", "test")),
        (("x_{}", "y_{}"), ("train", "test")),
    ],
)
def test_splits_of_a_file_are_the_splits(
    tmp_path: Path, pattern: tuple[str, str], splits: tuple[str, ...]
) -> None:
    labels = (np.arange(COUNT) % 3)[:, None]  # (N, 1), as MedMNIST has them
    rows = dict(zip(splits, np.split(np.arange(COUNT), [18, 24][: len(splits) - 1]), strict=True))
    arrays: dict[str, Any] = {}
    for split, of_split in rows.items():
        arrays |= {pattern[0].format(split): IMAGES[of_split]}
        arrays |= {pattern[1].format(split): labels[of_split]}
    np.savez(tmp_path / "my.npz", **arrays)
    data = ImageDataModule(
        source=Npz(path=str(tmp_path / "my.npz"), num_test=0.2),
        **SETTINGS,
    )
    data.setup()
    for split, of_split in rows.items():
        images, of_images = getattr(data, f"{split}_images"), getattr(data, f"{split}_labels")
        assert np.array_equal(images[:].numpy(), IMAGES[of_split].transpose(0, 3, 1, 2))
        assert of_images.tolist() == labels[of_split, 0].tolist()


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "16 bits": ({"images": GREY.astype(np.uint16)}, r"16 bits per pixel \(uint16\)"),
    "alpha": ({"images": np.dstack([GREY] * 4).reshape(COUNT, SIZE, SIZE, 4)}, "one is alpha"),
    "grey and alpha": ({"images": np.stack([GREY] * 2, -1)}, "2 channels, so one is alpha"),
    "many channels": ({"images": np.stack([GREY] * 7, 1)}, r"\(30, 7, 12, 12\) has 7 channels: 1"),
    "above 1": ({"images": GREY / 200}, r"outside \[0, 1\], from .* to .*divide by the largest"),
    "0 to 255": (
        {"images": GREY / 1.0},
        "from 30.0 to 2.*divide by the largest possible value, 255",
    ),
    "standardised": ({"images": GREY / 50 - 2.0}, "undo the standardisation"),
    "-1 to 1": ({"images": GREY / 255 - 0.5}, r"from \[-1, 1\]: \(images \+ 1\) / 2"),
    "a little above 1": ({"images": GREY / GREY.max() * 1.0000001}, r"1.0000001: .*clip\(0, 1\)"),
    "nan": (
        {"images": np.where(GREY > 99, np.nan, 0.5)},
        r"NaN or infinite values in \d+ images, the first",
    ),
    "infinite": ({"images": np.where(GREY > 300, 0, np.inf)}, r"infinite values in 30 images"),
    "whole numbers": ({"images": GREY.astype(np.int64)}, r"int64: uint8.*astype\(numpy.uint8\)"),
    "complex": ({"images": GREY * 1j}, "is complex128: uint8, bool, or float"),
    "dates": ({"images": GREY.astype("M8[s]")}, r"is datetime64\[s\]: uint8, bool, or float"),
    "black": ({"images": GREY * 0}, "the largest value is 0 of 255, so every image is black"),
    "divided twice": ({"images": GREY / 255**2}, "the largest value is 1 of 255.*multiply.*by 255"),
    "white": ({"images": GREY * 0 + 255}, "each image is of one colour, so there is nothing to"),
    "constant": (
        {"images": np.ones_like(GREY) * np.arange(COUNT, dtype=np.uint8)[:, None, None]},
        "each image is of one colour",
    ),
    "empty": ({"images": GREY[:0]}, "is empty: 0 images"),
    "too small": ({"images": GREY[:, :7]}, "are 7 x 12: resize them to between 8 x 8 and 64 x 64"),
    "too large": ({"images": np.zeros((9, 65, 65), np.uint8)}, "65 x 65: resize"),
    "flat": ({"images": GREY.reshape(COUNT, -1)}, r"\(30, 144\) has 2 dimensions: \(N, H, W\)"),
    "counted last": (
        {"images": GREY.transpose(1, 2, 0)},
        r"looks as if its axis 2 counts the images: numpy.moveaxis\(images, 2, 0\)",
    ),
    "counted last, by labels": (
        {"images": IMAGES.transpose(1, 2, 3, 0), "labels": NAMES},
        r"has 30 labels, so its axis 3 counts the images: numpy.moveaxis\(images, 3, 0\)",
    ),
    "counted in the middle": ({"images": GREY.transpose(1, 0, 2)}, "its axis 1 counts the images"),
    "other name": ({"a": GREY}, "no array 'images' but a: name yours with data.images=NAME"),
    "few labels": ({"images": GREY, "labels": NAMES[:9]}, r"shape \(9,\).*each of the 30 images"),
    "one-hot": ({"images": GREY, "labels": np.eye(COUNT)}, r"labels.argmax\(axis=1\)"),
    "float labels": ({"images": GREY, "labels": np.ones(COUNT) / 2}, "'labels' .* float64: whole"),
    "labels of pandas": (
        {"images": GREY, "labels": NAMES.astype(object)},
        r"of Python objects: labels.astype\(str\) makes text",
    ),
    "one split without labels": (
        {"x_train": GREY, "y_train": NAMES, "x_test": GREY},
        "the splits of .* differ",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_the_arrays_is_told(tmp_path: Path, case: str) -> None:
    arrays, words = BAD[case]
    made = source(tmp_path, **arrays)
    for look in (made.read, made.load):
        with pytest.raises(UserError, match=words) as caught:
            look()
        assert "\n" not in str(caught.value) and "my.npz" in str(caught.value)


def test_mixed_sizes_are_an_array_of_objects_and_never_unpickled(tmp_path: Path) -> None:
    mixed = np.empty(2, dtype=object)
    mixed[:] = [GREY[0], GREY[0][:5]]
    made = source(tmp_path, images=mixed)
    with pytest.raises(UserError, match="images of mixed sizes must be made one size first"):
        made.read()


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
        (_text, "is not an .npz file: write one with"),
        (_cut, "is not an .npz file: write one with"),
        (_flipped, "'images' in .* is broken"),
        (_single, "holds one array and no name"),
        (_folder, "is a folder: name an .npz file, or use its image files with data=folder"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    made = source(tmp_path, images=GREY)
    spoil(made.path)
    with pytest.raises(UserError, match=words) as caught:
        made.read()
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


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "my.npz")
    with pytest.raises(UserError, match=r"is a device or a pipe: name an \.npz file"):
        Npz(path=str(tmp_path / "my.npz"), num_test=0.2).read()


def test_copies_are_counted(tmp_path: Path) -> None:
    assert source(tmp_path, images=GREY).read().warnings == ()
    doubled = np.concatenate([GREY, GREY[:7]])
    (words,) = source(tmp_path, images=doubled).read().warnings
    assert "7 of the 37 images of" in words and "are copies of others" in words


@pytest.mark.parametrize("labels", [["x" * 1001, "y"] * 15, [f"{i:0600}" for i in range(2000)]])
def test_labels_that_no_result_can_hold_are_refused(labels: list[str]) -> None:
    with pytest.raises(UserError, match="Shorten them, or leave the labels out"):
        encode_labels("my.npz", np.array(labels))


def test_blank_images_are_not_called_faint_too(tmp_path: Path) -> None:
    images = GREY.copy()
    images[:25] = 0
    words = " ".join(source(tmp_path, images=images).read().warnings)
    assert "25 of the 30 images" in words and "an eighth" not in words
