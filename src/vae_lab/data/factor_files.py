"""Published images with known factors in one .npz file: dSprites and MPI3D.

Shapes: M images of the file, N images that are used, F factors, C channels, H height, W width.
"""

import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_lab.data.images import Factors, Images
from vae_lab.data.user_images import check_shape, first_names
from vae_lab.errors import UserError

# Images that are read at once.
_CHUNK = 2000

# The columns of dSprites' latents_classes. Its metadata, where they stand too, is a pickle, which
# could hold any program: it is never opened.
_DSPRITES = ("color", "shape", "scale", "orientation", "posX", "posY")
_DSPRITES_SHAPES = ("square", "ellipse", "heart")

# The factors of MPI3D, the first of which changes slowest from image to image, and how many values
# they have: the toy, realistic and real sets, and the complex one.
_MPI3D = (
    *("object_color", "object_shape", "object_size", "camera_height", "background_color"),
    *("horizontal_axis", "vertical_axis"),
)
_MPI3D_SIZES = ((6, 6, 2, 3, 3, 40, 40), (4, 4, 2, 3, 3, 40, 40))


class _Header(NamedTuple):
    """What a .npy file says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


class FactorFile:
    """A subset of the images of dSprites or MPI3D, drawn by a seed.

    Sources: Matthey et al., dSprites, 2017 (github.com/deepmind/dsprites-dataset); Gondal et al.,
    arXiv:1906.03292 (github.com/rr-learning/disentanglement_dataset).
    """

    def __init__(self, *, path: str, num_images: int, num_test: float, draw_seed: int) -> None:
        self.path = Path(path).expanduser()
        self.num_images, self.num_test, self.draw_seed = num_images, num_test, draw_seed

    def image_shape(self) -> tuple[int, int, int]:
        """Returns C, H, W of the images; UserError if the file cannot be used."""
        with self._opened() as archive:
            name = self._name(archive)
            with archive.open(f"{name}.npy") as file:
                header = self._header(file, name)
        if not isinstance(self.num_test, int) or self.num_test < 1:
            raise UserError(f"data.num_test must be a whole number, got {self.num_test}.")
        wanted, total = self.num_images + self.num_test, header.shape[0]
        if wanted > total:
            raise UserError(
                f"data.num_images={self.num_images} and data.num_test={self.num_test} are more "
                f"than the {total} images of {self.path} together: lower them."
            )
        channels = header.shape[3] if len(header.shape) == 4 else 1
        shape = (channels, *header.shape[1:3])
        check_shape(str(self.path), (total, *shape))
        return shape[0], shape[1], shape[2]

    def load(self) -> Images:
        """Returns the images that were drawn, in the order of the file, and their factors."""
        shape = self.image_shape()
        with self._opened() as archive:
            name = self._name(archive)
            total, factors, names = self._factors(archive, name)
            order = np.argsort(np.random.PCG64(self.draw_seed).random_raw(total), kind="stable")
            train, test = np.split(order[: self.num_images + int(self.num_test)], [self.num_images])
            train.sort()
            test.sort()
            chosen = np.concatenate([train, test])
            images = self._rows(archive, name, np.sort(chosen)).reshape(len(chosen), *shape)
        places = np.searchsorted(np.sort(chosen), chosen)
        images = images[places]
        kept = [f for f in range(factors.shape[1]) if len(np.unique(factors[:, f])) > 1]
        values = tuple(_values(names[f], int(factors[:, f].max()) + 1) for f in kept)
        parts = (factors[train][:, kept], factors[test][:, kept])
        used = tuple(names[f] for f in kept)
        labels: list[np.ndarray | None] = [None, None]
        shapes = (n for n, it in enumerate(used) if it in ("shape", "object_shape"))
        shape_column = next(shapes, None)
        if shape_column is not None:
            labels = [part[:, shape_column].copy() for part in parts]
        return Images(
            *(images[: len(train)], labels[0], images[len(train) :], labels[1]),
            None if shape_column is None else values[shape_column],
            warnings=(),
            factors=Factors(used, values, *parts),
        )

    def _name(self, archive: zipfile.ZipFile) -> str:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if "imgs" in names and "latents_classes" in names:
            return "imgs"
        if "images" in names:
            return "images"
        raise UserError(
            f"{self.path} holds {first_names(names)}: data=factors reads imgs with latents_classes "
            f"(dSprites) or images (MPI3D). Images without factors: data=npz."
        )

    def _factors(
        self, archive: zipfile.ZipFile, name: str
    ) -> tuple[int, np.ndarray, tuple[str, ...]]:
        """Returns M, the factors (M, F) of all images, and their names."""
        with archive.open(f"{name}.npy") as file:
            total = self._header(file, name).shape[0]
        if name == "images":
            sizes = next((it for it in _MPI3D_SIZES if math.prod(it) == total), None)
            if sizes is None:
                known = " or ".join(f"{math.prod(it):,}" for it in _MPI3D_SIZES)
                raise UserError(
                    f"'images' in {self.path} are {total} images: MPI3D has {known}. Images "
                    f"without factors: data=npz."
                )
            return total, np.stack(np.unravel_index(np.arange(total), sizes), axis=1), _MPI3D
        with archive.open("latents_classes.npy") as file:
            header = self._header(file, "latents_classes")
            classes = np.frombuffer(file.read(), header.dtype).reshape(header.shape)
        if classes.shape[1:] != (len(_DSPRITES),) or len(classes) != total or classes.min() < 0:
            raise UserError(
                f"latents_classes in {self.path} is {classes.shape}: ({total}, {len(_DSPRITES)}) "
                f"is needed, as in dSprites."
            )
        return total, classes.astype(np.int64), _DSPRITES

    def _rows(self, archive: zipfile.ZipFile, name: str, rows: np.ndarray) -> np.ndarray:
        """Returns the images (N, C, H, W) of ascending rows (N,), read once from start to end."""
        with archive.open(f"{name}.npy") as file:
            header = self._header(file, name)
            one = header.dtype.itemsize * math.prod(header.shape[1:])
            images = np.empty((len(rows), *header.shape[1:]), np.uint8)
            for start in range(0, int(rows[-1]) + 1, _CHUNK):
                count = min(_CHUNK, header.shape[0] - start)
                content = file.read(count * one)
                if len(content) < count * one:
                    raise EOFError("it ends too early")
                chunk = np.frombuffer(content, header.dtype).reshape(count, *header.shape[1:])
                first, end = np.searchsorted(rows, (start, start + count))
                images[first:end] = chunk[rows[first:end] - start]
        if name == "imgs" and images.max(initial=0) <= 1:
            images *= 255  # dSprites has 0 and 1
        return images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)

    def _header(self, file: Any, name: str) -> _Header:
        """Returns shape and kind of the array that a .npy file holds; its pixels are read next."""
        version = np.lib.format.read_magic(file)
        is_first = version == (1, 0)
        read = (
            np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
        )
        shape, is_fortran, dtype = read(file)
        is_image = dtype == np.uint8 and len(shape) in (3, 4)
        is_table = dtype.kind in "iu" and len(shape) == 2
        if is_fortran or not (is_table if name == "latents_classes" else is_image):
            raise UserError(
                f"'{name}' in {self.path} is {dtype} {shape}: uint8 images (M, H, W) or "
                f"(M, H, W, C), and whole numbers (M, F), are needed, as in dSprites and MPI3D."
            )
        return _Header(shape, dtype)

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        if not self.path.is_file():
            raise UserError(f"data.path={self.path} is not a file: name an .npz file.")
        try:
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except UserError:
            raise
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(
                f"data.path={self.path} is broken or not an .npz file ({error}): download it again."
            ) from error


def _values(name: str, count: int) -> tuple[str, ...]:
    """Returns what the values of a factor are called: their numbers, and the shapes by name."""
    if name == "shape" and count == len(_DSPRITES_SHAPES):
        return _DSPRITES_SHAPES
    return tuple(map(str, range(count)))
