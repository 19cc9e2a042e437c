"""Chromium for tests and screenshots: headless, of the system, and talking to loopback alone."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

# Without these it would look for updates, or need more rights than a container gives.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SIZE = (1600, 1200)


def find_chromium() -> str | None:
    """Returns the path of the system's Chromium or Chrome."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Any]:
    """Starts the browser, and ends it. Exits if the system has none."""
    path = find_chromium()
    if path is None:
        sys.exit("vae-lab: error: no Chromium: install the system's package chromium.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


class Visit:
    """A page with a storage of its own, and what went wrong in it."""

    def __init__(self, started: Any, size: tuple[int, int] = SIZE) -> None:
        self.errors: list[str] = []
        self.left_loopback: list[str] = []
        width, height = size
        context = started.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(120_000)
        self.page = context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._on_request)

    def go(self, address: str) -> Any:
        """Opens an address and returns the page."""
        self.page.goto(address)
        return self.page

    def open(self, path: Path) -> Any:
        """Opens a file and returns the page."""
        return self.go(path.resolve().as_uri())

    def _on_console(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _on_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in LOOPBACK:
            self.left_loopback.append(request.url)


def open_explorer(started: Any, path: Path, size: tuple[int, int]) -> Any:
    """Opens an explorer's file and returns the page when all of it is drawn."""
    page = Visit(started, size).open(path)
    page.wait_for_selector("body[data-ready=true]")
    return page


def keep(picture: Image.Image, target: Path, limit: int) -> None:
    """Writes a screenshot as a PNG for the repository, and says how large; exits above the limit.

    Args:
        picture: as the browser took it.
        target: the file.
        limit: in kilobytes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # A palette is enough for a page, and takes a third; this one keeps shades of a colour apart.
    palette = Image.Quantize.FASTOCTREE
    picture.convert("RGB").quantize(256, palette).save(target, optimize=True)
    size = target.stat().st_size / 1000
    print(f"{target}: {size:.0f} kB")
    if size > limit:
        sys.exit(f"vae-lab: error: more than {limit} kB: take fewer runs.")
