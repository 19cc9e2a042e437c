"""Arrays on their way into a page: one buffer, compressed, as text.

A value of more than one byte is stored in planes: the most significant bytes of all values of an
array, then all next ones. The first bytes of neighbours are alike and compress; the last ones do
not. `maths/arrays.js` reads what is written here.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

# An array of the page: its type, its shape and the place in the buffer where it begins.
Reference = dict[str, Any]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class NumberFormat:
    """The type of the numbers of an array, and the bits that an integer of it may use.

    int16 is fixed point: a value is an integer times a scale, one for each first index, so that the
    largest value of a row takes all the bits. float24 is float32 without its last byte.
    """

    type: Literal["uint8", "int16", "int32", "float24", "float32"]
    bits: int


UINT8 = NumberFormat("uint8", 8)
INT32 = NumberFormat("int32", 32)
FLOAT32 = NumberFormat("float32", 32)
FLOAT24 = NumberFormat("float24", 24)
FIXED16 = NumberFormat("int16", 16)
FIXED14 = NumberFormat("int16", 14)


class Arrays:
    """The arrays of a page in one buffer, in the order in which they are added."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, values: ArrayLike, number_format: NumberFormat) -> Reference:
        """Adds an array of any shape and returns the reference that the page reads it by."""
        array = np.asarray(values)
        reference: Reference = {"type": number_format.type, "shape": list(array.shape)}
        if number_format.type == "int16":
            integers, scales = _fixed_point(array, number_format.bits)
            reference["scales"] = self.add(scales, FLOAT32)
            planes = _planes(integers, ">i2")
        elif number_format.type == "float24":
            planes = _planes(_without_last_byte(array), ">f4")[:3]
        else:
            types = {"uint8": "u1", "int32": ">i4", "float32": ">f4"}
            planes = _planes(array, types[number_format.type])
        reference["start"] = self._size
        self._parts.append(planes.tobytes())
        self._size += planes.size
        return reference

    def text(self) -> str:
        """Returns the whole buffer: compressed by zlib, in base64."""
        return base64.b64encode(zlib.compress(b"".join(self._parts), 9)).decode("ascii")


def rounded(values: ArrayLike, number_format: NumberFormat) -> NDArray[np.float32]:
    """Returns the values, float32, that a page reads after they were stored in a format."""
    array = np.asarray(values, dtype=np.float32)
    if number_format.type == "int16":
        integers, scales = _fixed_point(array, number_format.bits)
        of_each = scales.reshape(-1, *[1] * (array.ndim - 1)).astype(np.float64)
        return (integers * of_each).astype(np.float32).reshape(array.shape)
    if number_format.type == "float24":
        return _without_last_byte(array)
    return array


def _fixed_point(values: NDArray[Any], bits: int) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Returns integers of the same shape, and a scale for each first index; a vector has one."""
    count = len(values) if values.ndim > 1 else 1
    rows = values.astype(np.float64).reshape(count, values.size // max(1, count))
    limit = 2 ** (bits - 1) - 1
    scales = (np.abs(rows).max(axis=1, initial=0) / limit).astype(np.float32)
    # A row of zeros has the scale 0, and so has a row that is too small for a scale in float32.
    divisors = np.where(scales > 0, scales, np.inf).astype(np.float64)
    integers = np.rint(rows / divisors[:, None]).clip(-limit, limit)
    return integers.reshape(values.shape).astype(np.int16), scales


def _without_last_byte(values: NDArray[Any]) -> NDArray[np.float32]:
    """Returns float32 whose last byte is 0, rounded to the nearest."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    # Half of what the last byte can hold: the carry goes into the byte before it.
    return ((bits + np.uint32(0x80)) & np.uint32(0xFFFFFF00)).view(np.float32)


def _planes(values: NDArray[Any], big_endian_type: str) -> Bytes:
    """Returns the bytes of the values, one row for each place in a value, the first byte first."""
    stored = np.ascontiguousarray(values, dtype=big_endian_type)
    return stored.reshape(-1).view(np.uint8).reshape(-1, stored.itemsize).T
