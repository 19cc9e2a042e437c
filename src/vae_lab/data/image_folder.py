"""A person's own image files. Made once into one file of bytes, which is then memory-mapped.

Shapes: N images, C channels, H height, W width.
"""

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from vae_lab.data.fitting import read
from vae_lab.data.image_files import SUFFIXES, ImageFile, Listing, list_files
from vae_lab.data.images import Images, MemmapImages
from vae_lab.data.pixels import PixelStatistics, check_pixels
from vae_lab.data.splits import SPLITS
from vae_lab.data.user_images import (
    Labels,
    UserImages,
    check_shape,
    encode_labels,
    first_names,
)
from vae_lab.environment import available_cores
from vae_lab.errors import UserError, describe_os_error
from vae_lab.files import partial_folder, wait_for_lock
from vae_lab.terminal import progress

# In the prepared folder: the images' bytes, and which files they are of.
PIXELS, INVENTORY = "images.u8", "about.json"

# Of that folder: what was prepared in another is prepared again.
_FORMAT = 2

# Read by all threads together before they are written, in order.
_CHUNK = 256


class ImageFolder:
    """Image files of a folder, resized and cropped to squares; sub-folders may be the labels."""

    def __init__(
        self,
        *,
        path: str,
        root: str,
        image_size: int,
        colour: bool,
        num_test: float,
        skip_broken: bool,
        read_only: bool,
    ) -> None:
        """Takes, beside the folder `path`, where the prepared bytes go: `root`/prepared.

        If `read_only`, they must be there.
        """
        self.path, self.root = Path(path).expanduser(), Path(root).expanduser()
        self.image_size, self.colour = image_size, colour
        self.num_test, self.skip_broken, self.read_only = num_test, skip_broken, read_only

    def load(self) -> Images:
        """Returns the images in the order of their names, `num_test` of them as test images."""
        return self.read().split(self.num_test)

    def read(self) -> UserImages:
        """Returns the images in the order of their names; prepares them if they are not."""
        listing = self._listing()
        folder = self._prepared(listing.files)
        inventory = self._inventory(folder)
        names, unusable = inventory["files"], inventory["unusable"]
        splits, labels = splits_and_labels(self.path, names)
        warnings = [f"{self.path}: {words}" for words in listing.left_out()]
        if unusable:
            warnings.append(f"{_listed(unusable)} in {self.path} left out: data.skip_broken=true.")
        statistics = PixelStatistics(**inventory["statistics"])
        warnings += check_pixels(str(self.path), statistics, names=names)
        if self.colour and statistics.is_grey:
            warnings.append(
                f"all images of {self.path} are grey, in three equal channels: data.colour=false "
                f"makes one of them."
            )
        pixels = np.memmap(folder / PIXELS, np.uint8, mode="r", shape=self._shape(inventory))
        images = MemmapImages(pixels, np.arange(len(pixels)))
        return UserImages(images, labels, splits, tuple(warnings), inventory["pixels"])

    def image_shape(self) -> tuple[int, int, int]:
        """Returns the (C, H, W) of the images; UserError if there are none. Nothing is prepared."""
        self._listing()
        return (3 if self.colour else 1), self.image_size, self.image_size

    def _listing(self) -> Listing:
        try:
            listing = list_files(self.path)
        except OSError as error:
            place = self.path if error.filename is None else Path(error.filename)
            where = f"data.path={self.path} is" if place == self.path else f"{place} is"
            raise UserError(
                f"{where} not a folder that can be read ({error.strerror}): name one with image "
                f"files, all of whose sub-folders you may read."
            ) from error
        if not listing.files:
            others = " ".join(listing.left_out())
            raise UserError(
                f"data.path={self.path} has no image files, here or in sub-folders "
                f"({', '.join(sorted(SUFFIXES))}).{' ' * bool(others)}{others}"
            )
        return listing

    def _prepared(self, files: Sequence[ImageFile]) -> Path:
        """Returns the folder of the prepared images, which is filled if it is missing."""
        key = json.dumps([_FORMAT, self.image_size, self.colour, files])
        name = f"{self.path.resolve().name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        folder = self.root / "prepared" / name
        if not folder.exists() and self.read_only:
            raise UserError(
                f"the images of {self.path} are not prepared in {folder.parent}, and nothing is "
                f"written where a run's folder says: name your own place with data.root=FOLDER, or "
                f"data_root=FOLDER in an evaluation."
            )
        if not folder.exists() or (not self.read_only and self._is_mended(folder)):
            with wait_for_lock(folder):
                # Another process may have been faster.
                if folder.exists() and self._is_mended(folder):
                    shutil.rmtree(folder)
                if not folder.exists():
                    self._fill(folder, files)
        return folder

    def _is_mended(self, folder: Path) -> bool:
        """Tells whether an unusable file can be used now: its rights, or a share, have changed."""
        try:
            unusable = json.loads((folder / INVENTORY).read_bytes())["unusable"]
        except (OSError, ValueError, KeyError):
            return False
        return any(isinstance(self._read_file(name), np.ndarray) for name in unusable)

    def _read_file(self, name: str) -> np.ndarray | str:
        return read(self.path / name, size=self.image_size, colour=self.colour)

    def _fill(self, folder: Path, files: Sequence[ImageFile]) -> None:
        text = f"vae-lab: preparing {len(files)} files of {self.path} in {folder}"
        print(text, file=sys.stderr, flush=True)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with partial_folder(folder.parent) as partial:
                unfinished = partial / folder.name
                unfinished.mkdir()
                with (unfinished / PIXELS).open("wb") as pixels:
                    inventory = self._write(pixels, files)
                text = json.dumps(inventory, indent=1)
                (unfinished / INVENTORY).write_text(text, encoding="utf-8")
                # A process on another machine may have been faster.
                with suppress(FileExistsError):
                    unfinished.rename(folder)
        except OSError as error:
            if folder.exists():  # as above, under the error of another system
                return
            text = f"{describe_os_error(error, folder)} Or set data.root=FOLDER."
            raise UserError(text) from error

    def _write(self, target: IO[bytes], files: Sequence[ImageFile]) -> dict[str, Any]:
        """Writes the images that can be used; returns which they are, and why others cannot."""
        usable, unusable, digest = [], {}, hashlib.blake2b(digest_size=16)
        statistics = PixelStatistics()
        with progress() as bars, ThreadPoolExecutor(available_cores()) as threads:
            bar = bars.add_task("preparing", total=len(files))
            for file, pixels in zip(files, self._read(threads, files), strict=True):
                if isinstance(pixels, str):
                    unusable[file.name] = pixels
                else:
                    target.write(pixels.tobytes())
                    digest.update(pixels.tobytes())
                    statistics.add(pixels[None])
                    usable.append(file.name)
                bars.advance(bar)
        return {
            "files": usable,
            "unusable": unusable,
            "pixels": digest.hexdigest(),
            "statistics": asdict(statistics),
        }

    def _read(
        self, threads: ThreadPoolExecutor, files: Sequence[ImageFile]
    ) -> Iterator[np.ndarray | str]:
        # In pieces, since the whole would be read ahead of what is written.
        for start in range(0, len(files), _CHUNK):
            names = [file.name for file in files[start : start + _CHUNK]]
            yield from threads.map(self._read_file, names)

    def _inventory(self, folder: Path) -> dict[str, Any]:
        """Returns which files the prepared images are of, after checking that they can be used."""
        try:
            inventory: dict[str, Any] = json.loads((folder / INVENTORY).read_bytes())
            size = (folder / PIXELS).stat().st_size
            expected = math.prod(self._shape(inventory))
        except (OSError, ValueError, KeyError, TypeError) as error:
            text = f"{folder} is damaged ({error}): delete it, and it is made again."
            raise UserError(text) from error
        if size != expected:
            raise UserError(
                f"{folder / PIXELS} has {size} bytes and should have {expected}: delete {folder}, "
                f"and it is made again."
            )
        unusable = inventory["unusable"]
        if unusable and not self.skip_broken:
            raise UserError(
                f"{_listed(unusable)} in {self.path} cannot be used: repair or remove them, or "
                f"leave them out with data.skip_broken=true. All of them: {folder / INVENTORY}."
            )
        what = f"what can be used of {self.path}"
        if not inventory["files"]:
            raise UserError(f"{what} is empty: 0 images, and {_listed(unusable)}.")
        check_shape(what, self._shape(inventory))
        return inventory

    def _shape(self, inventory: dict[str, Any]) -> tuple[int, ...]:
        channels = 3 if self.colour else 1
        return len(inventory["files"]), channels, self.image_size, self.image_size


def _listed(unusable: dict[str, str]) -> str:
    """Returns the number of files and the first of them, each with its reason."""
    files = [f"{name} ({why})" for name, why in unusable.items()]
    return f"{len(files)} {'file' if len(files) == 1 else 'files'} ({first_names(files)})"


def splits_and_labels(path: Path, names: Sequence[str]) -> tuple[np.ndarray | None, Labels]:
    """Returns the split of each image, (N,), None if there are none, and their labels.

    The uppermost sub-folders are the labels, if every image lies in one. If these are called
    train, val and test, they are the splits, and the sub-folders below are the labels.
    """
    parts = [name.split("/") for name in names]
    tops = {part[0] for part in parts if len(part) > 1}
    known = {top: SPLITS.get(top.lower()) for top in tops}
    is_loose = any(len(part) == 1 for part in parts)
    if tops and not is_loose and all(known.values()):
        splits = np.array([known[part[0]] for part in parts])
        below = ["/".join(part[1:]) for part in parts]
        return (splits if len(set(splits)) > 1 else None), _labels(path, below)
    if len({split for split in known.values() if split}) > 1:
        others = sorted(top for top, split in known.items() if not split)
        raise UserError(
            f"data.path={path} has sub-folders of splits ({', '.join(sorted(tops - {*others}))}) "
            f"beside {first_names(others) if others else 'loose images'}: move one kind elsewhere, "
            f"or name one split, data.path={path / min(tops - {*others})}."
        )
    return None, _labels(path, names)


def _labels(path: Path, names: Sequence[str]) -> Labels:
    """Returns the uppermost sub-folders as labels; none unless every image lies in one."""
    loose = [name for name in names if "/" not in name]
    if len(loose) == len(names):
        return Labels()
    if loose:
        words = (
            f"{len(loose)} of the {len(names)} images of {path} lie in no sub-folder "
            f"({first_names(loose)}): all are taken as images without labels."
        )
        return Labels(warnings=(words,))
    labels = encode_labels(str(path), np.array([name.split("/")[0] for name in names]))
    if labels.codes is None and all(name.count("/") > 1 for name in names):
        inner = path / names[0].split("/")[0]
        words = f"{labels.warnings[0]} data.path={inner} takes the sub-folders below as labels."
        return Labels(warnings=(words,))
    return labels
