"""The style of a report's charts: colours, markers, legends, files."""

import io
import re
from itertools import cycle
from typing import Any

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.report.blocks import Chart
from vae_lab.report.grouping import Group, Setting, in_colour

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


def styled_settings(group: Group) -> list[tuple[Setting, dict[str, Any], str | None]]:
    """Returns each setting with its style and label; those not told apart are faint, without one.

    In the order of drawing: those in colour lie above the others.
    """
    styles = {
        id(setting): {"color": color, "marker": marker}
        for setting, color, marker in zip(
            in_colour(group), cycle(PALETTE), cycle(MARKERS), strict=False
        )
    }
    ordered = sorted(group.settings, key=lambda setting: id(setting) in styles)
    return [
        (setting, styles.get(id(setting), FAINT), setting.label if id(setting) in styles else None)
        for setting in ordered
    ]


def finish(figure: Figure, name: str, alt: str, caption: str) -> Chart:
    """Returns the chart in both forms, with a legend below it of everything that has a label."""
    entries = [entry for axis in figure.axes for entry in zip(*axis.get_legend_handles_labels())]  # noqa: B905
    if entries:
        handles, labels = zip(*entries, strict=True)
        columns = max(1, min(4, 90 // (max(map(len, labels)) + 6)))  # 90 characters fit
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    with rc_context({"svg.hashsalt": name}):
        vector, pixels = io.StringIO(), io.BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(vector, format="svg", transparent=True, metadata=nothing)
        # The layout is settled: to compute it again would take as long as drawing.
        figure.set_layout_engine("none")
        figure.savefig(pixels, format="png", dpi=120, facecolor="white")
    svg = vector.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    # Charts of one page share their names of clip paths and marks otherwise.
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\1{name}-", svg)
    return Chart(Markup(svg), pixels.getvalue(), alt, f"{name}.png", caption)
