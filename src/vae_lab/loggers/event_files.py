"""TensorBoard's event files: written, measured, taken back to an earlier length, and read."""

import io
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import BinaryIO

from google_crc32c import value as crc32c
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.image import metadata

from vae_lab.files import QUICK_PNG
from vae_lab.reading import open_inside
from vae_lab.run_folder import EVENT_FILES

# In the names of our event files. A person may keep others in the same folder.
MARK = ".vae-lab"
# The end of a session has a file of its own, so that a resumed run can take it back: of two ends
# TensorBoard believes the first, and a run that failed and was resumed would stay a failed one.
END_SUFFIX = ".session_end"


class EventFile:
    """An event file to write to, with the methods of TensorBoard's own writer.

    TensorBoard reads the files of a folder in the order of their names, which begin with the
    second. This one comes after all that are there, also if the clock was set back. Each event is
    written when it is added: a full disk, or a file that is gone, is an error of the caller.
    """

    def __init__(self, folder: Path, suffix: str = "") -> None:
        """Makes the file, and the folder if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        stamps = [path.name.split(".")[3] for path in folder.glob(EVENT_FILES)]
        newest = max((int(stamp) for stamp in stamps if stamp.isdigit()), default=0)
        prefix = EVENT_FILES.rstrip("*") + f"{max(int(time.time()), newest + 1):010d}"
        self._path = folder / f"{prefix}.{socket.gethostname()}.{os.getpid()}{MARK}{suffix}"
        self._path.touch(exist_ok=False)
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def get_logdir(self) -> str:
        return str(self._path.parent)

    def add_event(self, event: Event) -> None:
        left = memoryview(_record(event.SerializeToString()))
        with self._path.open("r+b", buffering=0) as file:
            file.seek(0, os.SEEK_END)
            # A disk that is almost full takes a part, and refuses the rest.
            while left:
                left = left[file.write(left) :]

    def remove(self) -> None:
        """Takes the file away, with all that was written."""
        self._path.unlink(missing_ok=True)

    def flush(self) -> None:
        """Does nothing: each event is written already."""

    def close(self) -> None:
        """Does nothing: the file is open only while an event is written."""


def _record(content: bytes) -> bytes:
    """Returns what an event file holds of an event: see `_scalar_events`.

    TensorBoard's own writer computes checksums in Python, which took a quarter of the time of all
    pictures.
    """
    length = struct.pack("<Q", len(content))
    return length + _checksum(length) + content + _checksum(content)


def _checksum(content: bytes) -> bytes:
    """Returns the CRC-32C as records hold it: turned by 15 bits, and a constant added."""
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def image_summary(tag: str, image: Image.Image, description: str) -> Summary:
    """Returns what an event file holds of a picture, grey or in colour.

    Torch's own writer takes no description, and stores grey pictures in colour.
    """
    png = io.BytesIO()
    image.save(png, **QUICK_PNG)
    content = Summary.Image(
        height=image.height,
        width=image.width,
        colorspace=len(image.getbands()),
        encoded_image_string=png.getvalue(),
    )
    card = metadata.create_summary_metadata(display_name=tag, description=description)
    return Summary(value=[Summary.Value(tag=tag, image=content, metadata=card)])


def our_files(folder: Path) -> list[Path]:
    """Returns the event files in a folder that this program wrote."""
    return [path for path in folder.glob(EVENT_FILES) if _is_ours(path)]


def lengths(folder: Path) -> dict[str, int]:
    """Returns the size of each of our event files in bytes, by name."""
    return {path.name: path.stat().st_size for path in our_files(folder)}


def cut_back(folder: Path, sizes: Mapping[str, int]) -> None:
    """Takes our event files back to their sizes in `sizes`; a file that is not listed is removed.

    Nothing is then left of what a stopped run wrote after its last checkpoint, half a record
    included, and no reader shows an epoch twice. Files of others stay.
    """
    # The folder's own names, never those of `sizes`, which came out of a file.
    for path in folder.glob(EVENT_FILES):
        size = sizes.get(path.name)
        if not isinstance(size, int) or path.is_symlink():
            if _is_ours(path):
                path.unlink()
        elif path.stat().st_size > size >= 0:
            with path.open("r+b") as file:
                file.truncate(size)


def _is_ours(path: Path) -> bool:
    # Earlier versions marked only the ends of sessions.
    return path.name.endswith((MARK, END_SUFFIX))


Curves = dict[str, dict[int, float]]


# Bytes of a record that holds a scalar, and records of a file: above those of any run.
_MOST_SCALAR, _MOST_RECORDS = 1_000, 2_000_000


def read_curves(folder: Path) -> Curves:
    """Returns tag -> step -> value of the scalars in a run's folder; later files win.

    Raises:
        UserError: A file cannot be read, or is none of the folder.
    """
    curves: Curves = {}
    for path in sorted(folder.glob(EVENT_FILES), key=lambda path: path.name):
        with open_inside(path, folder) as file:
            for event in _scalar_events(file):
                for value in event.summary.value:
                    # TensorBoard shows no others either.
                    if value.WhichOneof("value") == "simple_value" and isfinite(value.simple_value):
                        curves.setdefault(value.tag, {})[event.step] = value.simple_value
    return curves


def _scalar_events(file: BinaryIO) -> Iterator[Event]:
    """Yields the events of a file that are as short as a scalar's, as far as it is whole.

    A record is its length (8 bytes), their checksum (4), the event, its checksum (4). TensorBoard's
    own reader spends a second on the checksums of one run's pictures, in Python.
    """
    size = os.fstat(file.fileno()).st_size
    for _ in range(_MOST_RECORDS):
        head = file.read(12)
        length = struct.unpack("<Q", head[:8])[0] if len(head) == 12 else 0
        # A file that was made large without content reads as records of no length.
        if length == 0 or file.tell() + length > size:
            return
        if length > _MOST_SCALAR:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        try:
            event = Event.FromString(file.read(length))
        except Exception:  # protobuf's errors have no common type in all its implementations
            return
        yield event
        file.seek(4, os.SEEK_CUR)
