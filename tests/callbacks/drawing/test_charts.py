"""Charts put each thing where its numbers say, at any scale, in colours that can be told apart."""

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor

from vae_lab.callbacks.drawing.canvas import (
    PAPER,
    SHAPES,
    Canvas,
    style_of,
    ticks,
)
from vae_lab.callbacks.drawing.charts import (
    BARS_HEIGHT,
    BARS_WIDTH,
    BELOW,
    LEFT,
    SIDE,
    Bars,
    Framed,
    Heading,
    Scatter,
)
from vae_lab.callbacks.drawing.letters import label_name, wrapped
from vae_lab.callbacks.drawing.style import PALETTE

HEADING = Heading("Title", "and more")


def rgb(colour: str) -> Tensor:
    return torch.tensor([int(colour[k : k + 2], 16) for k in (1, 3, 5)], dtype=torch.uint8)


def boxes_of(pixels: Tensor, colour: str) -> tuple[int, int, int, int]:
    """Returns left, top, right and bottom (outside) of what has exactly a colour."""
    rows, columns = (pixels == rgb(colour)[:, None, None]).all(dim=0).nonzero().unbind(1)
    return (
        *(int(columns.min()), int(rows.min())),
        *(int(columns.max()) + 1, int(rows.max()) + 1),
    )


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_framed_picture_is_shown_pixel_by_pixel(scale: int, channels: int) -> None:
    picture = torch.arange(channels * 40 * 30).remainder(251).byte().view(channels, 40, 30)
    chart = Framed(HEADING, picture, [(15, "x")], [(20, "y")], ("across", "up"), left=40)
    pixels = chart.layout().pixels(scale)
    assert len(pixels) == channels
    top, left = pixels.shape[1] - (40 + BELOW) * scale, 40 * scale
    inside = pixels[:, top : top + 40 * scale, left : left + 30 * scale]
    expected = picture.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    assert torch.equal(inside, expected)
    assert (pixels[:, top - scale : top, left : left + 30 * scale] == 0x6B).all()  # the frame


@pytest.mark.parametrize("scale", [1, 2])
def test_dots_stand_where_their_numbers_say_with_equal_units(scale: int) -> None:
    points = torch.tensor([[-3.0, 0.0], [1.0, 1.0], [float("nan"), 0.0]])
    pixels = Scatter(HEADING, points, None, ("x", "y"), None).layout().pixels(scale)
    found = (pixels == rgb(PALETTE[0])[:, None, None]).all(dim=0).nonzero().double() / scale
    right, left = found[found[:, 1] > LEFT + 200], found[found[:, 1] < LEFT + 200]
    size = right.amax(dim=0) - right.amin(dim=0)
    assert all(1 <= side <= 4 for side in size.tolist()), "a dot is 4 units wide, smooth edges off"
    unit = SIDE / (4 * 1.06)  # the wider reach, and a margin
    distance = right.mean(dim=0) - left.mean(dim=0)
    assert distance.tolist() == pytest.approx([-unit, 4 * unit], abs=1.01)
    assert (right.mean(dim=0) + left.mean(dim=0))[1] / 2 == pytest.approx(LEFT + 200, abs=1.01)


def test_a_legend_names_the_labels_that_there_are() -> None:
    points, labels = torch.rand(6, 2), torch.tensor([4, 4, 9, 9, 9, 4])
    plain = Scatter(HEADING, points, None, ("x", "y"), None).layout().pixels(1)
    pixels = Scatter(HEADING, points, labels, ("x", "y"), None).layout().pixels(1)
    assert pixels.shape[2] > plain.shape[2]
    legend = pixels[:, :, LEFT + SIDE + 2 :]
    shown = [(legend == rgb(c)[:, None, None]).all(dim=0).any().item() for c in PALETTE]
    assert shown == [True, True] + [False] * 8


def test_a_scatter_of_nothing_but_gaps_is_an_empty_square() -> None:
    points = torch.full((3, 2), float("nan"))
    for labels in (None, torch.arange(3)):
        assert Scatter(HEADING, points, labels, ("x", "y"), None).layout().pixels(1).shape[0] == 3


@pytest.mark.parametrize("scale", [1, 2])
def test_bars_have_their_heights_and_the_unused_are_grey(scale: int) -> None:
    heights = [2.0, 1.0, 0.5]
    pixels = Bars(HEADING, heights, ["a", "b", "c"], 0.6, ("x", "y")).layout().pixels(scale)
    unit = BARS_HEIGHT / (1.08 * 2) * scale
    used, unused = boxes_of(pixels, PALETTE[0]), boxes_of(pixels, PALETTE[3])
    assert used[3] - used[1] == pytest.approx(2 * unit, abs=1)
    assert unused[3] - unused[1] == pytest.approx(0.5 * unit, abs=1)
    assert used[3] == unused[3]
    assert used[0] == pytest.approx((LEFT + 12) * scale, abs=1)  # bars are at most 60 wide
    assert unused[0] == pytest.approx((LEFT + 120 + 12) * scale, abs=1)


def test_a_thousand_bars_are_all_there() -> None:
    heights = [1.0] * 500 + [0.0] * 500
    pixels = Bars(HEADING, heights, [""] * 1000, 0.01, ("x", "y")).layout().pixels(1)
    left, _, right, _ = boxes_of(pixels, PALETTE[0])
    assert left == LEFT
    assert right == pytest.approx(LEFT + BARS_WIDTH / 2, abs=1)


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
    dark = (canvas.pixels(2)[0] < 128).nonzero()
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


def test_groups_past_the_tenth_have_the_other_shape() -> None:
    assert {style_of(group) for group in range(10)} == set(zip(PALETTE, SHAPES, strict=True))
    assert len({style_of(group) for group in range(20)}) == 20


def test_labels_are_drawn_by_their_names_and_long_names_are_shortened() -> None:
    points, labels = torch.rand(9, 2), torch.arange(9) % 3
    numbers = Scatter(HEADING, points, labels, ("x", "y"), None).layout().pixels(1)
    same = Scatter(HEADING, points, labels, ("x", "y"), None, ("0", "1", "2")).layout().pixels(1)
    assert torch.equal(numbers, same)
    names = ("cat", "dog", "a very long name indeed")
    wide = Scatter(HEADING, points, labels, ("x", "y"), None, names).layout().pixels(1)
    assert numbers.shape[2] < wide.shape[2] < numbers.shape[2] + 100
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

    def legend(count: int) -> torch.Tensor:
        labels = torch.arange(100) % count
        return (
            Scatter(HEADING, points, labels, ("x", "y"), None)
            .layout()
            .pixels(1)[:, :, LEFT + SIDE + 5 :]
        )

    def marks(pixels: torch.Tensor) -> int:
        """Counts the marks of a legend: rows of colour between white ones."""
        shown = (pixels[:, :, :14] < 255).any(dim=0).any(dim=1).int()
        return int((shown.diff() == 1).sum())

    assert (marks(legend(22)), marks(legend(100))) == (22, 21)
    assert legend(100).shape[2] > legend(22).shape[2], "room for 'and 79 more'"
