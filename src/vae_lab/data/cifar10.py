"""CIFAR-10: 60,000 small colour photographs, read out of the archive they were published in.

Its files are pickles, which could hold any program. They are unpickled only after their MD5 was
checked, of the very bytes, and by a reader that makes arrays and nothing else.
"""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vae_lab.data import download
from vae_lab.data.images import Images
from vae_lab.errors import UserError

# What a pickled array of bytes is put together with, under the names of old and new versions.
_REBUILD: Any = np.empty(0).__reduce__()[0]

_HARMLESS = {
    ("numpy.core.multiarray", "_reconstruct"): _REBUILD,
    ("numpy._core.multiarray", "_reconstruct"): _REBUILD,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


@dataclass(kw_only=True)
class CIFAR10:
    """The 50,000 and 10,000 images of CIFAR-10, 32 x 32 in colour.

    Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.
    """

    root: str
    folder: str
    files: download.Files  # one archive
    train_batches: Mapping[str, str]  # the name of each batch in it, and its MD5
    test_batches: Mapping[str, str]
    label_names: Sequence[str]

    def load(self) -> Images:
        """Returns the images in the order of the batches."""
        (path,) = download.locate(self.root, self.folder, self.files).values()
        try:
            with tarfile.open(path) as archive:
                train = _read_all(archive, path, self.train_batches)
                test = _read_all(archive, path, self.test_batches)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise UserError(f"cannot unpack {path}: {error}. Delete it and start again.") from error
        return Images(*train, *test, tuple(self.label_names))


def _read_all(
    archive: tarfile.TarFile, path: Path, batches: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images uint8 (N, 3, 32, 32) and labels int64 (N,) of some batches."""
    read = [_read(archive, path, name, md5) for name, md5 in batches.items()]
    return np.concatenate([images for images, _ in read]), np.concatenate([it for _, it in read])


def _read(
    archive: tarfile.TarFile, path: Path, name: str, md5: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images uint8 (N, 3, 32, 32) and labels int64 (N,) of one batch."""
    try:
        file = archive.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise UserError(f"{path} holds no file {name}: set data.root=FOLDER to the original one.")
    content = file.read()
    actual = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if actual != md5:
        raise UserError(
            f"{name} in {path} is broken: MD5 {actual}, expected {md5}. It is not opened. Delete "
            f"the archive, and it is downloaded again."
        )
    try:
        batch = _Arrays(io.BytesIO(content), encoding="bytes").load()
        pixels, labels = batch[b"data"], np.array(batch[b"labels"], dtype=np.int64)
        images = pixels.reshape(len(labels), 3, 32, 32)
    except (pickle.UnpicklingError, EOFError, LookupError, ValueError, TypeError) as error:
        raise UserError(f"{name} in {path} is not a batch of CIFAR-10: {error}.") from error
    if images.dtype != np.uint8:
        raise UserError(f"{name} in {path} holds {images.dtype} pixels, not uint8.")
    return images, labels


class _Arrays(pickle.Unpickler):
    """Unpickles numbers, bytes, lists and arrays, and refuses whatever else is named."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _HARMLESS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None
