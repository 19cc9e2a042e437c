"""Interpolations drawn on pictures of the latent plane, as SVG images that lie above them."""

from collections.abc import Sequence
from itertools import groupby

from markupsafe import Markup

from vae_lab.report.run_pictures import RunPicture
from vae_lab.report.strips import Interpolation

Point = tuple[float, float]

LETTERS = 1 / 38  # the height of the letters, of the picture's width

# A line on a black map and on a white scatter: a colour with an edge of the other kind.
LINE, EDGE = "#e0218a", "#ffffff"

FRAME = Markup(
    '<svg class="overlay" viewBox="0 0 {width} {height}" aria-hidden="true">'
    '<svg x="{left}" y="{top}" width="{inner_width}" height="{inner_height}">{paths}</svg></svg>'
)

PATH = Markup(
    '<g stroke-linecap="round"><line {ends} stroke="{edge}" stroke-width="{wide}"/>'
    '<line {ends} stroke="{line}" stroke-width="{thin}"/></g>'
)

END = Markup(
    '<circle cx="{x}" cy="{y}" r="{radius}" fill="{line}" stroke="{edge}" stroke-width="{thin}"/>'
    '<text x="{x}" y="{y}" dy="0.36em" font-size="{size}" text-anchor="middle" fill="{edge}" '
    'font-weight="600">{name}</text>'
)


def labels_passed(path: Interpolation) -> str:
    """Returns the labels on the way, such as `1 → 9 → 7`; empty if they are unknown."""
    return " → ".join(label for label, _ in groupby(path.labels))


def overlay(
    picture: RunPicture, paths: Sequence[Interpolation]
) -> tuple[Markup, list[Interpolation]]:
    """Returns the paths of two latent dimensions as lines with their labels at both ends.

    Empty if there are none, or if the picture does not say where its axes lie.

    Returns:
        The image, and the paths that lie within the axes.
    """
    paths = [path for path in paths if len(path.ends) == 2 and len(path.ends[0]) == 2]
    axes = picture.about.get("axes", {})
    if not paths or any(len(axes.get(name, ())) != 2 for name in "xy"):
        return Markup(), []
    width, height = picture.image.size
    left, top, right, bottom = picture.box
    size = width * LETTERS
    drawn, shown = Markup(), list[Interpolation]()
    for path in paths:
        start, end = (_place(code, axes, right - left, bottom - top) for code in path.ends)
        names = _names(path)
        if (ends := _within(start, end, right - left, bottom - top, margin=0.8 * size)) is None:
            continue
        shown.append(path)
        (x1, y1), (x2, y2) = ends
        line = Markup('x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"').format(x1, y1, x2, y2)
        drawn += PATH.format(ends=line, edge=EDGE, line=LINE, wide=size / 4, thin=size / 8)
        for (x, y), name in zip(ends, names, strict=True):
            drawn += END.format(
                x=round(x, 1), y=round(y, 1), radius=0.7 * size, size=size, name=name, edge=EDGE,
                line=LINE, thin=size / 10,
            )  # fmt: skip
    if not shown:
        return Markup(), []
    image = FRAME.format(
        width=width, height=height, left=left, top=top, inner_width=right - left,
        inner_height=bottom - top, paths=drawn,
    )  # fmt: skip
    return image, shown


def _place(code: Sequence[float], axes: dict[str, list[float]], width: int, height: int) -> Point:
    """Returns where a code (2,) lies, in pixels from the upper left corner of the axes' area."""
    (low_x, high_x), (low_y, high_y) = axes["x"], axes["y"]
    x = (code[0] - low_x) / (high_x - low_x or 1.0) * width
    return x, (high_y - code[1]) / (high_y - low_y or 1.0) * height


def _within(
    start: Point, end: Point, width: float, height: float, *, margin: float
) -> tuple[Point, Point] | None:
    """Returns the ends of what lies of a line in an area without its margin; None if nothing does.

    By Liang and Barsky: each edge moves one of the two ends along the line.
    """
    (x, y), across, down = start, end[0] - start[0], end[1] - start[1]
    first, last = 0.0, 1.0
    for step, room in (
        *((-across, x - margin), (across, width - margin - x)),
        *((-down, y - margin), (down, height - margin - y)),
    ):
        if step < 0:
            first = max(first, room / step)
        elif step > 0:
            last = min(last, room / step)
        elif room < 0:
            return None
    if first > last:
        return None
    return (x + first * across, y + first * down), (x + last * across, y + last * down)


def _names(path: Interpolation) -> tuple[str, str]:
    """Returns what stands at both ends: the labels, if they are as short as a digit."""
    return path.originals if max(map(len, path.originals)) <= 2 else ("", "")
