"""Charts put each thing where its numbers say, at any scale, in colours that can be told apart."""

import math
from itertools import combinations
from typing import Any

import pytest
import torch
from painted import pixels_of
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import (
    PAPER,
    SHAPES,
    Canvas,
    style_of,
    ticks,
)
from vae_lab.callbacks.drawing.charts.bars import BELOW_ZERO, HEIGHT, WIDTH, Bars
from vae_lab.callbacks.drawing.charts.framed import Framed
from vae_lab.callbacks.drawing.charts.plot import Heading, Plot
from vae_lab.callbacks.drawing.charts.scatter import MOST_NAMES, SIDE, Scatter, Window, apart
from vae_lab.callbacks.drawing.letters import label_name, length, wrapped
from vae_lab.callbacks.drawing.marks import Box, Circle, Dot, Text
from vae_lab.callbacks.drawing.style import PALETTE

HEADING = Heading("Title", "and more")

FOUR = Window((0.0, 0.0), 4.0)


def scatter(points: Tensor, labels: Tensor | None, **more: Any) -> Plot:
    return Scatter(HEADING, points, labels, ("x", "y"), **{"window": FOUR, **more}).layout()


def dots_of(plot: Plot) -> list[Dot]:
    """Returns the dots inside the area: the others belong to the legend."""
    return [mark for mark in plot.marks if isinstance(mark, Dot) and mark.x <= plot.right]


def texts_of(plot: Plot) -> dict[str, Text]:
    return {mark.text: mark for mark in plot.marks if isinstance(mark, Text)}


def rgb(colour: str) -> Tensor:
    return torch.tensor([int(colour[k : k + 2], 16) for k in (1, 3, 5)], dtype=torch.uint8)


def boxes_of(pixels: Tensor, colour: str) -> tuple[int, int, int, int]:
    """Returns left, top, right and bottom (outside) of what has exactly a colour."""
    rows, columns = (pixels == rgb(colour)[:, None, None]).all(dim=0).nonzero().unbind(1)
    return (
        *(int(columns.min()), int(rows.min())),
        *(int(columns.max()) + 1, int(rows.max()) + 1),
    )


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("width", "zoom"), [(280, 1), (60, 5), (30, 10)])
def test_a_framed_picture_is_shown_pixel_by_pixel(
    scale: int, channels: int, width: int, zoom: int
) -> None:
    picture = torch.arange(channels * 40 * width).remainder(251).byte().view(channels, 40, width)
    plot = Framed(HEADING, picture, [(15, "x")], [(20, "y")], ("across", "up")).layout()
    assert plot.zoom == zoom, "a small one is enlarged"
    pixels = pixels_of(plot, scale)
    assert len(pixels) == channels
    left, top, right, bottom = (scale * edge for edge in plot.grid)
    expected = picture.repeat_interleave(zoom * scale, 1).repeat_interleave(zoom * scale, 2)
    assert torch.equal(pixels[:, top:bottom, left:right], expected)
    assert (pixels[:, top - scale : top, left:right] == 0x6B).all()  # the frame
    assert {"x", "y", "across", "Title"} <= set(texts_of(plot))


def test_cells_are_marked_around_their_pixels() -> None:
    picture = torch.zeros(1, 70, 140, dtype=torch.uint8)
    plot = Framed(HEADING, picture, [], [], ("", ""), marked=[(20, 10, 30, 20)]).layout()
    left, top, right, bottom = plot.grid
    pixels = pixels_of(plot, 1)[0, top:bottom, left:right]
    assert plot.zoom == 2 and pixels.shape == (140, 280)
    assert not pixels[20:40, 40:60].any(), "the cell keeps its pixels"
    assert (pixels[18:20, 38:62] == 255).all() and (pixels[18:42, 60:62] == 255).all()
    assert int((pixels == 255).sum()) == 24 * 24 - 20 * 20


@pytest.mark.parametrize("width", [260, 580, 1000])
def test_letters_can_be_read_where_the_chart_is_300_pixels_wide(width: int) -> None:
    picture = torch.zeros(1, 100, width, dtype=torch.uint8)
    plot = Framed(HEADING, picture, [(15, "-1.5")], [(20, "-1.5")], ("z[0]", "z[1]")).layout()
    plot.caption("run, epoch, data")
    sizes = {mark.size for mark in plot.marks if isinstance(mark, Text)}
    assert min(sizes) * 300 / plot.width >= 9


def test_numbers_that_would_touch_are_left_out() -> None:
    picture = torch.zeros(1, 100, 300, dtype=torch.uint8)
    across = [(10.0, "-1.5"), (20.0, "-1.0"), (150.0, "0.0")]
    texts = texts_of(Framed(HEADING, picture, across, [], ("", "")).layout())
    assert "-1.5" in texts and "0.0" in texts and "-1.0" not in texts


def test_dots_stand_where_their_numbers_say_with_equal_units() -> None:
    points = torch.tensor([[-3.0, 0.0], [1.0, 1.0], [float("nan"), 0.0]])
    plot = scatter(points, None)
    unit = SIDE / 8
    left, right = dots_of(plot)
    x, y = (plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2
    assert (left.x - x, left.y - y) == pytest.approx((-3 * unit, 0))
    assert (right.x - x, right.y - y) == pytest.approx((unit, -unit))
    assert texts_of(plot)["1"].y == pytest.approx(right.y + 0.5), "on the vertical axis"
    found = (pixels_of(plot, 2) == rgb(PALETTE[0])[:, None, None]).all(dim=0).nonzero().double() / 2
    assert found[:, 1].max().item() == pytest.approx(right.x + 1.5, abs=1)


def test_the_axes_are_the_same_whatever_the_points() -> None:
    small, large = (scatter(torch.rand(9, 2) * size, None) for size in (0.01, 100))
    assert small.grid == large.grid
    assert set(texts_of(small)) == set(texts_of(large))


def test_points_beyond_the_axes_lie_at_the_edge() -> None:
    plot = scatter(torch.tensor([[0.0, 99.0], [-99.0, -99.0]]), None)
    above, corner = dots_of(plot)
    assert plot.top < above.y < plot.top + 5 and above.x == (plot.left + plot.right) / 2
    assert plot.left < corner.x < plot.left + 5 and plot.bottom - 5 < corner.y < plot.bottom


def test_many_points_are_transparent_and_few_are_not() -> None:
    few, many = (dots_of(scatter(torch.rand(count, 2), None)) for count in (200, 2000))
    assert {dot.opacity for dot in few} == {1.0}
    assert {dot.opacity for dot in many} == {math.sqrt(500 / 2000)}


def test_rings_are_around_the_middle_in_units_of_the_axes() -> None:
    plot = scatter(torch.rand(9, 2), None, rings=(1.0, 2.0))
    circles = [mark for mark in plot.marks if isinstance(mark, Circle)]
    middle = (plot.left + plot.right) / 2, (plot.top + plot.bottom) / 2
    assert [(ring.x, ring.y) for ring in circles] == [middle, middle]
    assert [ring.radius for ring in circles] == pytest.approx([SIDE / 8, SIDE / 4])


def test_a_legend_names_the_labels_that_there_are() -> None:
    points, labels = torch.rand(6, 2), torch.tensor([4, 4, 9, 9, 9, 4])
    plain, plot = scatter(points, None), scatter(points, labels)
    assert plot.width > plain.width
    legend = [mark for mark in plot.marks if isinstance(mark, Dot) and mark.x > plot.right]
    assert [dot.colour for dot in legend] == [*PALETTE[:2]]
    assert {"4", "9"} <= set(texts_of(plot)) and "4" not in set(texts_of(plain)) - {"4"}


def test_names_stand_at_the_medians_and_do_not_overlap() -> None:
    points = torch.tensor([[-2.0, 1.0], [-2.0, 1.2], [-2.0, 0.8], [2.0, 0.0], [2.05, 0.1]])
    plot = scatter(points, torch.tensor([3, 3, 3, 5, 8]))
    names = [mark for mark in plot.marks if isinstance(mark, Text) and mark.halo]
    assert [name.text for name in names] == ["3", "5", "8"]
    dots = dots_of(plot)
    assert (names[0].x, names[0].y) == pytest.approx((dots[0].x, dots[0].y))
    for a, b in combinations(names, 2):
        wide = (length(a.text, size=a.size) + length(b.text, size=b.size)) / 2
        assert abs(a.x - b.x) >= wide or abs(a.y - b.y) >= 0.8 * a.size


def test_names_that_have_no_room_at_their_points_are_left_to_the_legend() -> None:
    plot = scatter(torch.zeros(20, 2), torch.arange(20) % 10)
    assert not any(mark.halo for mark in plot.marks if isinstance(mark, Text))
    assert set("0123456789") <= set(texts_of(plot))


def test_boxes_are_pushed_apart_as_little_as_they_can() -> None:
    assert apart([[0, 0], [4, 1]], [(10, 8), (10, 8)]) == [[-3, 0], [7, 1]]
    assert apart([[0, 0], [30, 1]], [(10, 8), (10, 8)]) == [[0, 0], [30, 1]]
    (a, b, c) = apart([[0, 0]] * 3, [(10, 8)] * 3)
    for first, second in combinations((a, b, c), 2):
        apart_enough = abs(first[0] - second[0]) >= 9.99 or abs(first[1] - second[1]) >= 7.99
        assert apart_enough


def test_a_scatter_of_nothing_but_gaps_is_an_empty_square() -> None:
    points = torch.full((3, 2), float("nan"))
    for labels in (None, torch.arange(3)):
        plot = scatter(points, labels)
        assert dots_of(plot) == [] and pixels_of(plot, 1).shape[0] == 3


@pytest.mark.parametrize("scale", [1, 2])
def test_bars_have_their_heights_and_the_unused_are_grey(scale: int) -> None:
    heights = [2.0, 1.0, 0.5]
    plot = Bars(HEADING, heights, ["a", "b", "c"], 0.6, ("x", "y")).layout()
    pixels = pixels_of(plot, scale)
    unit = (HEIGHT - BELOW_ZERO) / (1.15 * 2) * scale
    used, unused = boxes_of(pixels, PALETTE[0]), boxes_of(pixels, PALETTE[3])
    assert used[3] - used[1] == pytest.approx(2 * unit, abs=1)
    assert unused[3] - unused[1] == pytest.approx(0.5 * unit, abs=1)
    assert used[3] == unused[3] == (plot.bottom - BELOW_ZERO) * scale
    pitch = WIDTH / 3  # the three fill the axis
    assert used[0] == pytest.approx((plot.left + pitch / 8) * scale, abs=1)
    assert unused[2] == pytest.approx((plot.right - pitch / 8) * scale, abs=1)
    assert {"2.00", "1.00", "0.50", "a", "b", "c"} <= set(texts_of(plot))


@pytest.mark.parametrize("heights", [[3.0, 2.0], [0.002, 0.001]])
def test_the_threshold_is_seen_wherever_it_lies(heights: list[float]) -> None:
    plot = Bars(HEADING, heights, ["a", "b"], 0.01, ("x", "y")).layout()
    left, top, right, bottom = boxes_of(pixels_of(plot, 1), PALETTE[2])
    assert left == plot.left and right >= plot.right - 3
    zero = plot.bottom - BELOW_ZERO
    unit = (HEIGHT - BELOW_ZERO) / (1.15 * max(*heights, 0.02))
    assert bottom - top == 2 and (top + bottom) / 2 == pytest.approx(zero - 0.01 * unit, abs=1)


def test_a_thousand_bars_are_all_there() -> None:
    heights = [1.0] * 500 + [0.0] * 500
    plot = Bars(HEADING, heights, [""] * 1000, 0.01, ("x", "y")).layout()
    assert sum(isinstance(mark, Box) and mark.colour == PALETTE[0] for mark in plot.marks) == 500
    left, _, right, _ = boxes_of(pixels_of(plot, 1), PALETTE[0])
    assert left == plot.left
    assert right == pytest.approx(plot.left + WIDTH / 2, abs=1)


@pytest.mark.parametrize(
    ("low", "high", "at_most", "expected"),
    [
        (-1.5, 1.5, 7, ["-1.5", "-1.0", "-0.5", "0.0", "0.5", "1.0", "1.5"]),
        (-1.96, 1.96, 7, ["-1.5", "-1.0", "-0.5", "0.0", "0.5", "1.0", "1.5"]),
        (0, 2.3, 6, ["0.0", "0.5", "1.0", "1.5", "2.0"]),
        (0, 0.02, 6, ["0.000", "0.005", "0.010", "0.015", "0.020"]),
        (-30, 45, 8, ["-30", "-20", "-10", "0", "10", "20", "30", "40"]),
    ],
)
def test_ticks_are_round_and_within(
    low: float, high: float, at_most: int, expected: list[str]
) -> None:
    found = ticks(low, high, at_most=at_most)
    assert [name for _, name in found] == expected
    assert all(value == pytest.approx(float(name)) for value, name in found)


def test_text_is_wrapped_at_its_width_and_drawn() -> None:
    lines = wrapped("the quick brown fox jumps", size=11, width=70)
    assert " ".join(lines) == "the quick brown fox jumps" and len(lines) > 1
    canvas = Canvas(width=100, height=100, coloured=False)
    canvas.text(50, 20, "level")
    canvas.text_upwards(50, 70, "upwards")
    dark = (pixels_of(canvas, 2)[0] < 128).nonzero()
    assert len(dark) > 50
    upwards = dark[dark[:, 0] > 80]
    height, width = (upwards.amax(dim=0) - upwards.amin(dim=0)).tolist()
    assert height > 2 * width


# Colours. The matrices are those of Machado, Oliveira and Fernandes (2009), for linear RGB and a
# complete loss of one kind of cone.
VISION = {
    "all cones": [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def lab(colour: str, vision: str) -> Tensor:
    """Returns a colour in CIELAB as somebody with this vision sees it."""
    value = rgb(colour).double() / 255
    linear = torch.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    seen = (torch.tensor(VISION[vision], dtype=torch.float64) @ linear).clamp(0, 1)
    white = torch.tensor([0.9505, 1.0, 1.089])
    x, y, z = (torch.tensor(TO_XYZ, dtype=torch.float64) @ seen / white).tolist()
    f = [t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z)]
    return torch.tensor([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_colours_can_be_told_apart(vision: str) -> None:
    seen = [lab(colour, vision) for colour in (*PALETTE, PAPER)]
    # In CIELAB about 2.3 is just noticeable; small dots need several times that.
    for a, b in combinations(range(len(seen)), 2):
        assert math.dist(seen[a].tolist(), seen[b].tolist()) > 12, (a, b)


def test_each_of_ten_groups_has_its_shape_and_the_next_ten_have_others() -> None:
    assert {style_of(group) for group in range(10)} == set(zip(PALETTE, SHAPES, strict=True))
    assert len(set(SHAPES)) == 10 and len({style_of(group) for group in range(100)}) == 100


def test_marks_have_about_the_same_area() -> None:
    canvas = Canvas(width=200, height=20, coloured=False)
    for group in range(10):
        canvas.dot(10 + 20 * group, 10, group=group, radius=8)
    cells = (pixels_of(canvas, 4)[0].float() < 250).view(80, 10, 80).float().mean(dim=(0, 2))
    shares = cells * 20**2 / 16**2  # of the square around a mark
    assert shares.min() > 0.35 and shares.max() < 0.66


def test_labels_are_drawn_by_their_names_and_long_names_are_shortened() -> None:
    points, labels = torch.rand(9, 2), torch.arange(9) % 3
    numbers = scatter(points, labels)
    same = scatter(points, labels, names=("0", "1", "2"))
    assert numbers.marks == same.marks
    names = ("cat", "dog", "a very long name indeed")
    wide = scatter(points, labels, names=names)
    assert numbers.width < wide.width < numbers.width + 100
    assert label_name(2, names) == "a very long .." and label_name(2, None) == "2"


@pytest.mark.parametrize(
    "names",
    [
        ("Corn_(maize)___Common_rust_", "Corn_(maize)___healthy", "Corn_(maize)___Northern"),
        tuple(f"session_of_the_day_{day:03d}_in_winter" for day in range(120)),
        ("\u5199\u771f", "\u5199\u5b57", "\u5199"),
        ("\u00e9t\u00e9", "ete", "K\\xf6ln", "two\\nlines"),
        ("",),
    ],
)
def test_names_stay_different_and_are_letters_of_the_font(names: tuple[str, ...]) -> None:
    drawn = [label_name(label, names) for label in range(len(names))]
    assert len(set(drawn)) == len(names)
    assert all(name.isascii() and len(name) <= 14 for name in drawn)


def test_a_legend_of_many_labels_says_that_there_are_more() -> None:
    points = torch.rand(100, 2, generator=torch.Generator().manual_seed(0))

    def legend(count: int) -> tuple[int, list[str]]:
        """Returns the marks of a legend, and its texts."""
        plot = scatter(points, torch.arange(100) % count)
        beside = [mark for mark in plot.marks if getattr(mark, "x", 0) > plot.right + 5]
        texts = [mark.text for mark in beside if isinstance(mark, Text)]
        return sum(isinstance(mark, Dot) for mark in beside), texts

    assert legend(MOST_NAMES) == (MOST_NAMES, [str(label) for label in range(MOST_NAMES)])
    marks, texts = legend(100)
    assert marks == MOST_NAMES - 1
    assert texts[-1] == f"and {101 - MOST_NAMES} more"
