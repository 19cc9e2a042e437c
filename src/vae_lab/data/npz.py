"""A person's own images in one file of numpy arrays (.npz).

Shapes: N images, C channels, H height, W width.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vae_lab.data.images import Images
from vae_lab.data.splits import split_test
from vae_lab.data.user_images import UNLABELLED, Labels, check_shape, encode_labels
from vae_lab.errors import UserError

# Floats are made bytes so many images at a time: a copy of all of them is four times as large.
_CHUNK = 1000


class Npz:
    """Arrays `images`, (N, H, W), (N, H, W, C) or (N, C, H, W), and optionally `labels`, (N,).

    Images are uint8, or float in [0, 1], of which the nearest of 256 levels is kept. Labels are
    whole numbers or text.
    """

    def __init__(self, *, path: str, num_test: float) -> None:
        self.path, self.num_test = Path(path).expanduser(), num_test

    def prepare(self) -> tuple[int, ...]:
        """Returns the shape (N, C, H, W) of the images, which are checked."""
        with self._opened() as file:
            images = self._images(file)
            self._labels(file, len(images))
            return images.shape

    def load(self) -> Images:
        """Returns the images in the order of the file, `num_test` of them as test images."""
        with self._opened() as file:
            images = self._images(file)
            labels, names = self._labels(file, len(images))
        return split_test(images, labels, self.num_test, names)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            archive = self.path.open("rb")
        except OSError as error:
            raise UserError(
                f"data.path={self.path} cannot be read ({error.strerror}): name an .npz file."
            ) from error
        with archive:
            try:
                # Never pickles: they could hold any program.
                file = np.load(archive, allow_pickle=False)
            except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
                raise UserError(
                    f"data.path={self.path} cannot be read as an .npz file ({error}): write one "
                    f"with numpy.savez(FILE, images=...)."
                ) from error
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise UserError(
                    f"data.path={self.path} holds one array and no name: write it with "
                    f"numpy.savez(FILE, images=...)."
                )
            with file:
                yield file

    def _array(self, file: Any, name: str) -> np.ndarray:
        try:
            return np.asarray(file[name])
        except KeyError:
            raise UserError(
                f"{self.path} holds no array 'images' but {', '.join(file.files) or 'nothing'}: "
                f"write it with numpy.savez(FILE, images=..., labels=...)."
            ) from None
        except ValueError as error:
            raise UserError(
                f"'{name}' in {self.path} is no array of numbers ({error}): images of mixed sizes "
                f"must be made one size first, or be used as files with data=folder."
            ) from error
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(
                f"'{name}' in {self.path} is broken ({error}): write it anew."
            ) from error

    def _images(self, file: Any) -> np.ndarray:
        """Returns the images as uint8 (N, C, H, W)."""
        images, what = self._array(file, "images"), f"'images' in {self.path}"
        if images.ndim == 3:
            images = images[:, None]
        elif images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] <= 4:
            images = images.transpose(0, 3, 1, 2)
        elif images.ndim != 4:
            raise UserError(
                f"{what} has {images.ndim} dimensions, {images.shape}: NHW, NHWC or NCHW are "
                f"possible."
            )
        check_shape(what, images.shape)
        if images.dtype.itemsize == 2 and images.dtype.kind in "iu":
            raise UserError(
                f"{what} has 16 bits a pixel ({images.dtype}): divide by the largest possible "
                f"value for floats in [0, 1], or keep the upper 8 bits as uint8."
            )
        if images.dtype.kind != "f" and images.dtype != np.uint8:
            raise UserError(
                f"{what} is {images.dtype}: uint8, or float in [0, 1], is possible. Values from 0 "
                f"to 255: images.astype(numpy.uint8)."
            )
        return _bytes(images, what)

    def _labels(self, file: Any, num_images: int) -> Labels:
        """Returns the labels as numbers and their names; None where there are none, or one."""
        if "labels" not in file.files:
            return UNLABELLED
        labels = self._array(file, "labels")
        if labels.shape != (num_images,):
            raise UserError(
                f"'labels' in {self.path} has shape {labels.shape}: one label for each of the "
                f"{num_images} images is needed, ({num_images},)."
            )
        if labels.dtype.kind not in "iuUS":
            raise UserError(
                f"'labels' in {self.path} is {labels.dtype}: whole numbers or text are possible."
            )
        return encode_labels(str(self.path), labels)


def _bytes(images: np.ndarray, what: str) -> np.ndarray:
    """Returns images in [0, 1], or bytes, as bytes in one piece of memory."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    pixels = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), _CHUNK):
        chunk = images[start : start + _CHUNK]
        low, high = chunk.min(), chunk.max()
        # Also false where a value is no number.
        if not (low >= 0 and high <= 1):
            raise UserError(
                f"{what} has values outside [0, 1], from {low:g} to {high:g} in images {start} to "
                f"{start + len(chunk) - 1}: divide by the largest value, or use uint8 for 0 to 255."
            )
        pixels[start : start + len(chunk)] = np.rint(chunk.astype(np.float32) * 255)
    return pixels
