"""Arrays in a page: what is stored, and how near it is to what was given."""

import base64
import zlib
from typing import Any

import numpy as np
import pytest

from vae_lab.explorer.arrays import (
    FIXED14,
    FIXED16,
    FLOAT24,
    FLOAT32,
    INT32,
    UINT8,
    Arrays,
    NumberFormat,
    rounded,
)


def stored(arrays: Arrays) -> bytes:
    return zlib.decompress(base64.b64decode(arrays.text()))


def test_the_bytes_of_an_array_are_in_planes_and_arrays_follow_each_other() -> None:
    arrays = Arrays()
    first = arrays.add(np.array([7, 8, 9], dtype=np.uint8), UINT8)
    second = arrays.add(np.array([[0x01020304], [0x05060708]]), INT32)
    assert first == {"type": "uint8", "shape": [3], "start": 0}
    assert second == {"type": "int32", "shape": [2, 1], "start": 3}
    assert list(stored(arrays)) == [7, 8, 9, 1, 5, 2, 6, 3, 7, 4, 8]


def test_fixed_point_has_a_scale_for_each_first_index() -> None:
    arrays = Arrays()
    weights = np.array([[1.0, -0.5], [0.0, 0.0], [0.003, 0.001]])
    reference = arrays.add(weights, FIXED16)
    scales = reference["scales"]
    assert scales["shape"] == [3]
    high, low = np.frombuffer(stored(arrays)[reference["start"] :], np.uint8).reshape(2, 6)
    integers = (high.astype(np.int8).astype(int) * 256 + low).reshape(3, 2)
    assert integers.tolist() == [[32767, -16384], [0, 0], [32767, 10922]]


def weights() -> Any:
    return np.random.default_rng(0).normal(0, 0.05, (64, 400)).astype(np.float32)


@pytest.mark.parametrize(
    ("number_format", "error"),
    [(FLOAT32, 0), (FLOAT24, 4e-6), (FIXED16, 4e-6), (FIXED14, 1.6e-5)],
)
def test_rounding_errors_are_those_of_the_format(number_format: NumberFormat, error: float) -> None:
    given = weights()
    found = rounded(given, number_format)
    assert found.dtype == np.float32
    assert np.abs(found - given).max() <= error
    assert np.abs(found - given).max() >= error / 3


@pytest.mark.parametrize("number_format", [FLOAT24, FIXED16, FIXED14])
@pytest.mark.parametrize("value", [0.0, 1e-45, -1e-38, 3e38, -1.0])
def test_extreme_values_keep_their_size(number_format: NumberFormat, value: float) -> None:
    found = rounded(np.array([[value, value / 2]], dtype=np.float32), number_format)
    np.testing.assert_allclose(found, [[value, value / 2]], rtol=2e-3, atol=1e-40)


def test_an_array_without_values_and_a_number_can_be_stored() -> None:
    arrays = Arrays()
    for number_format in (UINT8, INT32, FLOAT32, FLOAT24, FIXED16):
        assert arrays.add(np.zeros((0, 3)), number_format)["shape"] == [0, 3]
        assert rounded(np.zeros((0, 3)), number_format).shape == (0, 3)
    assert arrays.add(1.5, FIXED16)["shape"] == []
