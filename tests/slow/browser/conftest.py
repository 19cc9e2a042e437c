"""The explorers that a browser opens: pages of real runs, made by the commands."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_pages import ExplorerPage
from explorer_runs import train_runs

Explore = Callable[..., ExplorerPage]


@pytest.fixture(scope="session")
def explorer_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of four small runs, by name; each has its `explorer.html`."""
    return train_runs(tmp_path_factory.mktemp("explorer"))


@pytest.fixture(scope="session")
def explorers(explorer_runs: dict[str, Path]) -> dict[str, Path]:
    """The pages of the runs by their names, and "pair", two runs in one page."""
    pages = {name: folder / "explorer.html" for name, folder in explorer_runs.items()}
    pair = explorer_runs["plain"].parent / "pair.html"
    explore(explorer_runs["plain"], explorer_runs["convolutional"], "--to", pair)
    return {**pages, "pair": pair}


def explore(*arguments: object) -> None:
    """Makes a page by the command line."""
    line = [sys.executable, "-m", "vae_lab.explore", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def visit(chromium: Any, explorers: dict[str, Path]) -> Iterator[Explore]:
    """Opens a page by its name, as often as a test likes; nothing may go wrong in it."""
    opened: list[ExplorerPage] = []

    def visit(name: str, screen: str = "light", fragment: str = "", **options: Any) -> ExplorerPage:
        opened.append(ExplorerPage(chromium, screen, **options))
        opened[-1].open(explorers[name], fragment)
        return opened[-1]

    yield visit
    troubles = [page.trouble() for page in opened]
    for page in opened:
        page.context.close()
    assert troubles == [[] for _ in opened]
