"""The picture files of a command line, fitted to the images of a model. No torch.

Shapes: C channels, H height, W width.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vae_lab.apply.request import PARTS, ApplyRequest
from vae_lab.data.fitting import FittedPicture, Fitting, fit
from vae_lab.data.image_files import SUFFIXES, list_files
from vae_lab.errors import UserError

if TYPE_CHECKING:
    from vae_lab.apply.classes import PictureClass

# Of 255: a resized pixel of a mask that nothing white went into has no more.
_BLACK = 5

# Characters of a name, each of four bytes at most.
_LONGEST = 50


@dataclass
class PictureFile:
    """A picture file that was named, or lies in a folder that was.

    `name` is its own among the results. `fitted` is None if it cannot be used, `reason` says why.
    What becomes of it is added: `written` files, `values` of a table, `notes` to know, and for a
    conditional model its class.
    """

    path: Path
    name: str
    fitted: FittedPicture | None
    reason: str | None = None
    missing: np.ndarray | None = None  # bool (H, W), of a picture to complete
    notes: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    result: str = ""  # of its values, in words
    label: "PictureClass | None" = None

    @property
    def line(self) -> str:
        """The line that tells what became of it."""
        if self.fitted is None:
            return f"{self.path}: not used: {self.reason}."
        label = self.label.words if self.label else ""
        words = (self.fitted.words, label, self.result)
        return f"{self.path}: {'; '.join(filter(None, words))}."

    def to_json(self) -> dict[str, Any]:
        """Returns what became of it, for other programs."""
        return {
            "file": str(self.path),
            "name": self.name,
            "used": self.fitted is not None,
            "reason": self.reason,
            "fitted": None if self.fitted is None else self.fitted.words,
            "notes": self.notes,
            "written": [str(path) for path in self.written],
            **(self.label.columns() if self.label else {}),
            **({"values": self.values} if self.values else {}),
        }


def read_pictures(request: ApplyRequest) -> list[PictureFile]:
    """Returns the pictures in the order they were named, those that cannot be used with a reason.

    Raises:
        UserError: A folder holds no picture, or the mask cannot be used.
    """
    mask = _mask(request)
    names = _Names()
    pictures = []
    for path in _files(request.files):
        fitted = _read(path, request)
        picture = PictureFile(path, names.of(path), None)
        if isinstance(fitted, str):
            picture.reason = fitted
        else:
            picture.fitted = fitted
            if request.task == "complete":
                _add_missing(picture, request, mask)
            if fitted.pixels.min() == fitted.pixels.max():
                picture.notes.append("it is of one colour")
        pictures.append(picture)
    return pictures


def _files(named: list[Path]) -> Iterator[Path]:
    """Yields the files that were named, and the pictures in folders that were."""
    for path in named:
        if not path.is_dir():
            yield path
            continue
        listing = list_files(path)
        if not listing.files:
            raise UserError(
                f"{path} has no picture, here or in sub-folders ({', '.join(sorted(SUFFIXES))})."
            )
        yield from (path / file.name for file in listing.files)


def _read(path: Path, request: ApplyRequest) -> FittedPicture | str:
    """Returns a picture as the model is to see it, or why it cannot be used."""
    if not path.exists():
        return "there is no such file"
    fitting = Fitting(
        request.image_shape,
        request.background,
        holes=request.task == "complete",
        narrow=True,
        remedy="say what is behind them with --background black or white",
    )
    fitted = fit(path, fitting)
    if isinstance(fitted, str):
        return fitted
    pixels, done = fitted.pixels, fitted.done
    if request.invert:
        pixels, done = 255 - pixels, (*done, "inverted")
    if request.binarize != "none":
        pixels = (pixels >= 128).astype(np.uint8) * np.uint8(255)
        done = (*done, "white where at least half white, else black")
    return fitted._replace(pixels=pixels, done=done)


def _mask(request: ApplyRequest) -> FittedPicture | None:
    """Returns the mask that was named, grey."""
    if request.mask is None:
        return None
    if not request.mask.exists():
        raise UserError(f"there is no mask {request.mask}: name a picture, or use --hide PART.")
    mask = fit(request.mask, Fitting((1, *request.image_shape[1:]), background=0, narrow=True))
    if isinstance(mask, str):
        raise UserError(f"the mask {request.mask} cannot be used: {mask}.")
    if not (mask.pixels > _BLACK).any():
        raise UserError(f"the mask {request.mask} is black: what is to be completed must be white.")
    return mask


def _add_missing(picture: PictureFile, request: ApplyRequest, mask: FittedPicture | None) -> None:
    """Adds which pixels are missing, or the reason why the picture cannot be completed."""
    fitted = picture.fitted
    assert fitted is not None
    _, height, width = request.image_shape
    missing = ~fitted.opaque
    if mask is not None:
        if mask.size not in (fitted.size, (width, height)):
            picture.fitted, picture.reason = None, _another_size(mask, fitted, (width, height))
            return
        missing = missing | (mask.pixels[0] > _BLACK)
    if request.hide is not None:
        top, bottom, left, right = PARTS[request.hide]
        rows = slice(round(top * height), round(bottom * height))
        missing[rows, round(left * width) : round(right * width)] = True
    if not missing.any():
        picture.fitted = None
        picture.reason = "nothing is missing: give --hide PART, --mask FILE, or a transparent part"
        return
    picture.missing = missing
    share = f"{100 * missing.mean():.0f} % missing"
    picture.fitted = fitted._replace(done=(*fitted.done, share))


def _another_size(mask: FittedPicture, fitted: FittedPicture, model: tuple[int, int]) -> str:
    sizes = [f"{width} x {height}" for width, height in (mask.size, fitted.size, model)]
    return f"the mask is {sizes[0]} and the picture {sizes[1]}: make it as large, or {sizes[2]}"


class _Names:
    """Names of results: the file's without its ending, and a number if it was given before."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, path: Path) -> str:
        """Returns a name that is given once; case does not distinguish files everywhere."""
        # No system takes longer names with the endings that follow.
        stem = name = path.stem[:_LONGEST]
        number = 1
        while name.casefold() in self._given:
            number += 1
            name = f"{stem}-{number}"
        self._given.add(name.casefold())
        return name
