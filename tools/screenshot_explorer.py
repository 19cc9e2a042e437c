"""Makes the pictures of an explorer for docs/reference/explorer.md: `make film-explorer`."""

import argparse
from io import BytesIO
from pathlib import Path

from chromium import browser, keep, open_explorer
from PIL import Image

SIZE = (1180, 900)
# The test image that is looked at, by its number in the page.
IMAGE = 4
# Kilobytes: the pictures lie in the repository.
LIMIT = 250


def main() -> None:
    """Writes the plane, and what the page shows of a test image, as PNGs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for explorer_plane.png and explorer_image.png")
    parser.add_argument("page", type=Path, help="an explorer.html of one run")
    arguments = parser.parse_args()
    with browser() as started:
        page = open_explorer(started, arguments.page, SIZE)
        page.locator("#test-image").fill(str(IMAGE))
        page.locator(".run-card").get_by_text("64 draws", exact=True).wait_for()
        page.wait_for_timeout(4000)  # the map becomes finer
        for name, part in (("plane", "#plane .panel"), ("image", "#image .run-cards")):
            shot = Image.open(BytesIO(page.locator(part).screenshot()))
            keep(shot, arguments.folder / f"explorer_{name}.png", LIMIT)


if __name__ == "__main__":
    main()
