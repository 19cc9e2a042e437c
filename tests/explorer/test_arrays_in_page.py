"""Every format of arrays, read in the page as it was written, and the lattice of decoded images."""

from typing import Any

import numpy as np
import pytest
from page_maths import PageMaths, packed

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

READ = """(text, references) => {
  const arrays = unpack(text);
  return references.map((reference) => {
    const { data, shape } = arrays.get(reference);
    return [data.constructor.name, Array.from(data), shape, arrays.get(reference).data === data];
  });
}"""


@pytest.mark.parametrize("number_format", [FLOAT32, FLOAT24, FIXED16, FIXED14], ids=str)
def test_the_page_reads_weights_as_python_rounds_them(
    maths: PageMaths, number_format: NumberFormat
) -> None:
    generator = np.random.default_rng(0)
    weights = generator.normal(0, 0.1, (5, 3, 2, 2)).astype(np.float32)
    weights[2] = 0
    weights[3] *= 1e-6
    vector = np.array([-1.5, 0, 1e-30, 7], dtype=np.float32)
    arrays = Arrays()
    references = [arrays.add(values, number_format) for values in (weights, vector)]
    found = maths.call(READ, packed(arrays), references)
    for values, (kind, data, shape, is_kept) in zip((weights, vector), found, strict=True):
        assert kind == "Float32Array"
        assert shape == list(values.shape)
        assert is_kept
        expected = rounded(values, number_format)
        np.testing.assert_array_equal(np.array(data, dtype=np.float32), expected.reshape(-1))


def test_the_page_reads_whole_numbers(maths: PageMaths) -> None:
    labels = [0, 9, -1, 2**31 - 1, -(2**31)]
    arrays = Arrays()
    references = [arrays.add([[0, 255, 7]], UINT8), arrays.add(labels, INT32)]
    found = maths.call(READ, packed(arrays), references)
    assert found == [
        ["Uint8Array", [0, 255, 7], [1, 3], True],
        ["Int32Array", labels, [5], True],
    ]


def test_an_image_of_a_lattice_lies_between_its_neighbours(maths: PageMaths) -> None:
    # Images of one pixel, over dimensions 2 (across) and 0 (up): 10 times the row plus the column.
    pixels = np.add.outer(10 * np.arange(3), np.arange(3)).reshape(3, 3, 1, 1, 1)
    arrays = Arrays()
    lattice: Any = {"axes": [2, 0], "low": [-1, -2], "high": [1, 2], "steps": 3}
    lattice["pixels"] = arrays.add(pixels, UINT8)
    run = {
        "latent_dim": 3,
        "image_shape": [1, 1, 1],
        "encoder": None,
        "decoder": {"lattice": lattice},
        "likelihood": {"kind": None},
        "prior": {"kind": "standard"},
        "bound": None,
    }
    maths.set("model", "(run, text) => new Model(run, unpack(text))", run, packed(arrays))
    assert maths.call("() => [model.knowsEncoder, model.knowsDecoder, model.knowsBound]") == [
        *(False, False, False)
    ]
    points = [[-2, 9, -1], [0, 9, 0], [2, 9, 1], [1, 9, 0.5], [-5, 9, 0], [5, 9, 5]]
    images = maths.call("(points) => points.map((z) => model.decode(floats(z)))", points)
    found = [image[0] * 255 for image in images]
    assert found == pytest.approx([0, 11, 22, 16.5, 1, 22], abs=1e-4)
