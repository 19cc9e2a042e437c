"""TensorBoard's event files: read, measured, and taken back to an earlier length."""

import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event

from vae_lab.run_folder import EVENT_FILES


def lengths(folder: Path) -> dict[str, int]:
    """Returns the size of every event file in bytes, by name."""
    return {path.name: path.stat().st_size for path in folder.glob(EVENT_FILES)}


def cut_back(folder: Path, sizes: Mapping[str, int]) -> None:
    """Takes every event file back to its size in `sizes`; one that is not there goes.

    Nothing is then left of what a stopped run wrote after its last checkpoint, half a record
    included, and no reader shows an epoch twice.
    """
    kept = []
    # The folder's own names, never those of `sizes`, which came out of a file.
    for path in folder.glob(EVENT_FILES):
        size = sizes.get(path.name)
        if not isinstance(size, int) or path.is_symlink():
            path.unlink()
            continue
        kept.append(path)
        if path.stat().st_size > size >= 0:
            with path.open("r+b") as file:
                file.truncate(size)
    _outlast(kept)


def _outlast(files: list[Path]) -> None:
    """Waits until the next event file's name, which begins with the second, comes after these.

    TensorBoard reads files in the order of their names.
    """
    stamps = [int(stamp) for path in files if (stamp := path.name.split(".")[3]).isdigit()]
    ahead = max(stamps, default=0) + 1 - time.time()
    if 0 < ahead <= 1:
        time.sleep(ahead)


Curves = dict[str, dict[int, float]]


def read_curves(folder: Path) -> Curves:
    """Returns tag -> step -> value of the scalars in a run's folder; later files win."""
    curves: Curves = {}
    for path in sorted(folder.glob(EVENT_FILES), key=lambda path: path.name):
        for event in _events(path.read_bytes()):
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    curves.setdefault(value.tag, {})[event.step] = value.simple_value
    return curves


def _events(data: bytes) -> Iterator[Event]:
    """Yields the events of a file, as far as it is whole.

    A record is its length (8 bytes), their checksum (4), the event, its checksum (4). TensorBoard's
    own reader spends a second on the checksums of one run's pictures, in Python.
    """
    start = 0
    while start + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        if start + 12 + length > len(data):
            return
        try:
            event = Event.FromString(data[start + 12 : start + 12 + length])
        except Exception:  # protobuf's errors have no common type in all its implementations
            return
        yield event
        start += length + 16
