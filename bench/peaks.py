"""What the processor can do at most: products per second in each precision, and bytes per second.

The peak of a precision is the better of two: a product of square matrices (on x86 MKL's) and a
convolution of 3 x 3 with 128 channels (oneDNN's, on some processors the quicker library). The
bandwidth is that of a copy of 512 MiB, far more than caches hold, reading and writing counted.
"""

import time
from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_lab.environment import processor_has_bf16

SIDE = 2048
# Images, channels, height and width of the wide convolution.
WIDE = (32, 128, 32, 32)
COPIED = 1 << 29
SECONDS = 0.4


def precisions() -> dict[str, torch.dtype]:
    """Returns the precisions that the processor has instructions for."""
    found = {"fp32": torch.float32, "bf16": torch.bfloat16}
    return found if processor_has_bf16() else {"fp32": torch.float32}


def quickest(work: Callable[[], object], seconds: float = SECONDS, fewest: int = 2) -> float:
    """Returns the seconds of the quickest call of as many as fit into some seconds."""
    best, calls, begin = float("inf"), 0, time.perf_counter()
    while calls < fewest or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        work()
        best, calls = min(best, time.perf_counter() - start), calls + 1
    return best


def product(dtype: torch.dtype) -> float:
    """Returns the seconds of a product of two square matrices."""
    return quickest(partial(torch.mm, *_matrices(dtype)))


def convolution(dtype: torch.dtype) -> float:
    """Returns the seconds of a wide convolution."""
    return quickest(partial(F.conv2d, *_images(dtype), padding=1))


def peak(dtype: torch.dtype) -> float:
    """Returns the seconds of a floating-point operation at the best rate found."""
    images, channels, height, width = WIDE
    wide = 2 * images * height * width * channels**2 * 9
    return min(product(dtype) / (2 * SIDE**3), convolution(dtype) / wide)


def copying() -> float:
    """Returns the seconds of a byte that a large copy reads or writes."""
    source, target = _copied()
    return quickest(partial(target.copy_, source)) / (2 * COPIED)


# Made once: filling them takes longer than a round.
@cache
def _matrices(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    return torch.randn(SIDE, SIDE).to(dtype), torch.randn(SIDE, SIDE).to(dtype)


@cache
def _images(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    images, weights = torch.randn(WIDE), torch.randn(WIDE[1], WIDE[1], 3, 3)
    last = torch.channels_last
    return images.to(dtype, memory_format=last), weights.to(dtype, memory_format=last)


@cache
def _copied() -> tuple[Tensor, Tensor]:
    return torch.ones(COPIED, dtype=torch.uint8), torch.zeros(COPIED, dtype=torch.uint8)
