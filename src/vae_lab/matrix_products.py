"""The precision of products of single-precision matrices, and of convolutions, on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def matrix_products(precision: str) -> Iterator[None]:
    """Computes them in single precision (highest), in TF32 (high), or in bf16 (medium).

    torch has a switch for matrices and another one for convolutions, which it leaves in TF32.
    Convolutions know no bf16: they are in TF32 with `medium`.
    """
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.allow_tf32 = precision != "highest"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
