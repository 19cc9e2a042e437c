"""The chart of the distance from log p(x) to the bound, in its two parts."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vae_lab.report.chart_style import INK, Drawing
from vae_lab.report.colours import styles
from vae_lab.report.conditions import said
from vae_lab.report.gaps import BothGaps, Gaps
from vae_lab.report.grouping import Group, in_colour
from vae_lab.report.wording import shown, with_error

TITLE = "Distance of the bound from log p(x)"

BELOW = "nats per image below log p(x)"

CAPTION = (
    "log p(x) is at 0, the best bound of the family at the end of the first part, the bound of the "
    "encoder at the end of the second. Whiskers: standard errors of both parts; number: their sum."
)

# How much of its colour a part has, and what it is.
LOOKS = {
    "approximation": (0.3, "approximation gap: what a better family of posteriors could gain"),
    "amortisation": (0.8, "amortisation gap: what a better encoder could gain"),
}

ROW, AROUND = 0.42, 1.35  # inches of a bar, and of what is around all of them

HEIGHT = 0.62  # of a bar, of its row


def draw(group: Group) -> Drawing:
    """Returns the chart of both gaps of each setting; None if none has them."""
    shown_settings = {id(it) for it in in_colour(group)}
    measured = [pair for pair in Gaps(group).measured() if id(pair[0]) in shown_settings]
    if not measured:
        return None
    figure = Figure(figsize=(8, AROUND + ROW * len(measured)), layout="constrained")
    axis, looks = figure.subplots(), styles(group)
    for place, (setting, parts) in enumerate(measured):
        _draw_bar(axis, place, looks[id(setting)].colour, parts)
    for alpha, words in LOOKS.values():
        axis.barh([0], [0], color=INK, alpha=alpha, lw=0, label=words)
    axis.set_yticks(range(len(measured)), [setting.label for setting, _ in measured])
    title, below = (said(it, group.runs) for it in (TITLE, BELOW))
    axis.set(title=title, xlabel=below, ylim=(len(measured) - 0.5, -0.5))
    axis.axvline(0, color=INK, lw=0.8, alpha=0.6)
    axis.grid(visible=False, axis="y")
    axis.set_axisbelow(True)
    axis.margins(x=0.14)  # room for the sums
    sizes = "; ".join(
        f"{setting.label}: {shown(parts.approximation.mean)} and {shown(parts.amortisation.mean)}"
        for setting, parts in measured
    )
    alt = f"{title} in nats, approximation gap and amortisation gap. {sizes}."
    return figure, alt, said(CAPTION, group.runs)


def _draw_bar(axis: Axes, place: int, colour: str, parts: BothGaps) -> None:
    """Draws both parts one after the other, with their standard errors and their sum."""
    start = reach = 0.0
    for name, (alpha, _) in LOOKS.items():
        part = getattr(parts, name)
        axis.barh(place, part.mean, left=start, height=HEIGHT, color=colour, alpha=alpha, lw=0)
        start += part.mean
        error = part.error or 0.0
        reach = max(reach, start + error)
        if error:
            whisker: dict[str, Any] = {"color": INK, "lw": 1.2, "capsize": 3, "capthick": 1.2}
            axis.errorbar(start, place, xerr=error, fmt="none", ecolor=INK, zorder=3, **whisker)
    text = with_error(parts.distance.mean, parts.distance.error)
    axis.annotate(
        text, (max(reach, 0.0), place), xytext=(6, 0), textcoords="offset points", va="center"
    )
