"""The charts of a report, in one style: curves, the parts of the bound, dimensions, paths."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_lab.colours import PALETTE
from vae_lab.report.looks import path_of
from vae_lab.report.origins import Origins, kl_per_dimension
from vae_lab.report.seen import Seen
from vae_lab.report.settings import Part, Setting

# Ink of a colour that nothing else has: in the page it becomes the colour of the text there.
INK, REST = "#010203", "#8a8a8a"
FAINT: dict[str, Any] = {"color": REST, "lw": 0.6, "alpha": 0.5}
MARKERS = "osD^vP"
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are text, whatever signs they have
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    "grid.color": INK,
}
NOTHING = dict.fromkeys(("Creator", "Date", "Format", "Type"))
DPI = 120
MOST_IN_COLOUR = 8


class Drawing(NamedTuple):
    """A chart for the page, in the colour of its text, and as a PNG on white."""

    svg: str
    png: bytes
    alt: str


def in_colour(part: Part) -> list[Setting]:
    """Returns the settings that charts and pictures tell apart: all, or some of many.

    Of many: the best four, the worst, and others between them at equal steps of rank.
    """
    if len(part.settings) <= MOST_IN_COLOUR:
        return part.settings
    ranked = sorted(part.settings, key=lambda one: -one.sample("elbo").mean)
    best, rest = ranked[:4], ranked[4:]
    wanted = MOST_IN_COLOUR - len(best)
    places = [round(k * (len(rest) - 1) / (wanted - 1)) for k in range(wanted)]
    chosen = {id(one) for one in [*best, *(rest[place] for place in places)]}
    return [one for one in part.settings if id(one) in chosen]


def draw_all(part: Part, seen: Seen) -> dict[str, Drawing]:
    """Returns the charts of a part by name; one that has nothing to show is left out."""
    drawings: dict[str, Callable[[], Drawing | None]] = {
        "curves": lambda: _curves(part),
        "bound": lambda: _bound(part),
        "kl": lambda: _kl(part),
        "paths": lambda: _paths(part, seen),
    }
    with rc_context(STYLE):  # type: ignore[arg-type]
        drawn = {name: draw() for name, draw in drawings.items()}
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def _style(part: Part) -> dict[int, dict[str, str]]:
    """Returns colour and marker of the settings that are told apart."""
    return {
        id(setting): {
            "color": PALETTE[place % len(PALETTE)],
            "marker": MARKERS[place % len(MARKERS)],
        }
        for place, setting in enumerate(in_colour(part))
    }


def _curves(part: Part) -> Drawing | None:
    style = _style(part)
    figure = Figure(figsize=(9, 3.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    shown: list[float] = []
    for axis, (tag, title) in zip(
        axes,
        (("elbo/train", "Training (mean while training)"), ("elbo/val", "Validation")),
        strict=True,
    ):
        for setting in _faint_first(part, style):
            own = style.get(id(setting))
            for place, run in enumerate(setting.runs):
                points = sorted(run.curves.get(tag, {}).items())
                if not points:
                    continue
                label = setting.label if own and place == 0 and tag == "elbo/train" else None
                steps, values = zip(*points, strict=True)
                colour = own["color"] if own else REST
                thin = {"linewidth": 0.6, "alpha": 0.5} if own is None else {}
                # A single epoch is a point, and no line.
                marker = (own or {"marker": "."})["marker"] if len(points) == 1 else None
                axis.plot(steps, values, color=colour, marker=marker, label=label, **thin)
                # The first epochs would press all others together.
                shown += values[min(len(values) - 1, len(values) // 10) :]
        axis.set(title=title, xlabel="epochs completed")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not shown:
        return None
    low, high = min(shown), max(shown)
    room = 0.04 * (high - low) or 1.0
    axes[0].set(ylabel="bound, nats per image", ylim=(low - room, high + room))
    _legend(figure)
    return _finish(figure, "curves", "The bound by epoch, in training and on validation images")


def _bound(part: Part) -> Drawing | None:
    style = _style(part)
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axis = figure.subplots()
    points: list[tuple[float, float]] = []
    for setting in _faint_first(part, style):
        own = style.get(id(setting))
        look = {"color": own["color"], "marker": own["marker"], "s": 46} if own else {
            "color": REST, "marker": "o", "s": 14, "alpha": 0.6,
        }  # fmt: skip
        kl, recon = setting.sample("kl").values, setting.sample("recon").values
        axis.scatter(kl, recon, label=setting.label if own else None, zorder=3, **look)  # type: ignore[arg-type]
        points += zip(kl, recon, strict=True)
    _path_through(axis, part)
    _lines_of_equal_bound(axis, points)
    axis.set(
        xlabel="KL of the codes from the prior, nats per image",
        ylabel="reconstruction term, nats per image",
    )
    _legend(figure)
    return _finish(
        figure, "bound", "Reconstruction term against KL, with dashed lines of equal bound"
    )


def _path_through(axis: Axes, part: Part) -> None:
    """Joins the settings of a single number, such as beta: the rate-distortion curve."""
    values = [setting.values[part.keys[0]] for setting in part.settings if len(part.keys) == 1]
    if len(values) < 3 or not all(isinstance(value, int | float) for value in values):
        return
    means = [[setting.sample(name).mean for setting in part.settings] for name in ("kl", "recon")]
    axis.plot(*means, color=INK, lw=1, alpha=0.5, zorder=2)


def _lines_of_equal_bound(axis: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Draws the lines on which reconstruction term and KL have the same sum."""
    (left, right), (bottom, top) = (
        (min(values) - 0.12 * room, max(values) + 0.12 * room)
        for values in zip(*points, strict=True)
        for room in [max(max(values) - min(values), 1.0)]
    )
    axis.set(xlim=(left, right), ylim=(bottom, top))
    for total in MaxNLocator(8).tick_values(left + bottom, right + top):
        axis.plot((left, right), (total - left, total - right), "--", color=INK, lw=0.8, alpha=0.35)
        # Where the line enters at the top, or at the left.
        x = max(left, total - top)
        if left <= x <= right and bottom <= total - x <= top:
            axis.annotate(
                f"bound {-total:g}", (x, total - x), xytext=(3, -3), fontsize=7.5, alpha=0.75,
                textcoords="offset points", va="top", clip_on=True,
            )  # fmt: skip


def _kl(part: Part) -> Drawing | None:
    style, origins = _style(part), Origins(part.runs)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axis = figure.subplots()
    for setting in _faint_first(part, style):
        own = style.get(id(setting))
        for place, run in enumerate(setting.runs):
            if kl := kl_per_dimension(run):
                look = {"markersize": 5, **own} if own else FAINT
                label = origins.label(setting.label, run) if own and place == 0 else None
                axis.plot(range(1, len(kl) + 1), kl, origins.line(run), label=label, **look)
    if not axis.lines:
        return None
    axis.set(xlabel="latent dimension, by its KL", ylabel=origins.axis, ylim=(0, None))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure)
    return _finish(figure, "kl", origins.caption)


def _paths(part: Part, seen: Seen) -> Drawing | None:
    style = _style(part)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    drawn = False
    for axis, (name, title) in zip(
        axes,
        (("precision", "near real images (precision)"), ("unanimity", "the classifier is sure")),
        strict=True,
    ):
        for setting in _faint_first(part, style):
            path = path_of(seen, setting, f"{name}_of_interpolations")
            own = style.get(id(setting))
            if not path:
                continue
            drawn = True
            look = {"markersize": 4, **own} if own else FAINT
            label = setting.label if own and name == "precision" else None
            share = [step / (len(path) - 1) for step in range(len(path))]
            axis.plot(share, path, label=label, **look)
        axis.set(title=title, xlabel="way from one label to another", ylim=(-0.02, 1.02))
    axes[0].set(ylabel="share of points")
    _legend(figure)
    words = "Share of plausible points on the way from one label to another"
    return _finish(figure, "paths", words) if drawn else None


def _faint_first(part: Part, style: Mapping[int, object]) -> list[Setting]:
    return sorted(part.settings, key=lambda setting: id(setting) in style)


def _legend(figure: Figure) -> None:
    entries = [entry for axis in figure.axes for entry in zip(*axis.get_legend_handles_labels())]  # noqa: B905
    if entries:
        handles, labels = zip(*entries, strict=True)
        columns = max(1, min(4, 90 // (max(map(len, labels)) + 6)))  # 90 characters fit
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def _finish(figure: Figure, name: str, alt: str) -> Drawing:
    """Returns the chart in both forms."""
    with rc_context({"svg.hashsalt": name}):
        vector, pixels = io.StringIO(), io.BytesIO()
        figure.savefig(vector, format="svg", transparent=True, metadata=NOTHING)
        # The layout is found: finding it again would take as long as drawing.
        figure.set_layout_engine("none")
        figure.savefig(pixels, format="png", dpi=DPI, facecolor="white")
    svg = vector.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    # Charts of one page share their names of clip paths and marks otherwise.
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg)
    return Drawing(svg, pixels.getvalue(), alt)
