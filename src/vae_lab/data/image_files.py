"""Image files: which there are in a folder."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SUFFIXES = frozenset(
    (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)


class ImageFile(NamedTuple):
    """An image file: its path below the folder, with slashes, and what changes when it does."""

    name: str
    size: int  # bytes
    modified: int  # ns


@dataclass
class Listing:
    """The image files of a folder, and what was left out."""

    files: list[ImageFile] = field(default_factory=list)
    # By their suffix: files that are not named like an image.
    others: Counter[str] = field(default_factory=Counter)
    # Links to a folder that they lie in themselves.
    loops: list[str] = field(default_factory=list)

    def left_out(self) -> list[str]:
        """Returns in words what was left out."""
        words = []
        if self.others:
            kinds = ", ".join(f"{suffix} {count}" for suffix, count in self.others.most_common(10))
            words.append(
                f"files that are not named like an image were left out ({kinds}): convert the "
                f"images among them to .png or .jpg."
            )
        if self.loops:
            words.append(
                f"links that lead back to a folder that they lie in were left out "
                f"({', '.join(self.loops[:10])})."
            )
        return words


def list_files(folder: Path) -> Listing:
    """Returns every image file in a folder and its sub-folders, in the order of their names.

    Hidden files and folders are left out. Links are followed.
    """
    listing = Listing()
    _walk(folder, "", (), listing)
    listing.files.sort()
    return listing


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...], listing: Listing) -> None:
    status = folder.stat()
    if (place := (status.st_dev, status.st_ino)) in above:
        listing.loops.append(prefix.rstrip("/"))
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            suffix = Path(entry.name).suffix.lower()
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                _walk(folder / entry.name, f"{prefix}{entry.name}/", (*above, place), listing)
            elif suffix not in SUFFIXES:
                listing.others[suffix or "no suffix"] += 1
            else:
                try:
                    stat = entry.stat()
                except OSError:
                    stat = entry.stat(follow_symlinks=False)  # a link to nowhere
                file = ImageFile(f"{prefix}{entry.name}", stat.st_size, stat.st_mtime_ns)
                listing.files.append(file)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
