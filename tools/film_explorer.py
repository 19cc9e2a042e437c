"""Makes the film of an explorer, docs/images/explorer.gif: `make film-explorer ARGS=FILE`."""

import argparse
import math
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from chromium import browser, open_explorer
from PIL import Image

SIZE = (1180, 800)
HEIGHT = 440  # pixels of the film, which is the plane with the image at the cursor on its right
MARGIN = 12
FRAMES = 72
SECONDS_PER_FRAME = 0.08
COLOURS = 128
# Bytes: the film lies in the repository, and is on the first screen of the README.
LIMIT = 2_000_000


def main() -> None:
    """Drags the cursor of a page once around its plane, and writes that as a GIF."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, help="the GIF to write")
    parser.add_argument("page", type=Path, help="an explorer.html")
    arguments = parser.parse_args()
    with browser() as started:
        page = open_explorer(started, arguments.page, SIZE)
        page.wait_for_timeout(4000)  # the map becomes finer
        frames = list(dragged(page))
    write_film(frames, arguments.film)


def dragged(page: Any) -> list[Image.Image]:
    """Returns the plane and the image at the cursor, in each frame of a drag."""
    plane, image = (page.locator(f"canvas.{name}").first for name in ("plane", "cursor-image"))
    box = plane.bounding_box()
    places = [place(box, step / FRAMES) for step in range(FRAMES + 1)]
    page.mouse.move(*places[0])
    page.mouse.down()
    frames: list[Image.Image] = []
    for x, y in places[1:]:
        page.mouse.move(x, y)
        page.wait_for_timeout(60)
        frames.append(side_by_side(*(taken(canvas) for canvas in (plane, image))))
    page.mouse.up()
    return frames


def taken(canvas: Any) -> Image.Image:
    """Returns what a canvas shows."""
    return Image.open(BytesIO(canvas.screenshot())).convert("RGB")


def side_by_side(plane: Image.Image, image: Image.Image) -> Image.Image:
    """Returns a frame: the plane, and half as large beside its middle the image."""
    half = HEIGHT // 2
    frame = Image.new("RGB", (HEIGHT + MARGIN + half, HEIGHT), "white")
    frame.paste(plane.resize((HEIGHT, HEIGHT), Image.Resampling.LANCZOS), (0, 0))
    beside = (HEIGHT + MARGIN, (HEIGHT - half) // 2)
    frame.paste(image.resize((half, half), Image.Resampling.NEAREST), beside)
    return frame


def place(plane: dict[str, float], share: float) -> tuple[float, float]:
    """Returns the place after a share of a closed path with three leaves around the middle."""
    angle = 2 * math.pi * share
    radius = 0.23 + 0.1 * math.cos(3 * angle)
    x = plane["x"] + plane["width"] * (0.5 + radius * math.cos(angle))
    y = plane["y"] + plane["height"] * (0.5 + radius * math.sin(angle))
    return x, y


def write_film(frames: list[Image.Image], target: Path) -> None:
    """Writes frames as a GIF that repeats, in the colours of the first frame."""
    palette = frames[0].quantize(COLOURS, Image.Quantize.FASTOCTREE)
    # Without dithering what does not move stays equal, and costs nothing.
    paletted = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    paletted[0].save(
        target,
        save_all=True,
        append_images=paletted[1:],
        duration=round(1000 * SECONDS_PER_FRAME),
        loop=0,
        optimize=True,
    )
    if (written := target.stat().st_size) > LIMIT:
        sys.exit(f"vae-lab: error: the film has {written:,} bytes, more than {LIMIT:,}.")


if __name__ == "__main__":
    main()
