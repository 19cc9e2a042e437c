"""The style of a report's charts: lines of settings, legends, files."""

import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup
from matplotlib import rc_context
from matplotlib.figure import Figure

from vae_lab.report.blocks import Chart
from vae_lab.report.colours import Style, styles
from vae_lab.report.grouping import Group, Setting, in_colour

# A figure with its description and its caption; None if there is nothing to show.
Drawing = tuple[Figure, str, str] | None

# Ink of a colour that nothing else has: in the page it becomes the colour of the text there.
INK = "#010203"

STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are text, whatever signs they have
    "font.size": 10,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.handlelength": 2.8,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    ),
    "grid.color": INK,
}


class Line(NamedTuple):
    """How a chart shows a setting; one of many that look alike has no label."""

    setting: Setting
    style: Style
    label: str | None

    @property
    def look(self) -> dict[str, Any]:
        """Returns what a line looks like, as arguments of matplotlib."""
        faint = {} if self.label else {"linewidth": 0.8, "alpha": 0.5}
        return {"color": self.style.colour, "linestyle": self.style.dash, **faint}

    @property
    def with_marker(self) -> dict[str, Any]:
        """Returns the same, with the setting's marker."""
        size = {} if self.label else {"markersize": 2.5}
        return {**self.look, "marker": self.style.marker, **size}


def drawn_lines(group: Group) -> list[Line]:
    """Returns how each setting is drawn, in the order of drawing: those with a label on top."""
    of_setting, named = styles(group), {id(setting) for setting in in_colour(group)}
    lines = [
        Line(setting, of_setting[id(setting)], setting.label if id(setting) in named else None)
        for setting in group.settings
    ]
    return sorted(lines, key=lambda line: line.label is not None)


def finish(
    figure: Figure, name: str, alt: str, caption: str, on_dark: Mapping[str, str] | None = None
) -> Chart:
    """Returns the chart in both forms, with a legend below it of everything that has a label.

    `on_dark` has for colours of the figure, as #rrggbb, those of a dark page.
    """
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
    return Chart(
        Markup(_for_both_pages(svg, on_dark or {})), pixels.getvalue(), alt, f"{name}.png", caption
    )


def _for_both_pages(svg: str, on_dark: Mapping[str, str]) -> str:
    """Returns an image whose colours follow the page; older browsers show the light ones."""

    def both(match: re.Match[str]) -> str:
        key, light = match.groups()
        dark = on_dark.get(light)
        return f"{match[0]}; {key}: light-dark({light}, {dark})" if dark else match[0]

    return re.sub(r"(fill|stroke): (#[0-9a-f]{6})", both, svg)
