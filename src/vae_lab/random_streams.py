"""Random streams by name: a draw depends only on its stream's name, never on what ran before.

An epoch's data order and noise come from ("order" or "noise", seed, epoch), so a resumed run draws
what the undisturbed one would have drawn, and no generator state has to be saved.
"""

import hashlib

import torch
from torch import Tensor


def stream_seed(*parts: str | int) -> int:
    """Returns the seed of a stream, the same on every machine; 63 bits, so never negative."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(*parts: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """Returns a new generator at the start of the named stream."""
    return torch.Generator(device).manual_seed(stream_seed(*parts))


def subset(size: int, wanted: int, name: str, seed: int) -> Tensor:
    """Returns places of a random subset, in order, (min(wanted, size),)."""
    return torch.randperm(size, generator=stream(name, seed))[:wanted].sort().values
