"""What `make torture` counts: how often each fault was tried, and what was lost."""

import os

COUNTS: list[tuple[str, int, int]] = []


def repeats(number: int) -> int:
    """Returns how often to try: all of it, or the share that VAE_LAB_TORTURE asks for."""
    return max(1, round(number * float(os.environ.get("VAE_LAB_TORTURE", "1"))))


def count(fault: str, tried: int, lost: int) -> None:
    """Notes for the end of the tests how often a fault was tried, and something lost."""
    COUNTS.append((fault, tried, lost))
