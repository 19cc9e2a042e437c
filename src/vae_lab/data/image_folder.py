"""A person's own image files. Made once into one file of bytes, which is then memory-mapped.

No torch until they load. Shapes: N images, C channels, H height, W width.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from vae_lab.data.image_files import SUFFIXES, Found, find, read
from vae_lab.data.user_images import Labels, check_shape, numbered, split
from vae_lab.errors import UserError, describe_os_error
from vae_lab.files import wait_for_lock
from vae_lab.terminal import print_warning

if TYPE_CHECKING:
    from rich.progress import Progress

    from vae_lab.data.images import Images

# In the prepared folder: the images' bytes, and what is known of them.
PIXELS, ABOUT = "images.u8", "about.json"

# Read by all threads together before they are written, in order.
_AT_ONCE = 256

# Files that an error names; all of them are in ABOUT.
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
    ) -> None:
        """Takes, beside the folder `path`, where the prepared bytes go: `root`/prepared."""
        self.path, self.root = Path(path).expanduser(), Path(root).expanduser()
        self.image_size, self.colour = image_size, colour
        self.num_test, self.skip_broken = num_test, skip_broken

    def prepare(self) -> tuple[int, ...]:
        """Makes the images ready, if they are not, and returns their shape (N, C, H, W).

        Raises:
            UserError: There are none, or some cannot be used and are not to be skipped.
        """
        about = self._about(self._prepared())
        _labels(self.path, about["files"])
        return self._shape(about)

    def load(self) -> "Images":
        """Returns the images in the order of their names, `num_test` of them as test images.

        Raises:
            UserError: see `prepare`.
        """
        import torch

        from vae_lab.data.images import MemmapImages

        place = self._prepared()
        about = self._about(place)
        pixels = np.memmap(place / PIXELS, np.uint8, mode="r", shape=self._shape(about))
        labels = _labels(self.path, about["files"])
        return split(
            MemmapImages(pixels, torch.arange(len(pixels))), labels, self.num_test, place.name
        )

    def _prepared(self) -> Path:
        """Returns the folder of the prepared images, which is filled if it is not there."""
        try:
            found = find(self.path)
        except OSError as error:
            raise UserError(
                f"data.path={self.path} is no folder that can be read ({error.strerror}): name "
                f"one with image files."
            ) from error
        if not found:
            raise UserError(
                f"data.path={self.path} has no image files, here or in sub-folders "
                f"({', '.join(sorted(SUFFIXES))})."
            )
        key = json.dumps([self.image_size, self.colour, found])
        name = f"{self.path.resolve().name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        place = self.root / "prepared" / name
        if not place.exists():
            with wait_for_lock(place):
                # Another process may have been faster.
                if not place.exists():
                    self._fill(place, found)
        return place

    def _fill(self, place: Path, found: Sequence[Found]) -> None:
        where = f"{self.path} in {place}"
        print(f"vae-lab: preparing {len(found)} files of {where}", file=sys.stderr, flush=True)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                prefix=".partial-", dir=place.parent, ignore_cleanup_errors=True
            ) as partial:
                unfinished = Path(partial) / place.name
                unfinished.mkdir()
                with (unfinished / PIXELS).open("wb") as file:
                    about = self._write(file, found)
                text = json.dumps(about, indent=1)
                (unfinished / ABOUT).write_text(text, encoding="utf-8")
                # A process on another machine may have been faster.
                with suppress(FileExistsError):
                    unfinished.rename(place)
        except OSError as error:
            if place.exists():  # as above, in the words of another system
                return
            raise UserError(
                f"{describe_os_error(error, place)} Or set data.root=FOLDER."
            ) from error

    def _write(self, file: IO[bytes], found: Sequence[Found]) -> dict[str, Any]:
        """Writes the images that can be used; returns which they are, and why others cannot."""
        files, unusable = [], {}
        with _bars() as bars, ThreadPoolExecutor(_cores()) as threads:
            bar = bars.add_task("preparing", total=len(found))
            for one, pixels in zip(found, self._read(threads, found), strict=True):
                if isinstance(pixels, str):
                    unusable[one.name] = pixels
                else:
                    file.write(pixels.tobytes())
                    files.append(one.name)
                bars.advance(bar)
        return {"files": files, "unusable": unusable}

    def _read(
        self, threads: ThreadPoolExecutor, found: Sequence[Found]
    ) -> Iterator[np.ndarray | str]:
        def one(file: Found) -> np.ndarray | str:
            return read(self.path / file.name, size=self.image_size, colour=self.colour)

        # In pieces, since the whole would be read ahead of what is written.
        for start in range(0, len(found), _AT_ONCE):
            yield from threads.map(one, found[start : start + _AT_ONCE])

    def _about(self, place: Path) -> dict[str, Any]:
        """Returns what is known of the prepared images, after checking that they can be used."""
        try:
            about: dict[str, Any] = json.loads((place / ABOUT).read_text(encoding="utf-8"))
            size, wanted = (place / PIXELS).stat().st_size, int(np.prod(self._shape(about)))
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                f"{place} is damaged ({error}): delete it, and it is made anew."
            ) from error
        if size != wanted:
            raise UserError(
                f"{place / PIXELS} has {size} bytes and should have {wanted}: delete {place}, and "
                f"it is made anew."
            )
        unusable = about["unusable"]
        if unusable and not self.skip_broken:
            raise UserError(
                f"{_listed(unusable)} in {self.path} cannot be used: mend or remove them, or leave "
                f"them out with data.skip_broken=true. All of them: {place / ABOUT}."
            )
        check_shape(f"what can be used of {self.path}", self._shape(about))
        return about

    def _shape(self, about: dict[str, Any]) -> tuple[int, ...]:
        return len(about["files"]), 3 if self.colour else 1, self.image_size, self.image_size


def _listed(unusable: dict[str, str]) -> str:
    """Returns the number of files and the first of them, each with its reason."""
    first = ", ".join(f"{name} ({why})" for name, why in list(unusable.items())[:_NAMED])
    more = f" and {len(unusable) - _NAMED} more" if len(unusable) > _NAMED else ""
    return f"{len(unusable)} {'file' if len(unusable) == 1 else 'files'} ({first}{more})"


def _labels(path: Path, names: Sequence[str]) -> Labels | None:
    """Returns the sub-folders as labels; None where there are none, or not of every image."""
    labels = [Found(name, 0, 0).label for name in names]
    loose = labels.count(None)
    if loose == len(labels):
        return None
    if loose:
        print_warning(
            f"{loose} of the {len(labels)} images of {path} lie in no sub-folder: all are taken as "
            f"images without labels."
        )
        return None
    return numbered(str(path), np.array(labels))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bars() -> "Progress":
    """Returns a progress bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal)
