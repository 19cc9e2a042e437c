"""What a canvas holds is painted as pixels, and written as SVG with the same texts and places."""

import base64
import io
from xml.etree.ElementTree import Element, fromstring

import numpy as np
import pytest
import torch
from painted import pixels_of
from PIL import Image

from vae_lab.callbacks.drawing.canvas import Canvas, legible, style_of
from vae_lab.callbacks.drawing.letters import in_letters, length, shortened, wrapped

NAMESPACE = "{http://www.w3.org/2000/svg}"


def elements(canvas: Canvas, tag: str) -> list[Element]:
    return fromstring(canvas.svg()).findall(f"{NAMESPACE}{tag}")


def numbers(element: Element, names: str) -> list[float]:
    return [float(element.attrib[name]) for name in names.split()]


def drawn() -> Canvas:
    canvas = Canvas(width=120, height=80, coloured=True)
    canvas.text(10, 20, "p < q & r", anchor="lt", size=10)
    canvas.text(60, 20, '"quoted"', anchor="mb", size=12, halo=True)
    canvas.text_upwards(5, 40, "up")
    canvas.box(30, 31.25, 50, 40, "#3f90da")
    canvas.dashes(10, 30, 60, "#262626")
    canvas.circle(60, 40, 10, "#6b6b6b", width=2)
    canvas.dot(90, 50, group=0, radius=4)
    canvas.dot(90, 60, group=1, radius=4, opacity=0.5)
    return canvas


def test_an_svg_has_the_texts_of_the_pixels_and_their_widths() -> None:
    canvas = drawn()
    canvas.caption("run \u00b7 epoch 1")
    texts = elements(canvas, "text")
    assert [text.text for text in texts] == ["p < q & r", '"quoted"', "up", "run \u00b7 epoch 1"]
    for text in texts:
        (size,) = numbers(text, "font-size")
        width = length(text.text or "", size=int(size))
        assert numbers(text, "textLength") == pytest.approx([width], abs=0.01)
    assert [text.get("text-anchor") for text in texts] == ["start", "middle", "middle", "start"]
    assert "rotate(-90)" in texts[2].attrib["transform"]
    box = fromstring(canvas.svg()).attrib["viewBox"]
    assert box == f"0 0 {canvas.width} {canvas.height}"


def test_the_baseline_of_a_text_is_where_the_pixels_have_it() -> None:
    canvas = Canvas(width=60, height=60, coloured=False)
    for x, anchor in ((5, "lt"), (25, "lm"), (45, "lb")):
        # The pairs of letters are made in the loop: mypy sees texts, not the literals.
        canvas.text(x, 30, "H", size=20, anchor=anchor)  # type: ignore[arg-type]
    dark = pixels_of(canvas, 4)[0] < 100
    for text in elements(canvas, "text"):
        left, baseline = numbers(text, "x y")
        rows = dark[:, round(4 * left) : round(4 * left) + 60].any(dim=1).nonzero()
        assert (rows.max().item() + 1) / 4 == pytest.approx(baseline, abs=0.75)


def test_boxes_dots_and_circles_stand_where_they_were_put() -> None:
    canvas = drawn()
    box = next(rect for rect in elements(canvas, "rect") if rect.get("fill") == "#3f90da")
    assert numbers(box, "x y width height") == [30, 31.25, 20, 8.75]
    assert len(elements(canvas, "rect")) == 1 + 1 + 4, "paper, box, four dashes"
    ring, disc = elements(canvas, "circle")
    assert numbers(ring, "cx cy r stroke-width") == [60, 40, 9, 2]
    assert numbers(disc, "cx cy") == [90, 50] and disc.get("fill") == style_of(0)[0]
    (triangle,) = elements(canvas, "polygon")
    corners = np.array([pair.split(",") for pair in triangle.attrib["points"].split()], float)
    assert corners.min(axis=0) == pytest.approx([86, 56])
    assert corners.max(axis=0) == pytest.approx([94, 64], abs=0.5)
    assert triangle.get("fill-opacity") == "0.5" and "fill-opacity" not in disc.attrib


def test_a_see_through_dot_is_half_of_its_colour() -> None:
    canvas = Canvas(width=20, height=20, coloured=False)
    canvas.box(0, 0, 20, 20, "#000000")
    canvas.dot(10, 10, group=0, radius=8, opacity=0.5)
    whole = Canvas(width=20, height=20, coloured=False)
    whole.dot(10, 10, group=0, radius=8)
    half, full = (pixels_of(each, 1)[0, 10, 10].item() for each in (canvas, whole))
    assert half == pytest.approx(full / 2, abs=1.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_an_svg_are_the_very_pixels(channels: int) -> None:
    pixels = torch.arange(channels * 6).byte().view(channels, 2, 3) * 9
    canvas = Canvas(width=40, height=30, coloured=channels == 3)
    states = [canvas.is_vector]
    canvas.picture(4, 5, pixels, zoom=3)
    assert [*states, canvas.is_vector] == [True, False]
    assert canvas.grid == (4, 5, 13, 11)
    (image,) = elements(canvas, "image")
    assert numbers(image, "x y width height") == [4, 5, 9, 6]
    data = base64.b64decode(image.attrib["href"].removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as file:
        found = np.asarray(file).reshape(2, 3, channels)
    assert np.array_equal(found, pixels.permute(1, 2, 0).numpy())


def test_letters_grow_with_the_picture_so_that_a_card_shows_them() -> None:
    assert [legible(width) for width in (80, 300, 640)] == [10, 10, 22]


def test_long_words_break_and_long_texts_are_shortened() -> None:
    lines = wrapped("a" * 40, size=10, width=60)
    assert "".join(lines) == "a" * 40 and len(lines) > 1
    assert all(length(line, size=10) <= 60 for line in lines)
    (line,) = shortened("1 2 3 4 5 6 7 8 9 10 11 12", size=10, width=60, lines=1)
    assert line.endswith("..") and line.startswith("1 2 3") and length(line, size=10) <= 60
    assert shortened("text", size=10, width=60, lines=0) == []
    assert shortened("short", size=10, width=60, lines=1) == ["short"]


def test_letters_that_the_font_has_not_are_written_as_in_python() -> None:
    assert in_letters("\u5199-\u00e9\n\x00z") == "\\u5199-\\xe9\\n\\x00z"
