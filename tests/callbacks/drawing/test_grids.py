"""Every pixel of a picture is where it says it is, with the value it had."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from painted import pixels_of
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from torch import Tensor

from vae_lab.callbacks.drawing import grids, letters, marks, pixels
from vae_lab.callbacks.drawing.canvas import CARD, Canvas
from vae_lab.callbacks.drawing.style import BAND, LINE, SHADE


def numbered(count: int, *, channels: int = 1, height: int = 3, width: int = 4) -> Tensor:
    """Returns random images (count, C, H, W), no two alike and none grey."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, channels, height, width, generator=generator) / 2 + 0.5


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_puts_image_k_into_its_cell(channels: int) -> None:
    cells = numbered(7, channels=channels)
    picture = grids.grid(cells, columns=3)
    assert picture.shape == (channels, 3 * (3 + LINE) - LINE, 3 * (4 + LINE) - LINE)
    expected = torch.full_like(picture, SHADE)
    for k, cell in enumerate(cells):
        top, left = k // 3 * (3 + LINE), k % 3 * (4 + LINE)
        expected[:, top : top + 3, left : left + 4] = cell
    assert torch.equal(picture, expected)


def test_grid_is_no_wider_than_its_images() -> None:
    cells = numbered(2)
    assert torch.equal(grids.grid(cells, columns=10), grids.grid(cells, columns=2))


def test_originals_stand_directly_above_their_reconstructions() -> None:
    originals = numbered(5)
    picture = grids.above(originals, originals / 2, columns=3)
    assert picture.shape == (1, 2 * (2 * 3 + LINE) + BAND, 3 * (4 + LINE) - LINE)
    expected = torch.full_like(picture, SHADE)
    for k, original in enumerate(originals):
        top, left = k // 3 * (2 * 3 + LINE + BAND), k % 3 * (4 + LINE)
        expected[:, top : top + 3, left : left + 4] = original
        below = top + 3 + LINE
        expected[:, below : below + 3, left : left + 4] = original / 2
    assert torch.equal(picture, expected)


def test_a_path_is_a_row_between_its_two_originals() -> None:
    starts, ends, between = numbered(2), numbered(2) / 2, numbered(10).view(2, 5, 1, 3, 4)
    picture = grids.paths(starts, between, ends)
    first = 4 + BAND
    last = first + 5 * (4 + LINE) - LINE + BAND
    assert picture.shape == (1, 2 * 3 + LINE, last + 4)
    expected = torch.full_like(picture, SHADE)
    for row in range(2):
        top = row * (3 + LINE)
        expected[:, top : top + 3, :4] = starts[row]
        expected[:, top : top + 3, last:] = ends[row]
        for step in range(5):
            left = first + step * (4 + LINE)
            expected[:, top : top + 3, left : left + 4] = between[row, step]
    assert torch.equal(picture, expected)


def test_latent_plane_runs_right_and_upwards() -> None:
    z = grids.latent_plane(torch.tensor([-1.5, 0.0, 1.5]), torch.tensor([-1.5, 0.0, 1.5]))
    right, up = z.view(3, 3, 2).unbind(2)
    assert right.tolist() == [[-1.5, 0.0, 1.5]] * 3
    assert up.tolist() == [[1.5] * 3, [0.0] * 3, [-1.5] * 3]


def test_bytes_are_rounded_and_cut_never_rescaled() -> None:
    values = torch.tensor([[[-1.0, 0.0, 0.25, 0.5, 1.0, 7.0]]], requires_grad=True)
    assert grids.to_uint8(values).tolist() == [[[0, 0, 64, 128, 255, 255]]]
    assert grids.to_uint8(values / 2).max() == 255  # 3.5 is white
    assert grids.to_uint8(torch.full((1, 1, 2), 0.1)).tolist() == [[[26, 26]]]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_canvas_shows_the_images_enlarged_without_blur(channels: int, scale: int) -> None:
    picture = numbered(1, channels=channels, width=300)[0]
    canvas = grids.ImageGrid(picture, title="a title").layout()
    left, top, right, bottom = (scale * edge for edge in canvas.grid)
    inside = pixels_of(canvas, scale)[:, top:bottom, left:right]
    assert torch.equal(inside, pixels.enlarged(grids.to_uint8(picture), scale))


def test_a_grid_of_small_images_is_enlarged_by_a_whole_factor() -> None:
    canvas = grids.ImageGrid(numbered(1, height=8, width=89)[0]).layout()
    assert canvas.zoom == 4 and canvas.grid[2] - canvas.grid[0] == 4 * 89
    assert grids.ImageGrid(numbered(1, height=300, width=30)[0]).layout().zoom == 1, "not too high"
    assert grids.ImageGrid(numbered(1, height=9, width=280)[0]).layout().zoom == 1


def texts(canvas: Canvas) -> dict[str, marks.Text]:
    return {mark.text: mark for mark in canvas.marks if isinstance(mark, marks.Text)}


def test_texts_stand_beside_their_rows_and_above_their_columns() -> None:
    above = [(140.0, "middle"), (138.0, "hides it"), (10.0, "first")]
    drawing = grids.ImageGrid(
        numbered(1, height=60, width=280)[0], above=above, beside=[(15.0, "1"), (45.0, "2 > 3")]
    )
    canvas = drawing.layout()
    found, (left, top, right, _) = texts(canvas), canvas.grid
    assert set(found) == {"middle", "first", "1", "2 > 3"}
    assert (found["first"].x, found["first"].y) == (left + 10, top - 2)
    assert [found[name].y - top for name in ("1", "2 > 3")] == [15, 45]
    assert found["1"].x > right


@pytest.mark.parametrize("width", [1, 30, 350, 2000])
@pytest.mark.parametrize("height", [1, 3000])
@pytest.mark.parametrize("ends", ["", "original"])
def test_no_text_is_cut_and_every_letter_is_legible_in_a_card(
    width: int, height: int, ends: str
) -> None:
    long = "one_very_long_name_of_a_run_without_a_single_blank_in_it-seed=123456789"
    beside = [(height / 2, "a > b > c > d > e > f > g")]
    images = torch.rand(1, height, width)
    drawing = grids.ImageGrid(images, title="a title " * 9, ends=ends, beside=beside)
    canvas = drawing.layout()
    canvas.caption(f"{long} \u00b7 epoch 20 \u00b7 mnist")
    for text in texts(canvas).values():
        reach = letters.length(text.text, size=text.size)
        start = text.x - reach * {"l": 0, "m": 0.5, "r": 1}[text.anchor[0]]
        assert start >= 0 and start + reach <= canvas.width
        assert text.size * CARD / canvas.width >= 9.5
    bottoms = {text.y + text.size for text in texts(canvas).values()}
    assert max(bottoms) <= canvas.height
    assert pixels_of(canvas, 1).shape == (1, canvas.height, canvas.width)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_the_bytes_and_what_they_show(tmp_path: Path, channels: int) -> None:
    picture = grids.to_uint8(numbered(1, channels=channels)[0])
    path = tmp_path / "figures" / "picture.png"
    pixels.to_png(pixels.to_image(picture), path, {"run": "\u00e9t\u00e9", "grid": [0, 1]})
    with PngImageFile(path) as file:
        assert torch.equal(pixels.from_array(np.array(file)), picture)
        assert json.loads(file.text["vae_lab"]) == {"run": "\u00e9t\u00e9", "grid": [0, 1]}
    assert [entry.name for entry in path.parent.iterdir()] == ["picture.png"]


def test_a_png_that_cannot_be_written_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture.png"
    pixels.to_png(pixels.to_image(grids.to_uint8(numbered(1)[0])), path)
    before = path.read_bytes()

    def half_written(self: Image.Image, target: Path, **_: object) -> None:
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half_written)
    with pytest.raises(OSError, match="disk full"):
        pixels.to_png(pixels.to_image(grids.to_uint8(numbered(2)[1])), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["picture.png"]
