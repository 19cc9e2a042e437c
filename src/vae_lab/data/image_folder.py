"""A person's own image files. Made once into one file of bytes, which is then memory-mapped.

Shapes: N images, C channels, H height, W width.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from vae_lab.data.image_files import SUFFIXES, ImageFile, list_files, read
from vae_lab.data.images import Images, MemmapImages
from vae_lab.data.splits import split_test
from vae_lab.data.user_images import UNLABELLED, Labels, check_shape, encode_labels
from vae_lab.environment import available_cores
from vae_lab.errors import UserError, describe_os_error
from vae_lab.files import wait_for_lock
from vae_lab.terminal import print_warning, progress

# In the prepared folder: the images' bytes, and which files they are of.
PIXELS, INVENTORY = "images.u8", "about.json"

# Of that folder: what was prepared in another is prepared anew.
_FORMAT = 2

# Read by all threads together before they are written, in order.
_CHUNK = 256

# Files that an error names; all of them are in the inventory.
_NAMED = 10


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

    def prepare(self) -> tuple[int, ...]:
        """Makes the images ready, if they are not, and returns their shape (N, C, H, W)."""
        inventory = self._inventory(self._prepared())
        _labels(self.path, inventory["files"])
        return self._shape(inventory)

    def load(self) -> Images:
        """Returns the images in the order of their names, `num_test` of them as test images."""
        folder = self._prepared()
        inventory = self._inventory(folder)
        pixels = np.memmap(folder / PIXELS, np.uint8, mode="r", shape=self._shape(inventory))
        labels, names = _labels(self.path, inventory["files"])
        images = MemmapImages(pixels, np.arange(len(pixels)))
        return split_test(images, labels, self.num_test, names, inventory["pixels"])

    def _prepared(self) -> Path:
        """Returns the folder of the prepared images, which is filled if it is not there."""
        try:
            files = list_files(self.path)
        except OSError as error:
            raise UserError(
                f"data.path={self.path} is no folder that can be read ({error.strerror}): name "
                f"one with image files."
            ) from error
        if not files:
            raise UserError(
                f"data.path={self.path} has no image files, here or in sub-folders "
                f"({', '.join(sorted(SUFFIXES))})."
            )
        key = json.dumps([_FORMAT, self.image_size, self.colour, files])
        name = f"{self.path.resolve().name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        folder = self.root / "prepared" / name
        if not folder.exists() and self.read_only:
            raise UserError(
                f"the images of {self.path} are not prepared in {folder.parent}, and nothing is "
                f"written where a run's folder says: name your own place with data.root=FOLDER, or "
                f"data_root=FOLDER in an evaluation."
            )
        if not folder.exists():
            with wait_for_lock(folder):
                # Another process may have been faster.
                if not folder.exists():
                    self._fill(folder, files)
        return folder

    def _fill(self, folder: Path, files: Sequence[ImageFile]) -> None:
        text = f"vae-lab: preparing {len(files)} files of {self.path} in {folder}"
        print(text, file=sys.stderr, flush=True)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                prefix=".partial-", dir=folder.parent, ignore_cleanup_errors=True
            ) as partial:
                unfinished = Path(partial) / folder.name
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
        with progress() as bars, ThreadPoolExecutor(available_cores()) as threads:
            bar = bars.add_task("preparing", total=len(files))
            for file, pixels in zip(files, self._read(threads, files), strict=True):
                if isinstance(pixels, str):
                    unusable[file.name] = pixels
                else:
                    target.write(pixels.tobytes())
                    digest.update(pixels.tobytes())
                    usable.append(file.name)
                bars.advance(bar)
        return {"files": usable, "unusable": unusable, "pixels": digest.hexdigest()}

    def _read(
        self, threads: ThreadPoolExecutor, files: Sequence[ImageFile]
    ) -> Iterator[np.ndarray | str]:
        def read_file(file: ImageFile) -> np.ndarray | str:
            return read(self.path / file.name, size=self.image_size, colour=self.colour)

        # In pieces, since the whole would be read ahead of what is written.
        for start in range(0, len(files), _CHUNK):
            yield from threads.map(read_file, files[start : start + _CHUNK])

    def _inventory(self, folder: Path) -> dict[str, Any]:
        """Returns which files the prepared images are of, after checking that they can be used."""
        try:
            inventory: dict[str, Any] = json.loads((folder / INVENTORY).read_bytes())
            size = (folder / PIXELS).stat().st_size
            expected = int(np.prod(self._shape(inventory)))
        except (OSError, ValueError, KeyError) as error:
            text = f"{folder} is damaged ({error}): delete it, and it is made anew."
            raise UserError(text) from error
        if size != expected:
            raise UserError(
                f"{folder / PIXELS} has {size} bytes and should have {expected}: delete {folder}, "
                f"and it is made anew."
            )
        unusable = inventory["unusable"]
        if unusable and not self.skip_broken:
            raise UserError(
                f"{_listed(unusable)} in {self.path} cannot be used: mend or remove them, or leave "
                f"them out with data.skip_broken=true. All of them: {folder / INVENTORY}."
            )
        check_shape(f"what can be used of {self.path}", self._shape(inventory))
        return inventory

    def _shape(self, inventory: dict[str, Any]) -> tuple[int, ...]:
        channels = 3 if self.colour else 1
        return len(inventory["files"]), channels, self.image_size, self.image_size


def _listed(unusable: dict[str, str]) -> str:
    """Returns the number of files and the first of them, each with its reason."""
    first = ", ".join(f"{name} ({why})" for name, why in list(unusable.items())[:_NAMED])
    more = f" and {len(unusable) - _NAMED} more" if len(unusable) > _NAMED else ""
    return f"{len(unusable)} {'file' if len(unusable) == 1 else 'files'} ({first}{more})"


def _labels(path: Path, names: Sequence[str]) -> Labels:
    """Returns the uppermost sub-folders as labels; none unless every image lies in one."""
    folders = [name.split("/")[0] for name in names if "/" in name]
    loose = len(names) - len(folders)
    if 0 < loose < len(names):
        print_warning(
            f"{loose} of the {len(names)} images of {path} lie in no sub-folder: all are taken "
            f"as images without labels."
        )
    if loose:
        return UNLABELLED
    return encode_labels(str(path), np.array(folders))
