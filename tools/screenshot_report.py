"""Makes the picture of a report that the README shows: `make screenshot-report ARGS=FILE`."""

import argparse
import sys
from io import BytesIO
from pathlib import Path

from chromium import Visit, browser, find_chromium, keep
from PIL import Image

SIZE = (1440, 900)
# Kilobytes: the picture lies in the repository.
LIMIT = 250


def main() -> None:
    """Writes the first screen of a report as a PNG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("page", type=Path, help="a report.html")
    arguments = parser.parse_args()
    path = find_chromium()
    if path is None:
        sys.exit("vae-lab: error: no Chromium: install the system's package chromium.")
    with browser(path) as started:
        page = Visit(started, SIZE).go(arguments.page.resolve().as_uri())
        shot = Image.open(BytesIO(page.screenshot()))
    keep(shot, arguments.target, LIMIT)


if __name__ == "__main__":
    main()
