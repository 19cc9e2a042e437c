"""The curves of a run from its event files: a value per tag and number of epochs completed."""

import struct
from collections.abc import Iterator
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event

Curves = dict[str, dict[int, float]]


def read_curves(folder: Path) -> Curves:
    """Returns tag -> step -> value of the scalars in a run's folder; later files win."""
    curves: Curves = {}
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda one: one.name):
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
