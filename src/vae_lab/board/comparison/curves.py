"""The learning curves of all runs in one picture, drawn for a card of 500 pixels."""

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from vae_lab.report.chart_style import STYLE
from vae_lab.report.colours import styles
from vae_lab.report.conditions import bound
from vae_lab.report.grouping import Group, in_colour

# Pixels are 100 times as many.
WIDTH, HEIGHT = 10.0, 5.0

LARGE: dict[str, Any] = {
    "font.size": 19,
    "axes.labelsize": 19,
    "axes.titlesize": 16,
    "legend.fontsize": 16,
}

LINES: dict[str, dict[str, Any]] = {
    "elbo/val": {"ls": "-", "lw": 2.5},
    "elbo/train": {"ls": ":", "lw": 1.8},
}


def curves(group: Group) -> tuple[Image.Image, str] | None:
    """Returns the bound by epoch, and what it shows in words; None if no run has curves."""
    style: Any = {**STYLE, **LARGE}
    with rc_context(style):
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axis = figure.subplots()
        if not (values := _plot(group, axis)):
            return None
        room = 0.04 * (max(values) - min(values)) or 1.0
        axis.set(ylim=(min(values) - room, max(values) + room))
        axis.set(xlabel="epochs completed", ylabel=f"{bound(group.runs)}, nats per image")
        axis.set_title("solid: validation, dotted: training", loc="left")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside right center")
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=100, facecolor="white")
    text = "The bound by epoch. First epochs may lie outside the frame, as in the report."
    return Image.open(file).convert("RGB"), text


def _plot(group: Group, axis: Axes) -> list[float]:
    """Draws the curves of each run; returns the values that the frame must hold."""
    colours, values = styles(group), list[float]()
    runs = [(setting, run) for setting in in_colour(group) for run in setting.runs]
    for setting, run in runs:
        colour = colours[id(setting)].colour
        for tag, line in LINES.items():
            points = sorted(run.curves.get(tag, {}).items())
            if not points:
                continue
            steps, bounds = zip(*points, strict=True)
            label = setting.label if run is setting.runs[0] and tag == "elbo/val" else None
            # A single epoch is a point, and no line.
            marker = "o" if len(points) == 1 else None
            axis.plot(steps, bounds, color=colour, label=label, marker=marker, **line)
            # The first epochs would press all others together.
            values += bounds[min(len(bounds) - 1, max(1, len(bounds) // 10)) :]
    return values
