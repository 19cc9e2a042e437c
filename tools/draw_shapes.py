"""Draws docs/images/gallery/shapes.png: one row per factor of data=shapes, the others unchanged.

.venv/bin/python tools/draw_shapes.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vae_lab.data.shapes.renderer import FACTORS, Renderer

FILE = Path(__file__).parents[1] / "docs" / "images" / "gallery" / "shapes.png"
COLUMNS, SIZE, GAP, LEFT = 8, 64, 4, 84


def main() -> None:
    """Writes the picture."""
    shapes = ["square", "ellipse", "heart", "triangle"]
    renderer = Renderer(image_size=SIZE, shapes=shapes, values=dict.fromkeys(FACTORS[1:], COLUMNS))
    # A heart of middle size in the middle, bright and orange.
    factors = np.tile([2, 5, 0, 3, 3, 7, 1], (len(FACTORS), COLUMNS, 1))
    for row, count in enumerate(renderer.counts):
        factors[row, :, row] = np.minimum(np.arange(COLUMNS), count - 1)
    images = renderer.draw(factors.reshape(-1, len(FACTORS))).transpose(0, 2, 3, 1)
    step = SIZE + GAP
    picture = Image.new("RGB", (LEFT + COLUMNS * step, len(FACTORS) * step + GAP), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for number, image in enumerate(images):
        row, column = divmod(number, COLUMNS)
        if column < renderer.counts[row]:
            picture.paste(Image.fromarray(image), (LEFT + column * step, GAP + row * step))
        if column == 0:
            place = (LEFT - 8, GAP + row * step + SIZE // 2)
            pen.text(place, renderer.names[row], "black", font, anchor="rm")
    picture.save(FILE, optimize=True)


if __name__ == "__main__":
    main()
