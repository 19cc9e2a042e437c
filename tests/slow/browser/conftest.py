"""The explorers that a browser opens: pages of real runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from explorer_pages import ExplorerPage
from explorer_runs import RUNS, train_runs
from shared_folders import shared_folder

from vae_lab.explore import choose, explore

Explore = Callable[..., ExplorerPage]


@pytest.fixture(scope="session")
def explorers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages of small runs by their names, and "pair", two runs in one page."""
    folder = shared_folder(tmp_path_factory, "explorer", make_explorers)
    pages = {name: folder / name / "explorer.html" for name in RUNS}
    return {**pages, "pair": folder / "pair.html"}


@pytest.fixture(scope="session")
def explorer_runs(explorers: dict[str, Path]) -> dict[str, Path]:
    """The folders of the runs, by name."""
    return {name: explorers[name].parent for name in RUNS}


def make_explorers(folder: Path) -> None:
    """Trains the runs in a folder, and makes the page of two."""
    runs = train_runs(folder)
    pair = [runs["plain"], runs["convolutional"]]
    explore(
        choose(pair, folder / "pair.html", trust=False),
        {"data_root": None, "data_path": None, "trust": False},
    )


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
