"""Other data sets: in the formats they were published in, made small, served over loopback."""

import hashlib
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from idx_files import GOOD, IMAGES
from mirror import Mirror
from repository import ROOT

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data import download
from vae_lab.data.cifar10 import CIFAR10
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.digits import Digits
from vae_lab.data.mnist import MNIST
from vae_lab.errors import UserError

CONF = ROOT / "conf" / "data"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def settings(name: str, root: Path) -> dict[str, Any]:
    """Returns the data configuration of an option, its files to be found under `root`."""
    (job,) = compose_jobs([f"data={name}", f"data.root={root}"])
    data: dict[str, Any] = resolved(job.config)["data"]
    return data


# Fashion-MNIST and KMNIST: MNIST's format.


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist"])
def test_sets_in_mnists_format_are_fetched_and_read(tmp_path: Path, name: str) -> None:
    import gzip

    served = {f"{file}.gz": gzip.compress(raw, mtime=0) for file, raw in GOOD.items()}
    data = settings(name, tmp_path)
    assert set(data["files"]) == set(served)
    files: download.Files = {file: {"gz": md5(body), "raw": None} for file, body in served.items()}
    with Mirror(served, "ok") as mirror:
        download.ensure(tmp_path, data["folder"], files, [mirror.url], 5)
    loaded = MNIST(root=str(tmp_path), folder=data["folder"], files=files).load()
    assert np.array_equal(loaded.train_images[:], IMAGES[:, None])


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist", "cifar10"])
def test_addresses_and_sums_are_torchvisions(name: str) -> None:
    from torchvision.datasets import CIFAR10 as Theirs
    from torchvision.datasets import KMNIST, FashionMNIST

    data = yaml.safe_load((CONF / f"{name}.yaml").read_text(encoding="utf-8"))
    sums = {file: md5["gz"] for file, md5 in data["files"].items()}
    assert data["fallback"] is None
    if name == "cifar10":
        assert [data["mirrors"][0] + Theirs.filename] == [Theirs.url]
        assert sums == {Theirs.filename: Theirs.tgz_md5}
        for ours, theirs in (
            (data["source"]["train_batches"], Theirs.train_list),
            (data["source"]["test_batches"], Theirs.test_list),
        ):
            assert ours == {f"{Theirs.base_folder}/{file}": md5 for file, md5 in theirs}
        return
    theirs = {"fashion_mnist": FashionMNIST, "kmnist": KMNIST}[name]
    assert data["mirrors"] == theirs.mirrors
    assert sums == dict(theirs.resources)
    assert data["folder"] == f"{theirs.__name__}/raw"


def test_an_unzipped_file_without_a_known_sum_is_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "images").write_bytes(b"anything")
    assert download.find(tmp_path, "raw", {"images.gz": {"gz": "0" * 32, "raw": None}}) == {}


# CIFAR-10: pickles of Python 2 in an archive.

ARCHIVE = "cifar-10-python.tar.gz"
PIXELS = np.random.default_rng(0).integers(0, 256, (7, 3072), dtype=np.uint8)
CLASSES = [3, 1, 4, 1, 5, 9, 2]


def text(value: bytes) -> bytes:
    """Returns the opcodes of a text as Python 2 wrote it."""
    return b"T" + struct.pack("<i", len(value)) + value


def python2_batch(pixels: np.ndarray, labels: list[int]) -> bytes:
    """Returns a batch as Python 2 and its numpy pickled the published ones, protocol 2."""
    shape = b"".join(b"M" + struct.pack("<H", size) for size in pixels.shape)
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\0K\1\x87R(K\3" + text(b"|") + b"NNN"
    dtype += (b"J" + struct.pack("<i", -1)) * 2 + b"K\0tb"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
    )
    array += b"(K\1" + shape + b"\x86" + dtype + b"\x89" + text(pixels.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    pairs = text(b"batch_label") + text(b"one of 5") + text(b"labels") + numbers
    return b"\x80\x02}(" + pairs + text(b"data") + array + b"u."


def archive(batches: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        for name, content in batches.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def cifar(root: Path, batches: dict[str, bytes], **wrong: str) -> CIFAR10:
    """Returns the source of an archive that was fetched; `wrong` are other sums."""
    body = archive(batches)
    files: download.Files = {ARCHIVE: {"gz": md5(body), "raw": None}}
    with Mirror({ARCHIVE: body}, "ok") as mirror:
        download.ensure(root, ".", files, [mirror.url], 5)
    sums = {name: md5(content) for name, content in batches.items()} | wrong
    by_name = {f"cifar-10-batches-py/{name}": value for name, value in sums.items()}
    test = {name: value for name, value in by_name.items() if "test" in name}
    train = {name: value for name, value in by_name.items() if "test" not in name}
    return CIFAR10(
        root=str(root),
        folder=".",
        files=files,
        train_batches=train,
        test_batches=test,
        label_names=list("abcdefghij"),
    )


BATCHES = {
    "data_batch_1": python2_batch(PIXELS, CLASSES),
    "data_batch_2": python2_batch(255 - PIXELS, CLASSES[::-1]),
    "test_batch": python2_batch(PIXELS[:2], [7, 8]),
}


def test_cifar_is_fetched_and_read_as_it_was_published(tmp_path: Path) -> None:
    # Not only this file's idea of the format: Python's own reader agrees.
    assert np.array_equal(
        pickle.loads(BATCHES["test_batch"], encoding="bytes")[b"data"], PIXELS[:2]
    )
    loaded = cifar(tmp_path, BATCHES).load()
    assert (tmp_path / ARCHIVE).is_file()
    images = loaded.train_images[:]
    assert (images.shape, images.dtype) == ((14, 3, 32, 32), np.uint8)
    assert np.array_equal(images[:7].reshape(7, -1), PIXELS)
    assert np.array_equal(images[7:].reshape(7, -1), 255 - PIXELS)
    assert loaded.train_labels is not None and loaded.test_labels is not None
    assert loaded.train_labels.tolist() == CLASSES + CLASSES[::-1]
    assert loaded.test_labels.tolist() == [7, 8]
    assert loaded.label_names == tuple("abcdefghij")


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_pickle_with_another_sum_is_not_opened(tmp_path: Path) -> None:
    evil = pickle.dumps(Evil(tmp_path / "done"), protocol=2)
    source = cifar(tmp_path, {**BATCHES, "data_batch_2": evil}, data_batch_2="0" * 32)
    with pytest.raises(UserError, match=r"data_batch_2 in .* MD5 .* expected 0+\. It is not open"):
        source.load()
    assert not (tmp_path / "done").exists()


def test_a_pickle_that_names_a_program_is_not_obeyed_even_if_its_sum_is_right(
    tmp_path: Path,
) -> None:
    evil = pickle.dumps(Evil(tmp_path / "done"), protocol=2)
    source = cifar(tmp_path, {**BATCHES, "test_batch": evil})
    with pytest.raises(UserError, match=r"test_batch in .* is not a batch of CIFAR-10: it names "):
        source.load()
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (python2_batch(PIXELS[:, :100], CLASSES), "is not a batch of CIFAR-10: cannot reshape"),
        (pickle.dumps({}, protocol=2), "is not a batch of CIFAR-10"),
        (pickle.dumps([1], protocol=2), "is not a batch of CIFAR-10"),
        (b"", "is not a batch of CIFAR-10"),
    ],
)
def test_what_is_no_batch_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        cifar(tmp_path, {**BATCHES, "test_batch": content}).load()


def test_an_archive_without_a_batch_or_with_another_sum_is_named(tmp_path: Path) -> None:
    source = cifar(tmp_path, BATCHES, data_batch_9="0" * 32)
    with pytest.raises(UserError, match="holds no file cifar-10-batches-py/data_batch_9"):
        source.load()
    (tmp_path / ARCHIVE).write_bytes(b"other")
    with pytest.raises(download.BrokenFile, match=ARCHIVE):
        source.load()
    (tmp_path / ARCHIVE).unlink()
    with pytest.raises(download.DataUnavailable, match=ARCHIVE):
        source.load()


# scikit-learn's digits.


def test_the_small_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    loaded = Digits(num_test=297).load()
    train, test = loaded.train_images[:], loaded.test_images[:]
    assert (train.shape, test.shape) == ((1500, 1, 8, 8), (297, 1, 8, 8))
    theirs = load_digits()
    expected = {np.rint(image * 255 / 16).astype(np.uint8).tobytes() for image in theirs.images}
    assert {image.tobytes() for image in np.concatenate([train, test])} == expected
    assert loaded.test_labels is not None
    assert int(train.max()) == 255 and set(np.bincount(loaded.test_labels).tolist()) <= {29, 30}


def test_an_impossible_number_of_test_images_is_refused() -> None:
    with pytest.raises(UserError, match="num_test=1797 must be between 1 and 1796"):
        Digits(num_test=1797).load()


def test_every_shape_in_a_file_is_the_sources_own(tmp_path: Path) -> None:
    (job,) = compose_jobs(["data=digits"])
    config = resolved(job.config)
    data = ImageDataModule.from_config(config, trust=False)
    data.setup()
    assert list(data.image_shape) == config["data"]["image_shape"]
    assert len(data.train_images) + len(data.val_images) == config["data"]["num_images"]
