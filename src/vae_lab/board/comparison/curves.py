"""The learning curves of all runs in one picture, drawn for a card of 500 pixels."""

import io

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from vae_lab.report.chart_style import STYLE
from vae_lab.report.colours import styles
from vae_lab.report.grouping import Group, in_colour

# Pixels are 100 times as many.
WIDTH, HEIGHT = 10.0, 5.0

LARGE = {"font.size": 19, "lines.linewidth": 2.5}

TAGS = {"elbo/val": ("-", 2.5), "elbo/train": (":", 1.8)}


def curves(group: Group) -> tuple[Image.Image, str] | None:
    """Returns the bound by epoch with what it shows in words; None if no run has curves."""
    colours, values = styles(group), list[float]()
    with rc_context({**STYLE, **LARGE}):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axis = figure.subplots()
        for setting in in_colour(group):
            for run in setting.runs:
                for tag, (dash, width) in TAGS.items():
                    points = sorted(run.curves.get(tag, {}).items())
                    if not points:
                        continue
                    label = setting.label if run is setting.runs[0] and dash == "-" else None
                    steps, bounds = zip(*points, strict=True)
                    style = {"color": colours[id(setting)].colour, "linestyle": dash, "lw": width}
                    axis.plot(steps, bounds, label=label, marker="." * (len(steps) == 1), **style)
                    # The first epochs would press all others together.
                    values += bounds[min(len(bounds) - 1, len(bounds) // 10) :]
        if not values:
            return None
        room = 0.04 * (max(values) - min(values)) or 1.0
        axis.set(ylim=(min(values) - room, max(values) + room))
        axis.set(xlabel="epochs completed", ylabel="bound, nats per image")
        axis.set_title("solid: validation, dotted: training", fontsize=16, loc="left")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside right center", fontsize=16)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=100, facecolor="white")
    text = "The bound by epoch. First epochs may lie outside the frame, as in the report."
    return Image.open(file).convert("RGB"), text
