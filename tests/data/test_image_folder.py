"""One's own image files: prepared once, mapped, and what cannot be used is listed."""

import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from user_images import COLOURS, discs, write_files

from vae_lab.data import image_files
from vae_lab.data.batches import MemmapTensors
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.image_folder import INVENTORY, PIXELS, ImageFolder
from vae_lab.data.images import Images, MemmapImages, identity, select
from vae_lab.errors import UserError
from vae_lab.files import PARTIAL

SIZE = 16


def source(folder: Path, **changes: Any) -> ImageFolder:
    settings = {
        "image_size": SIZE,
        "colour": True,
        "num_test": 0.2,
        "skip_broken": False,
        "read_only": False,
    }
    return ImageFolder(
        path=str(folder / "photos"), root=str(folder / "data"), **{**settings, **changes}
    )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    write_files(tmp_path / "photos", 30, size=SIZE)
    return tmp_path / "photos"


def module(made: ImageFolder, num_val: float = 0.1) -> ImageDataModule:
    data = ImageDataModule(
        source=made, batch_size=8, num_val=num_val, split_seed=0, seed=0, binarize="none"
    )
    data.setup()
    return data


def colour_of(image: np.ndarray) -> str:
    """Returns which colour the disc of an image (3, H, W) has."""
    brightest = image.max(axis=(1, 2))
    return ("red", "green", "blue")[int(brightest.argmax())]


def prepared(folder: Path) -> list[Path]:
    return sorted((folder / "data" / "prepared").iterdir())


def test_files_become_images_with_their_folders_as_labels(tmp_path: Path, photos: Path) -> None:
    made = source(tmp_path)
    assert made.read().images.shape == (30, 3, SIZE, SIZE)
    loaded = made.load()
    assert (len(loaded.train_images), len(loaded.test_images)) == (24, 6)
    assert loaded.label_names == tuple(sorted(COLOURS))
    assert loaded.train_labels is not None and loaded.test_labels is not None
    assert np.bincount(loaded.test_labels).tolist() == [2, 2, 2]
    for image, label in zip(loaded.train_images[:], loaded.train_labels.tolist(), strict=True):
        assert colour_of(image) == loaded.label_names[label]
    # Of the wanted size already: not one value is changed.
    originals = {np.array(Image.open(path)).tobytes() for path in photos.rglob("*.png")}
    both = np.concatenate([loaded.train_images[:], loaded.test_images[:]])
    assert {image.transpose(1, 2, 0).tobytes() for image in both} == originals


def test_images_stay_on_disk_until_they_are_asked_for(tmp_path: Path, photos: Path) -> None:
    data = ImageDataModule(
        source=source(tmp_path), batch_size=8, num_val=4, split_seed=0, seed=0, binarize="none"
    )
    data.setup()
    for images in (data.train_images, data.val_images, data.test_images):
        assert isinstance(images, MemmapTensors) and isinstance(images.images.array, np.memmap)
    assert data.image_shape == (3, SIZE, SIZE)
    batches = list(data.train_dataloader())
    assert [len(batch.images) for batch in batches] == [8, 8, 4]
    whole = data.train_images[:]
    for batch in batches:
        assert torch.equal(batch.images, whole[batch.index].float() / 255)
    shown, labels = data.examples()
    assert torch.equal(shown, data.val_images[:].float() / 255)
    assert labels is not None and len(labels) == 4


def test_mapped_rows_are_indexed_as_tensors_are() -> None:
    array = np.arange(5 * 3, dtype=np.uint8).reshape(5, 3, 1, 1)
    rows = np.array([4, 0, 3])
    mapped, tensor = MemmapImages(array, rows), torch.from_numpy(array[rows])
    tensors, mask = MemmapTensors(mapped), torch.tensor([True, False, True])
    for index in (slice(1, 3), slice(None), torch.tensor([2, 0]), mask, slice(0)):
        assert torch.equal(tensors[index], tensor[index])
    assert torch.equal(tensors.index_select(0, torch.tensor([1])), tensor[1:2])
    assert (len(tensors), tensors.shape) == (len(mapped), mapped.shape) == (3, (3, 3, 1, 1))
    assert np.array_equal(select(mapped, mask.numpy())[:], tensor[mask].numpy())


def test_they_are_prepared_once(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = source(tmp_path).load()
    place = prepared(tmp_path)
    assert f"preparing 30 files of {photos} in {place[0]}" in capsys.readouterr().err
    again = source(tmp_path).load()
    assert capsys.readouterr().err == "" and prepared(tmp_path) == place
    assert identity(first) == identity(again)
    assert identity(source(tmp_path, image_size=8).load()) != identity(first)
    (photos / "red" / "new.png").write_bytes((photos / "red" / "0002.png").read_bytes())
    assert source(tmp_path).read().images.shape[0] == 31
    assert len(prepared(tmp_path)) == 3
    assert not any(path.name.startswith(".") for path in prepared(tmp_path))


def test_a_copy_at_another_place_and_date_is_the_same_images(tmp_path: Path, photos: Path) -> None:
    there = tmp_path / "elsewhere" / "photos"
    shutil.copytree(photos, there)
    for path in there.rglob("*.png"):
        os.utime(path, (0, 0))
    first, copied = source(tmp_path).load(), source(there.parent).load()
    assert identity(first) == identity(copied)
    # Renamed labels are other labels.
    (there / "red").rename(there / "rot")
    assert identity(source(there.parent).load()) != identity(first)


def test_several_who_need_them_at_once_prepare_them_once(tmp_path: Path, photos: Path) -> None:
    code = (
        "import sys; from vae_lab.data.image_folder import ImageFolder; "
        "print(ImageFolder(path=sys.argv[1], root=sys.argv[2], image_size=16, colour=True, "
        "num_test=1, skip_broken=False, read_only=False).read().images.shape)"
    )
    arguments = [sys.executable, "-c", code, str(photos), str(tmp_path / "data")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # The types of settings from a dict are not known one by one.
    started = [subprocess.Popen(arguments, text=True, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    said = [process.communicate(timeout=60) for process in started]
    assert [out.strip() for out, _ in said] == ["(30, 3, 16, 16)"] * 3
    assert sum("preparing" in err for _, err in said) == 1
    assert len(prepared(tmp_path)) == 1


def test_grey_and_large_and_turned_files(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    # Left half white, right half black, wider than high: the middle square is cut out of it.
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, :60] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(wide).save(folder / "a.png")
    Image.fromarray(wide).save(folder / "b.jpg", exif=exif, quality=95)
    Image.fromarray(wide).convert("P").save(folder / "c.gif")
    Image.fromarray(wide).convert("L").save(folder / "d.pgm")
    Image.fromarray(wide).convert("RGBA").save(folder / "e.webp", lossless=True)
    Image.fromarray(wide).convert("1").save(folder / "f.tiff")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("no image")
    for colour, channels in ((True, 3), (False, 1)):
        loaded = source(tmp_path, colour=colour, num_test=1).load()
        both = np.concatenate([loaded.train_images[:], loaded.test_images[:]])
        assert both.shape == (6, channels, SIZE, SIZE)
        assert loaded.train_labels is None
        halves = both.mean(axis=1)  # (6, H, W)
        upper = (halves[:, :4].mean(axis=(1, 2)) > 200) & (halves[:, -4:].mean(axis=(1, 2)) < 50)
        left = (halves[..., :4].mean(axis=(1, 2)) > 200) & (halves[..., -4:].mean(axis=(1, 2)) < 50)
        assert (int(upper.sum()), int(left.sum())) == (1, 5)


def _broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def _text(path: Path) -> None:
    path.write_text("no image")


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _transparent(path: Path) -> None:
    pixels = np.full((SIZE, SIZE, 4), 128, np.uint8)
    Image.fromarray(pixels).save(path)


def _deep(path: Path) -> None:
    Image.fromarray(np.full((SIZE, SIZE), 4000, np.uint16)).save(path)


def _deep_colour(path: Path) -> None:
    # Pillow writes no such file: the header says 16 bits, RGB; Pillow reads the upper ones.

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", SIZE, SIZE, 16, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(6 * SIZE)) * SIZE)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.png")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_broken, "broken: "),
        (_text, "broken: UnidentifiedImageError"),
        (_nothing, "broken: "),
        (_transparent, "transparent pixels"),
        (_deep, "16 bits per channel"),
        (_deep_colour, "16 bits per channel"),
        (_dangling, "broken: FileNotFoundError"),
    ],
)
def test_files_that_cannot_be_used_are_listed_and_skipped_only_if_asked(
    tmp_path: Path, photos: Path, spoil: Callable[[Path], None], words: str
) -> None:
    for path in sorted((photos / "green").iterdir())[:2]:
        spoil(path)
    with pytest.raises(UserError, match=r"^2 files \(green/0001.png \(") as caught:
        source(tmp_path).read()
    message = str(caught.value)
    assert words in message and "green/0004.png" in message and "\n" not in message
    assert "data.skip_broken=true" in message
    listed = json.loads((prepared(tmp_path)[0] / INVENTORY).read_text())["unusable"]
    assert sorted(listed) == ["green/0001.png", "green/0004.png"]
    left = source(tmp_path, skip_broken=True)
    assert left.read().images.shape[0] == 28
    assert colours_fit(left.load())


def colours_fit(loaded: Images) -> bool:
    """Tells whether every training image lies beside its own label."""
    assert loaded.train_labels is not None and loaded.label_names is not None
    pairs = zip(loaded.train_images[:], loaded.train_labels.tolist(), strict=True)
    return all(colour_of(image) == loaded.label_names[label] for image, label in pairs)


def test_of_many_that_cannot_be_used_the_first_are_named(tmp_path: Path, photos: Path) -> None:
    for path in photos.rglob("*.png"):
        _nothing(path)
    with pytest.raises(UserError, match=r"30 files .* and 20 more\)"):
        source(tmp_path).read()
    words = r"what can be used of .*photos is empty: 0 images, and 30 files \(.* and 20 more\)"
    with pytest.raises(UserError, match=words):
        source(tmp_path, skip_broken=True).read()


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_images_is_named(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "photos").mkdir()
    words = "has no image files" if there else r"is not a folder that can be read \(No such file"
    with pytest.raises(UserError, match=words):
        source(tmp_path).read()
    assert not (tmp_path / "data").exists()


def test_files_beside_sub_folders_have_no_labels(tmp_path: Path, photos: Path) -> None:
    shutil.copy(photos / "red" / "0002.png", photos / "loose.png")
    loaded = source(tmp_path).load()
    assert loaded.train_labels is None and loaded.warnings is not None
    assert "1 of the 31 images of" in loaded.warnings[0] and "(loose.png)" in loaded.warnings[0]


def test_one_sub_folder_is_no_label(tmp_path: Path, photos: Path) -> None:
    shutil.rmtree(photos / "red")
    shutil.rmtree(photos / "blue")
    loaded = source(tmp_path).load()
    assert loaded.train_labels is None and loaded.warnings is not None
    assert "have one label, 'green'" in loaded.warnings[0]


def warnings_of(made: ImageFolder) -> str:
    warnings = made.load().warnings
    assert warnings is not None
    return " ".join(warnings)


def test_of_a_level_too_much_the_folder_to_name_is_told(tmp_path: Path) -> None:
    write_files(tmp_path / "photos" / "unzipped", 30, size=SIZE)
    place = tmp_path / "photos" / "unzipped"
    assert f"data.path={place} takes the sub-folders below as labels" in (
        warnings_of(source(tmp_path))
    )


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "valid", "testing")])
def test_folders_of_splits_are_the_splits(tmp_path: Path, names: tuple[str, str, str]) -> None:
    counts = dict(zip(names, (30, 6, 12), strict=True))
    for name, count in counts.items():
        write_files(tmp_path / "photos" / name, count, size=SIZE)
    data = module(source(tmp_path))
    sizes = [len(images) for images in (data.train_images, data.val_images, data.test_images)]
    assert sizes == [30, 6, 12] and data.num_val == 6
    assert data.label_names == tuple(sorted(COLOURS))
    for split, name in zip(("train", "val", "test"), names, strict=True):
        originals = {
            np.array(Image.open(path)).tobytes()
            for path in (tmp_path / "photos" / name).rglob("*.png")
        }
        images, labels = getattr(data, f"{split}_images")[:], getattr(data, f"{split}_labels")
        assert {image.permute(1, 2, 0).numpy().tobytes() for image in images} == originals
        for image, label in zip(images, labels.tolist(), strict=True):
            assert colour_of(image.numpy()) == data.label_names[label]


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        (("train", "test"), [27, 3, 30]),
        (("train", "val"), [24, 30, 6]),
        (("train",), [22, 2, 6]),
    ],
)
def test_of_a_split_that_is_missing_images_are_drawn(
    tmp_path: Path, names: tuple[str, ...], sizes: list[int]
) -> None:
    for name in names:
        write_files(tmp_path / "photos" / name, 30, size=SIZE)
    data = module(source(tmp_path), num_val=0.1)
    splits = (data.train_images, data.val_images, data.test_images)
    assert [len(images) for images in splits] == sizes
    assert data.label_names == tuple(sorted(COLOURS))


def test_splits_beside_labels_are_refused(tmp_path: Path) -> None:
    for name in ("train", "test", "cats"):
        write_files(tmp_path / "photos" / name, 3, size=SIZE, labels=False)
    with pytest.raises(UserError, match=r"sub-folders of splits \(test, train\) beside cats: move"):
        source(tmp_path).read()
    # A label may be called like a split.
    shutil.rmtree(tmp_path / "photos" / "test")
    assert source(tmp_path, num_test=1).load().label_names == ("cats", "train")


def test_files_that_are_not_read_are_counted(tmp_path: Path, photos: Path) -> None:
    for number in range(3):
        (photos / "red" / f"{number}.HEIC").write_text("no suffix of ours")
    (photos / "README").write_text("text")
    _nothing(photos / "red" / "0002.png")
    words = warnings_of(source(tmp_path, skip_broken=True))
    assert "files that are not named like an image were left out (.heic 3, no suffix 1)" in words
    assert "1 file (red/0002.png (broken: " in words and "data.skip_broken=true" in words


def test_a_file_that_can_be_read_again_is_used(tmp_path: Path, photos: Path) -> None:
    path = photos / "red" / "0002.png"
    content, times = path.read_bytes(), path.stat()
    path.write_bytes(bytes(len(content)))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(UserError, match=r"1 file \(red/0002.png"):
        source(tmp_path).read()
    # The size and the date are those of before, as after `chmod` or when a share is back.
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert len(source(tmp_path).read().images) == 30


def test_what_a_killed_preparation_left_is_removed(tmp_path: Path, photos: Path) -> None:
    left = tmp_path / "data" / "prepared" / f".killed.{PARTIAL}" / "photos"
    left.mkdir(parents=True)
    (left / PIXELS).write_bytes(b"x")
    source(tmp_path).read()
    assert [path.name for path in prepared(tmp_path) if path.name[0] == "."] == []


def test_a_pipe_does_not_hold_a_run_up(tmp_path: Path, photos: Path) -> None:
    os.mkfifo(photos / "red" / "pipe.png")
    with pytest.raises(UserError, match=r"red/pipe.png \(broken: not a file but a device or pipe"):
        source(tmp_path).read()


def test_postscript_is_not_run(tmp_path: Path, photos: Path) -> None:
    Image.new("L", (SIZE, SIZE)).save(photos / "red" / "drawn.png", format="EPS")
    with pytest.raises(UserError, match=r"red/drawn.png \(broken: UnidentifiedImageError"):
        source(tmp_path).read()


def test_grey_files_in_colour_are_told(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, image in enumerate(discs(20, size=SIZE)[0]):
        Image.fromarray(image).convert("L").save(tmp_path / "photos" / f"{number}.png")
    assert "data.colour=false makes one of them" in warnings_of(source(tmp_path))
    assert warnings_of(source(tmp_path, colour=False)) == ""


def test_masks_of_0_and_1_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, image in enumerate(discs(20, size=SIZE)[0]):
        Image.fromarray((image[..., 0] > 99).astype(np.uint8)).save(
            tmp_path / "photos" / f"{number}.png"
        )
    with pytest.raises(UserError, match="the largest value is 1 of 255, so every image is black"):
        source(tmp_path).read()


def test_a_blank_file_is_named(tmp_path: Path, photos: Path) -> None:
    Image.new("RGB", (SIZE, SIZE), (90, 20, 0)).save(photos / "red" / "0002.png")
    words = warnings_of(source(tmp_path))
    assert "1 of the 30 images of" in words and "the first is red/0002.png" in words


def test_damaged_bytes_are_named(tmp_path: Path, photos: Path) -> None:
    source(tmp_path).read()
    (place,) = prepared(tmp_path)
    os.truncate(place / PIXELS, 100)
    with pytest.raises(UserError, match=r"has 100 bytes and should have 23040: delete"):
        source(tmp_path).load()
    (place / INVENTORY).unlink()
    with pytest.raises(UserError, match=r"is damaged .*: delete it, and it is made again"):
        source(tmp_path).load()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, photos: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(UserError, match=r"data\.root=FOLDER") as caught:
        source(tmp_path).read()
    assert "\n" not in str(caught.value)


def test_links_to_folders_are_followed_once(tmp_path: Path, photos: Path) -> None:
    (photos / "green").rename(tmp_path / "elsewhere")
    (photos / "green").symlink_to(tmp_path / "elsewhere")
    (photos / "red" / "again").symlink_to(photos)
    made = source(tmp_path)
    assert len(image_files.list_files(photos).files) == 30
    assert made.load().label_names == tuple(sorted(COLOURS))
    assert "lead back to a folder that they lie in were left out (red/again)" in warnings_of(made)


def test_names_in_any_encoding_are_labels(tmp_path: Path, photos: Path) -> None:
    (photos / "green").rename(os.fsdecode(os.fsencode(photos) + b"/K\xf6ln"))
    (photos / "red").rename(photos / "two\nlines")
    assert module(source(tmp_path)).label_names == ("K\\udcf6ln", "blue", "two\\nlines")


@pytest.mark.parametrize("name", ["self.png", "self"])
def test_a_link_to_itself_is_a_broken_file(tmp_path: Path, photos: Path, name: str) -> None:
    (photos / "red" / name).symlink_to(name)
    made = source(tmp_path, skip_broken=True)
    assert len(made.read().images) == 30
    told = "self.png (broken" if name == "self.png" else "no suffix 1"
    assert told in warnings_of(made)
