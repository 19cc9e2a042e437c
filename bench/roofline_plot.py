"""The plot of a roofline: operations per second over operations per byte, both logarithmic."""

from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator

COLOURS = {"step": "#b3261e", "forward": "#1f5fa8", "backward, input": "#2e7d32",
           "backward, weights": "#8a5a00"}  # fmt: skip
MARKERS = {"step": "D", "forward": "o", "backward, input": "s", "backward, weights": "^"}


class Point(NamedTuple):
    """Something that computes: its name, its kind, operations per byte and per second."""

    name: str
    kind: str
    intensity: float
    rate: float


def plot(path: Path, title: str, peak: float, bandwidth: float, points: list[Point]) -> None:
    """Draws the roof and the points below it; those that only move bytes have no place on it."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    points = [point for point in points if point.rate]
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    ends = [min(point.intensity for point in points) / 2,
            max(point.intensity for point in points) * 4]  # fmt: skip
    along = np.geomspace(*ends, 200)
    axes.loglog(
        along,
        np.minimum(peak, along * bandwidth) / 1e9,
        color="#222222",
        linewidth=2,
        label=f"roof: {bandwidth / 1e9:.1f} GB/s, {peak / 1e9:.0f} GFLOP/s",
    )
    for kind in dict.fromkeys(point.kind for point in points):
        chosen = [point for point in points if point.kind == kind]
        axes.plot(
            [point.intensity for point in chosen],
            [point.rate / 1e9 for point in chosen],
            MARKERS[kind],
            color=COLOURS[kind],
            label=kind,
            markersize=9 if kind == "step" else 6,
            zorder=5,
        )
    axes.set_ylim(min(point.rate for point in points) / 1e9 / 3, peak / 1e9 * 2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    figure.draw_without_rendering()
    label(axes, points)
    axes.set_xlabel("FLOP per byte moved at least")
    axes.set_ylabel("GFLOP per second")
    axes.set_title(title, fontsize=10)
    axes.legend(frameon=False, loc="lower right")
    axes.grid(alpha=0.25, which="both")
    figure.savefig(path, dpi=100, facecolor="white")
    plt.close(figure)


def label(axes: Axes, points: list[Point]) -> None:
    """Writes each name right of its point, moved down until it covers no name written before."""
    written: list[tuple[float, float, float]] = []
    for point in sorted(points, key=lambda point: -point.rate):
        x, y = axes.transData.transform((point.intensity, point.rate / 1e9))
        width, height = 6.3 * len(point.name), 13.0
        low = y
        while any(
            abs(low - other) < height and x < end and x + width > start
            for start, end, other in written
        ):
            low -= 2
        written.append((x, x + width, low))
        axes.annotate(
            point.name,
            (point.intensity, point.rate / 1e9),
            xytext=(10, (low - y) * 72 / axes.figure.dpi - 3),
            textcoords="offset points",
            fontsize=9,
            color=COLOURS[point.kind],
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
