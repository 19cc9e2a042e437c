"""A person's own images in one file of numpy arrays (.npz).

Shapes: N images, C channels, H height, W width.
"""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vae_lab.data.arrays import to_images, to_labels
from vae_lab.data.images import Images
from vae_lab.data.pixels import PixelStatistics, check_pixels
from vae_lab.data.user_images import Labels, UserImages, encode_labels, first_names
from vae_lab.errors import UserError

# The arrays of images and labels in common files, by split; "" if there are no splits. First those
# that the documentation names, then those of MedMNIST, Keras and dSprites.
_LAYOUTS: tuple[Mapping[str, tuple[str, str | None]], ...] = (
    {"": ("images", "labels")},
    {split: (f"{split}_images", f"{split}_labels") for split in ("train", "val", "test")},
    {split: (f"x_{split}", f"y_{split}") for split in ("train", "val", "test")},
    {"": ("imgs", None)},
)


class Npz:
    """Images (N, H, W), (N, H, W, C) or (N, C, H, W), and optionally labels, (N,) or (N, 1).

    Images are uint8, bool, or float in [0, 1], of which the nearest of 256 levels is kept. Labels
    are whole numbers or text.
    """

    def __init__(
        self, *, path: str, num_test: float, images: str | None = None, labels: str | None = None
    ) -> None:
        """Takes, beside the file, the names of its arrays; None for those of common files.

        They have a default since the configurations of earlier runs do not name them.
        """
        self.path, self.num_test = Path(path).expanduser(), num_test
        self.images, self.labels = images, labels

    def load(self) -> Images:
        """Returns the images in the order of the file, `num_test` of them as test images."""
        return self.read().split(self.num_test)

    def read(self) -> UserImages:
        """Returns the images in the order of the file, one split after the other."""
        images, labels, splits, warnings = [], [], [], []
        with self._opened() as file:
            layout = self._layout(file)
            for split, (images_name, labels_name) in layout.items():
                raw = None if labels_name is None else self._array(file, labels_name)
                array, what = self._array(file, images_name), f"'{images_name}' in {self.path}"
                num_labels = len(raw) if raw is not None and raw.ndim else None
                pixels, notes = to_images(array, what, num_labels)
                del array  # the bytes are kept, and nothing else
                images.append(pixels)
                warnings += notes
                splits.append(np.full(len(pixels), split))
                if raw is not None:
                    labels.append(to_labels(raw, f"'{labels_name}' in {self.path}", len(pixels)))
            self._check_together(images, labels)
            warnings += self._unused(file, layout)
        whole = images[0] if len(images) == 1 else np.concatenate(images)
        statistics = PixelStatistics()
        statistics.add_all(whole)
        what = str(self.path) if len(layout) > 1 else f"'{images_name}' in {self.path}"
        warnings += check_pixels(what, statistics)
        if statistics.is_grey and whole.shape[1] == 3:
            warnings.append(
                f"the images of {self.path} are grey, in three equal channels: one of them is "
                f"enough, images[..., :1]."
            )
        encoded = encode_labels(str(self.path), np.concatenate(labels)) if labels else Labels()
        own = None if len(splits) == 1 else np.concatenate(splits)
        return UserImages(whole, encoded, own, tuple(warnings))

    def _layout(self, file: Any) -> Mapping[str, tuple[str, str | None]]:
        """Returns the names of the arrays of images and labels, by split."""
        if self.images is not None:
            labels = self.labels or ("labels" if "labels" in file.files else None)
            return {"": (self.images, labels)}
        for layout in _LAYOUTS:
            found = {
                split: (images, labels if labels in file.files else None)
                for split, (images, labels) in layout.items()
                if images in file.files
            }
            if self.labels is not None and found:
                if len(found) > 1:
                    raise UserError(
                        f"data.labels={self.labels} names the labels of one array, and {self.path} "
                        f"has images of {len(found)} splits: add data.images=NAME."
                    )
                return {split: (images, self.labels) for split, (images, _) in found.items()}
            if found:
                return found
        raise UserError(
            f"{self.path} holds no array 'images' but {first_names(file.files)}: name yours "
            f"with data.images=NAME data.labels=NAME."
        )

    def _unused(self, file: Any, layout: Mapping[str, tuple[str, str | None]]) -> list[str]:
        """Returns in words which arrays are not read, if no labels are."""
        names = {name for pair in layout.values() for name in pair}
        unused = [name for name in file.files if name not in names]
        if not unused or any(labels for _, labels in layout.values()):
            return []
        return [
            f"the images of {self.path} are taken as images without labels. It also holds "
            f"{first_names(unused)}: data.labels=NAME takes one as labels."
        ]

    def _check_together(self, images: list[np.ndarray], labels: list[np.ndarray]) -> None:
        """Raises UserError if the splits of a file do not fit together."""
        shapes = {array.shape[1:] for array in images}
        kinds = {array.dtype.kind in "US" for array in labels}
        if len(shapes) > 1 or len(kinds) > 1 or len(labels) not in (0, len(images)):
            raise UserError(
                f"the splits of {self.path} differ in the size of images, (C, H, W) "
                f"{sorted(shapes)}, or in the kind of labels: make them equal, or name one array "
                f"with data.images=NAME."
            )

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        if self.path.exists() and not (self.path.is_file() or self.path.is_dir()):
            # Opening a pipe could wait for ever.
            raise UserError(f"data.path={self.path} is a device or a pipe: name an .npz file.")
        try:
            archive = self.path.open("rb")
        except IsADirectoryError:
            raise UserError(
                f"data.path={self.path} is a folder: name an .npz file, or use its image files "
                f"with data=folder."
            ) from None
        except OSError as error:
            raise UserError(
                f"data.path={self.path} cannot be read ({error.strerror}): name an .npz file."
            ) from error
        with archive:
            try:
                # Never pickles: they could hold any program.
                file = np.load(archive, allow_pickle=False)
            except Exception as error:  # what is no such file can fail in any way
                raise UserError(
                    f"data.path={self.path} is not an .npz file: write one with "
                    f"numpy.savez(FILE, images=..., labels=...)."
                ) from error
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise UserError(
                    f"data.path={self.path} holds one array and no name: write it with "
                    f"numpy.savez(FILE, images=...)."
                )
            with file:
                assert file.zip is not None
                if not any(name.endswith(".npy") for name in file.zip.namelist()):
                    raise UserError(
                        f"data.path={self.path} is an archive of {first_names(file.files)}, and "
                        f"not of arrays: unzip it, and use its image files with data=folder."
                    )
                yield file

    def _array(self, file: Any, name: str) -> np.ndarray:
        what = f"'{name}' in {self.path}"
        if name not in file.files:
            raise UserError(f"{self.path} holds no array '{name}' but {first_names(file.files)}.")
        try:
            array = np.asarray(file[name])
        except ValueError as error:
            raise UserError(
                f"{what} is not an array of numbers or text but of Python objects: "
                f"labels.astype(str) makes text of labels; images of mixed sizes must be made one "
                f"size first, or be used as files with data=folder."
            ) from error
        except MemoryError as error:
            raise UserError(f"{what} is larger than the memory: use data=folder.") from error
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{what} is broken ({error}): write it again.") from error
        if array.dtype.kind == "V":
            raise UserError(f"{what} is {array.dtype}, not an array of numbers or text.")
        return array
