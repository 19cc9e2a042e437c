"""What `make torture` counts: how often each fault was tried, and what was lost."""

import os
from collections.abc import Callable

import pytest

Count = Callable[[str, int, int], None]
_counts: list[tuple[str, int, int]] = []


def repeats(number: int) -> int:
    """Returns how often to try: all of it, or the share that VAE_LAB_TORTURE asks for."""
    return max(1, round(number * float(os.environ.get("VAE_LAB_TORTURE", "1"))))


@pytest.fixture
def count() -> Count:
    """Takes a fault, how often it was tried, and how often something was lost."""
    return lambda fault, tried, lost: _counts.append((fault, tried, lost))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _counts:
        terminalreporter.section("faults: tried, lost")
    for fault, tried, lost in _counts:
        terminalreporter.line(f"{fault}: {tried} tried, {lost} lost")
