"""The chart of the parts of the bound: reconstruction against KL."""

import math
from collections.abc import Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_lab.report.chart_style import INK, Drawing, drawn_lines
from vae_lab.report.charts.labels import Label, beside
from vae_lab.report.conditions import bound
from vae_lab.report.grouping import Group

CAPTION = (
    "Each mark is a run. The bound is minus the sum of both terms: on a dashed line it is the "
    "same, and it is better towards the lower left. Where one number varies, such as beta, a line "
    "joins its values."
)

SIZE = (8, 4.2)  # in inches

AREA = {"width": 500.0, "height": 240.0}  # the area between the axes, in points

ROOM = (0.14, 0.08)  # that the label of a dashed line takes, of that area


def draw(group: Group) -> Drawing:
    """Returns the chart of both terms of the test bound; None if no run has them."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axis = figure.subplots()
    points: list[tuple[float, float]] = []
    labels: list[Label] = []
    lines = drawn_lines(group)
    for line in lines:
        terms = [line.setting.sample(name) for name in ("kl", "recon")]
        kl, recon = (term.values if term else () for term in terms)
        if not kl or not recon:
            continue
        size = 46 if line.label else 22
        axis.scatter(kl, recon, s=size, color=line.style.colour, marker=line.style.marker, zorder=3)
        points += zip(kl, recon, strict=True)
        if line.label:
            labels.append(Label(line.label, fmean(kl), fmean(recon), line.style.colour))
    if not points:
        return None
    path_through(axis, group)
    bounds = _lines_of_equal_bound(axis, points)
    if not beside(axis, labels, bounds, **AREA):
        for line in lines:
            if line.label:
                axis.scatter(
                    [], [], color=line.style.colour, marker=line.style.marker, label=line.label
                )
    axis.set(
        xlabel="KL of the codes from the prior, nats per image",
        ylabel="reconstruction term, nats per image",
    )
    terms_of = "; ".join(f"{it.text}: {it.y:.1f} and {it.x:.1f}" for it in labels)
    caption = CAPTION.replace("The bound", f"The {bound(group.runs)}")
    return figure, f"Reconstruction term and KL in nats. {terms_of}.", caption


def path_through(axis: Axes, group: Group) -> None:
    """Joins the settings of a single number, such as beta: the rate-distortion curve."""
    values = [setting.values[group.keys[0]] for setting in group.settings if len(group.keys) == 1]
    if len(values) < 3 or not all(isinstance(value, int | float) for value in values):
        return
    terms = [[setting.sample(name) for setting in group.settings] for name in ("kl", "recon")]
    means = [[sample.mean if sample else math.nan for sample in of_term] for of_term in terms]
    axis.plot(*means, color=INK, lw=1, alpha=0.5, zorder=2)


def _lines_of_equal_bound(axis: Axes, points: Sequence[tuple[float, float]]) -> list[Label]:
    """Draws the lines on which reconstruction term and KL have the same sum, and their labels.

    Returns:
        The labels.
    """
    labels: list[Label] = []
    (left, right), (bottom, top) = (
        (min(values) - 0.12 * room, max(values) + 0.12 * room)
        for values in zip(*points, strict=True)
        for room in [max(max(values) - min(values), 1.0)]
    )
    axis.set(xlim=(left, right), ylim=(bottom, top))
    for total in MaxNLocator(8).tick_values(left + bottom, right + top):
        axis.plot((left, right), (total - left, total - right), "--", color=INK, lw=0.8, alpha=0.35)
        # Where the line enters at the top, or at the left, if no run lies there.
        x = max(left, total - top)
        y = total - x
        wide, high = ROOM[0] * (right - left), ROOM[1] * (top - bottom)
        taken = any(x <= kl <= x + wide and y - high <= recon <= y for kl, recon in points)
        if left <= x <= right and bottom <= y <= top and not taken:
            labels.append(Label(f"bound {-total:g}", x, y, INK))
            axis.annotate(
                labels[-1].text, (x, y), xytext=(3, -3), fontsize=8.5, alpha=0.75,
                textcoords="offset points", va="top", clip_on=True,
            )  # fmt: skip
    return labels
