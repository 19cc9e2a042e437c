"""Makes the pictures of a report that the README shows: `make screenshot-report ARGS=FILE`."""

import argparse
from io import BytesIO
from pathlib import Path
from typing import Any

from chromium import Visit, browser, keep
from PIL import Image

SIZE = (1440, 900)
# The findings that the picture of the first lines shows.
NUM_FINDINGS = 4
# Around the lines, in pixels of the page.
MARGIN = 5
# Kilobytes: the pictures lie in the repository.
LIMIT = 250


def main() -> None:
    """Writes the first screen of a report, and its first lines, as PNGs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for report.png and report_first_lines.png")
    parser.add_argument("page", type=Path, help="a report.html")
    arguments = parser.parse_args()
    with browser() as started:
        page = Visit(started, SIZE).open(arguments.page)
        screen = Image.open(BytesIO(page.screenshot()))
        lines = screen.crop(first_lines(page))
    keep(screen, arguments.folder / "report.png", LIMIT)
    keep(lines, arguments.folder / "report_first_lines.png", LIMIT)


def first_lines(page: Any) -> tuple[int, int, int, int]:
    """Returns the box of the headline and the first findings, in pixels of the page."""
    headline = page.locator(".headline").first.bounding_box()
    last = page.locator(".findings li").nth(NUM_FINDINGS - 1).bounding_box()
    left, top = headline["x"] - MARGIN, headline["y"] - MARGIN
    right = max(box["x"] + box["width"] for box in (headline, last)) + MARGIN
    bottom = last["y"] + last["height"] + MARGIN
    return round(left), round(top), round(right), round(bottom)


if __name__ == "__main__":
    main()
