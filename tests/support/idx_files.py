"""Small files in the format of MNIST."""

import struct

import numpy as np


def idx(array: np.ndarray) -> bytes:
    """Returns an array of bytes as an IDX file."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


IMAGES = np.arange(5 * 3 * 4).reshape(5, 3, 4)
LABELS = np.array([3, 1, 4, 1, 5])
GOOD = {
    "train-images-idx3-ubyte": idx(IMAGES),
    "train-labels-idx1-ubyte": idx(LABELS),
    "t10k-images-idx3-ubyte": idx(IMAGES[:2] + 100),
    "t10k-labels-idx1-ubyte": idx(LABELS[:2]),
}
