"""Draws a 4 in an explorer and closes it into a 9: `make film-explorer ARGS=FILE`."""

import argparse
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from chromium import Visit, browser, keep, open_explorer
from PIL import Image

SIZE = (1280, 900)
# Kilobytes: the picture lies in the repository.
LIMIT = 250
# Strokes of an open 4, then the line that closes it. Places are shares of the pad, right and down;
# the pictures are taken where a stroke has a list of its own.
STROKES = (
    [[(0.33, 0.2), (0.3, 0.36), (0.29, 0.5)], [(0.45, 0.53), (0.64, 0.5)]],
    [[(0.67, 0.2), (0.655, 0.5)], [(0.62, 0.84)]],
    [[(0.33, 0.2), (0.42, 0.165)], [(0.5, 0.155)], [(0.59, 0.165)], [(0.67, 0.2)]],
)
STYLE = """
body { margin: 0; font: 15px/1.35 system-ui, sans-serif; color: #22252a; background: #ffffff; }
table { border-collapse: collapse; } td, th { padding: 3px 5px; font-weight: 400; }
th { text-align: left; color: #5d636b; }
td { text-align: right; font-variant-numeric: tabular-nums; }
img { display: block; width: 112px; height: 112px; image-rendering: pixelated; }
tr:last-child { font-weight: 600; }
"""


class Step(NamedTuple):
    """What the page shows of a drawing: pictures as data: addresses, and three texts in nats."""

    drawing: str
    reconstruction: str
    recon: str
    kl: str
    bound: str


def main() -> None:
    """Writes one strip: the drawing, its reconstruction and its bound, as the strokes grow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("page", type=Path, help="an explorer.html of one run on MNIST")
    arguments = parser.parse_args()
    with browser() as started:
        page = open_explorer(started, arguments.page, SIZE)
        steps = list(drawn(page))
        strip = Visit(started, SIZE).page
        strip.set_content(f"<style>{STYLE}</style>{table(steps)}")
        shot = Image.open(BytesIO(strip.locator("table").screenshot()))
    for step in steps:
        print(f"recon {step.recon} KL {step.kl} bound {step.bound}")
    keep(shot, arguments.picture, LIMIT)


def drawn(page: Any) -> list[Step]:
    """Draws the strokes with the mouse; returns what the page shows after each part of them."""
    pad = page.locator("canvas.pad").first
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    steps = []
    for stroke in STROKES:
        parts = iter(stroke)
        for number, part in enumerate(parts):
            for place, (right, down) in enumerate(part):
                x, y = box["x"] + right * box["width"], box["y"] + down * box["height"]
                page.mouse.move(x, y, steps=1 if number == place == 0 else 12)
                if number == place == 0:
                    page.mouse.down()
            steps.append(step_of(page))
        page.mouse.up()
    return steps


def step_of(page: Any) -> Step:
    """Returns what the page shows, when all draws of the bound are done."""
    card = page.locator(".run-card").first
    page.wait_for_timeout(300)
    card.get_by_text("64 draws", exact=True).wait_for()
    recon, kl = card.locator(".terms").inner_text().split("=")[0].split("+")
    bound = card.locator(".bound-value").inner_text()
    return Step(
        drawing=picture(page.locator("canvas.seen").first),
        reconstruction=picture(card.locator("canvas.reconstruction")),
        recon=recon.split()[-1],
        kl=kl.split()[-1],
        bound=bound.removeprefix("bound ").removesuffix(" nats").split(" ± ")[0],
    )


def picture(canvas: Any) -> str:
    """Returns the pixels of a canvas as the address of a picture."""
    address: str = canvas.evaluate("canvas => canvas.toDataURL()")
    return address


def table(steps: list[Step]) -> str:
    """Returns the strip: one column per step."""
    rows = [
        row("drawing", [f'<img src="{step.drawing}">' for step in steps]),
        row("reconstruction", [f'<img src="{step.reconstruction}">' for step in steps]),
        row("recon", [escape(step.recon) for step in steps]),
        row("KL", [escape(step.kl) for step in steps]),
        row("bound (nats)", [escape(step.bound) for step in steps]),
    ]
    return f"<table>{''.join(rows)}</table>"


def row(name: str, cells: list[str]) -> str:
    """Returns a row of the table."""
    return f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


if __name__ == "__main__":
    main()
