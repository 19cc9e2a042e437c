"""Makes the picture of TensorBoard that the documentation shows: `make screenshot`."""

import argparse
from io import BytesIO
from pathlib import Path

from boards import board
from chromium import Visit, browser, keep
from PIL import Image

# Wide enough for two cards in a row; as high as curves, reconstructions, samples and KL are.
SIZE = (1440, 900)
# Kilobytes: the picture lies in the repository.
LIMIT = 200


def main() -> None:
    """Writes the page that has all runs of a sweep side by side as a PNG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("folders", nargs="*", help="default: the newest sweep")
    arguments = parser.parse_args()
    with browser() as started, board(*arguments.folders, cwd=Path.cwd()) as served:
        page = Visit(started, SIZE).go(served.links["side by side"])
        page.locator("image-card img").nth(3).wait_for()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1000)  # the charts are drawn without a request
        shot = Image.open(BytesIO(page.screenshot()))
    keep(shot, arguments.target, LIMIT)


if __name__ == "__main__":
    main()
