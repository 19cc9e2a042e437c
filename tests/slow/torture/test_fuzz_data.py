"""Random data sets: arrays of every kind, shape and range, and folders of odd files.

Whatever they hold is read right or answered in one line: no traceback, and no black data set.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_counts import count, repeats
from PIL import Image

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.image_folder import ImageFolder
from vae_lab.data.images import Source
from vae_lab.data.npz import Npz
from vae_lab.errors import UserError

pytestmark = pytest.mark.torture

KINDS = ["u1", "i1", "u2", "i4", "i8", "f2", "f4", "f8", "?", "c8", "M8[s]", "U3", "S4", "V4", "O"]
KEYS = ["images", "imgs", "x_train", "train_images", "data", "labels", "label", "é", "a/b"]


def is_answered(source: Source) -> ImageDataModule | None:
    """Returns the data that a run would have; None if one line says why there are none."""
    data = ImageDataModule(
        source=source, batch_size=1, num_val=1, split_seed=0, seed=0, binarize="none"
    )
    try:
        data.setup()
    except UserError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert len(message) < 2500
        return None
    splits = [data.train_images[:].numpy(), data.val_images[:].numpy(), data.test_images[:].numpy()]
    pixels = np.concatenate(splits)
    # What goes on is an image set: of contrast, in a size that networks take, whole.
    assert int(pixels.max()) - int(pixels.min()) > 1
    assert pixels.shape[1] in (1, 3)
    assert 8 <= min(pixels.shape[2:]) <= max(pixels.shape[2:]) <= 64
    assert all(name.isprintable() for name in data.label_names or ())
    assert all("\n" not in warning for warning in data.warnings)
    if np.ptp(pixels.reshape(len(pixels), -1), axis=1).max() < 32:
        assert any("look like one colour" in warning for warning in data.warnings)
    return data


def an_array(chance: random.Random) -> np.ndarray:
    """Returns an array of any kind, shape and range, often nearly one of images."""
    draw = np.random.default_rng(chance.getrandbits(32))
    size, number = chance.choice([1, 7, 8, 12, 16, 64, 65]), chance.choice([0, 1, 2, 5, 30, 40])
    shapes = [
        *[(number, size, size)] * 4,
        *[(number, size, size, channels) for channels in (1, 2, 3, 4, 7)],
        *[(number, channels, size, size) for channels in (1, 3)],
        *[(size, size, number), (size, size, 3, number), (3, number, size, size)],
        *[(number,), (number, 1), (number, 10), (), (number, size), (2, 3, 4, 5, 6)],
    ]
    values = draw.random(chance.choice(shapes))
    low, high = chance.choice(
        [(0, 1)] * 4
        + [(0, 255)] * 6
        + [(0, 0), (1, 1), (0, 2), (0, 9), (-1, 1), (-3, 3), (0, 1.0000001), (0, 65535), (0, 1e-4)]
        + [(250, 255), (0, 1e300), (float("nan"), 1), (0, float("inf"))]
    )
    kind = chance.choice([*KINDS, *["u1", "f4", "f8", "?"] * 4])
    if kind == "O":
        return np.array([object()] * number, dtype=object)
    with np.errstate(all="ignore"):
        values = low + values * (high - low)
        if kind in ("U3", "S4", "V4"):
            return (
                np.nan_to_num(values, posinf=9, neginf=0)
                .clip(0, 999)
                .astype(int)
                .astype("S4")
                .astype(kind)
            )
        return values.astype(kind)


def nearly_images(chance: random.Random) -> np.ndarray:
    """Returns images of a usual shape, whose kind and range may be wrong."""
    draw = np.random.default_rng(chance.getrandbits(32))
    shape = chance.choice([(30, 12, 12), (30, 12, 16, 3), (30, 3, 16, 12), (30, 8, 8, 1)])
    values, top = draw.random(shape), chance.choice([1, 1, 2, 10, 255, 256])
    values = values.astype(chance.choice(["f2", "f4", "f8"]))
    return values if chance.random() < 0.4 else (values * top).astype(chance.choice(["u1", "?"]))


def test_any_arrays_are_read_or_answered_in_one_line(tmp_path: Path) -> None:
    chance, tried, read = random.Random(11), repeats(500), 0
    path = tmp_path / "my.npz"
    for _ in range(tried):
        names = [chance.choice(["images"] * 9 + KEYS), *chance.sample(KEYS, chance.randrange(3))]
        arrays: dict[str, Any] = {name: an_array(chance) for name in names}
        if chance.random() < 0.5:
            arrays["images"] = nearly_images(chance)
        np.savez(path, **arrays)
        if chance.random() < 0.1:
            _damage(path, chance)
        keys = {key: chance.choice([None, None, None, *KEYS]) for key in ("images", "labels")}
        made = Npz(path=str(path), num_test=chance.choice([0.1, 1, 0.5]), **keys)
        if (data := is_answered(made)) is not None:
            read += 1
            _check_values(made.read().images[:], arrays, data)
    assert read, "some of them were images"
    count("data sets of arrays", tried, 0)


def _damage(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 8])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    del content[chance.choice([len(content), chance.randrange(len(content))]) :]
    path.write_bytes(content)


def _check_values(read: np.ndarray, arrays: dict[str, np.ndarray], data: ImageDataModule) -> None:
    """The bytes are those of an array of the file: as they are, or scaled in a way that is said."""
    found = sorted(read.reshape(-1).tolist())
    for array in arrays.values():
        if array.size != read.size or array.dtype.kind not in "ufb":
            continue
        scale = 1.0 if array.dtype == np.uint8 else 255.0
        if array.dtype == np.uint8 and array.max() == 1:
            scale = 255.0
            assert any("black and white" in warning for warning in data.warnings)
        if found == sorted(
            np.rint(array.astype(np.float32) * np.float32(scale)).reshape(-1).tolist()
        ):
            return
    raise AssertionError("the images are none of the file's arrays")


def odd_files(chance: random.Random) -> list[Callable[[Path], Any]]:
    """Returns what writes a file of a random kind."""
    draw = np.random.default_rng(chance.getrandbits(32))
    grey = draw.integers(0, 256, (20, 24), dtype=np.uint8)
    colour = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    wide = (grey.astype(np.uint16)) * 200

    def saved(pixels: np.ndarray, kind: str = "PNG", **options: Any) -> Callable[[Path], Any]:
        return lambda path: Image.fromarray(pixels).save(path, format=kind, **options)

    return [
        *[saved(grey), saved(colour), saved(colour, "JPEG"), saved(grey, "GIF")] * 3,
        *[saved(grey, "TIFF"), saved(colour, "WEBP"), saved(colour, "EPS"), saved(wide)],
        *[saved(grey * 0), saved(grey // 128), saved(colour // 128), saved(grey * 0 + 255)],
        saved(np.dstack([colour, grey[:16, :16]])),
        saved(colour[:1, :1]),
        saved(np.tile(colour[:1], (1, 200, 1))),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(grey.tobytes()),
        lambda path: path.write_text("<html>not found</html>"),
        lambda path: path.symlink_to("nowhere"),
        lambda path: path.symlink_to(path.parent),
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
    ]


def test_any_folder_is_read_or_answered_in_one_line(tmp_path: Path) -> None:
    chance, tried, read = random.Random(12), repeats(300), 0
    folders = [
        "",
        "a",
        "b",
        "train",
        "val",
        "test",
        "a/deep",
        os.fsdecode(b"K\xf6ln"),
        "two\nlines",
    ]
    suffixes = [".png"] * 6 + [".jpg", ".gif", ".tif", ".webp", ".heic", ".txt", "", ".PNG"]
    for number in range(tried):
        root = tmp_path / str(number)
        places = chance.sample(folders, chance.choice([1, 2, 3]))
        usual = chance.random() < 0.5
        for file in range(chance.choice([3, 10, 20])):
            kinds = odd_files(chance)
            place = root / chance.choice(places)
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{file}{'.png' if usual else chance.choice(suffixes)}"
            (chance.choice(kinds[:4]) if usual else chance.choice(kinds))(path)
        made = ImageFolder(
            path=str(root), root=str(tmp_path / "data"), image_size=chance.choice([8, 16]),
            colour=chance.random() < 0.5, num_test=1, skip_broken=chance.random() < 0.8,
            read_only=False,
        )  # fmt: skip
        read += is_answered(made) is not None
    assert read, "some of them were images"
    count("data sets of files", tried, 0)
