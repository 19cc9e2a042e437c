"""The precision of products of matrices and of convolutions: on a GPU, and without autocast."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

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


def without_autocast(device_type: str) -> AbstractContextManager[Any]:
    """Ends autocast on a kind of device; if it is off, that is not done: it takes time."""
    if torch.is_autocast_enabled(device_type):
        return torch.autocast(device_type, enabled=False)
    return nullcontext()
