"""Labels at what they name: at the ends of lines, and beside points, where they have room."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from matplotlib.axes import Axes

SIZE = 9  # of the letters, in points

HEIGHT = 12  # from one label to the next

LETTER = 0.56 * SIZE  # the width of one, on average

CLOSE = 6  # from a point to its label, in points

MOST_STEPS = 4  # labels that a label may be moved by


class Label(NamedTuple):
    """A text, the place in the chart that it names, and the colour of a line that leads there."""

    text: str
    x: float
    y: float
    colour: str


def at_ends(axis: Axes, labels: Sequence[Label], *, height: float) -> bool:
    """Writes the labels at the right edge of an area, `height` points high, if they have room.

    Two that are too close move apart; a thin line then leads from a label to its place.

    Returns:
        Whether they had room.
    """
    low, high = axis.get_ylim()
    labels = sorted(labels, key=lambda label: label.y)
    wanted = [min(max((label.y - low) / (high - low), 0.0), 1.0) for label in labels]
    pitch = HEIGHT / height
    places = [
        min(max(place, index * pitch), 1 - (len(labels) - 1 - index) * pitch)
        for index, place in enumerate(apart(wanted, pitch))
    ]
    moves = [abs(place - want) for place, want in zip(places, wanted, strict=True)]
    if len(labels) * pitch > 1 or max(moves, default=0.0) > MOST_STEPS * pitch:
        return False
    for label, place, move in zip(labels, places, moves, strict=True):
        leader = {"arrowstyle": "-", "color": label.colour, "lw": 0.7, "shrinkA": 1, "shrinkB": 3}
        axis.annotate(
            label.text, (label.x, label.y), xytext=(1.03, place), va="center", fontsize=SIZE,
            textcoords="axes fraction", arrowprops=leader if move > pitch / 4 else None,
            annotation_clip=False,
        )  # fmt: skip
    return True


def apart(values: Sequence[float], pitch: float) -> list[float]:
    """Returns the places nearest to ascending values that are at least a pitch apart."""
    # Isotonic regression by pooling adjacent violators, after the pitches are taken off.
    blocks: list[list[float]] = []
    for index, value in enumerate(values):
        blocks.append([value - index * pitch])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    levels = [fmean(block) for block in blocks for _ in block]
    return [level + index * pitch for index, level in enumerate(levels)]


# Left, bottom, right and top, in points.
Box = tuple[float, float, float, float]


def beside(
    axis: Axes, labels: Sequence[Label], others: Sequence[Label], *, width: float, height: float
) -> bool:
    """Writes each label beside its point, in an area of `width` x `height` points, if all fit.

    No label covers another, the point of another, or one of the `others`, which are to the right
    of their places and below them.

    Returns:
        Whether they had room.
    """
    points, corners = (_in_points(axis, some, width, height) for some in (labels, others))
    taken: list[Box] = [(x - 3, y - 3, x + 3, y + 3) for x, y in points]
    taken += [
        (x, y - HEIGHT - 3, x + LETTER * len(other.text), y)
        for (x, y), other in zip(corners, others, strict=True)
    ]
    found: list[tuple[float, float]] = []
    for label, (x, y) in zip(labels, points, strict=True):
        long = LETTER * len(label.text)
        for across, up in _offsets(long):
            box = (x + across, y + up, x + across + long, y + up + HEIGHT)
            inside = box[0] > 0 and box[1] > 0 and box[2] < width and box[3] < height
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                found.append((across, up + HEIGHT / 2))
                break
        else:
            return False
    for label, offset in zip(labels, found, strict=True):
        axis.annotate(
            label.text, (label.x, label.y), xytext=offset, textcoords="offset points",
            va="center", fontsize=SIZE,
        )  # fmt: skip
    return True


def _in_points(
    axis: Axes, labels: Sequence[Label], width: float, height: float
) -> list[tuple[float, float]]:
    """Returns where the labels' places lie, in points from the lower left corner of the area."""
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    return [
        ((it.x - left) / (right - left) * width, (it.y - bottom) / (top - bottom) * height)
        for it in labels
    ]


def _offsets(long: float) -> list[tuple[float, float]]:
    """Returns where a label of a length can begin from its point, the best places first."""
    half = HEIGHT / 2
    sides = [(CLOSE, -half), (-CLOSE - long, -half)]
    ends = [(-long / 2, CLOSE), (-long / 2, -CLOSE - HEIGHT)]
    corners = [(across, up) for across in (CLOSE, -CLOSE - long) for up in (CLOSE, -CLOSE - HEIGHT)]
    return [*sides, *ends, *corners]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
