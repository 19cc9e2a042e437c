"""Forest plots: the difference of each compared pair with its 95 % interval, by quantity."""

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_lab.report.blocks import Chart
from vae_lab.report.chart_style import INK, STYLE, finish
from vae_lab.report.comparisons import Comparisons, quantities
from vae_lab.report.conditions import said
from vae_lab.report.factors import factors
from vae_lab.report.grouping import shortened
from vae_lab.report.picture_metrics import DISTANCE_NAME, PictureMetrics
from vae_lab.report.statistics import Difference
from vae_lab.report.wording import level_name

# Rows of a plot, and quantities side by side.
MOST_ROWS, ACROSS = 16, 3

# Letters of a row's name that leave room for the quantities; a longer one has two lines.
LONGEST_LINE = 48

MINUS = " − "

NAMES = {
    "elbo": "test bound, nats",
    "recon": "reconstruction term, nats",
    "kl": "KL, nats",
    DISTANCE_NAME: "distance of all codes\nfrom the prior, nats",
}

# A row by quantity.
Row = tuple[str, Mapping[str, Difference]]


def forest(metrics: PictureMetrics, comparisons: Comparisons, prefix: str) -> list[Chart]:
    """Returns the plots of a group; none if nothing was compared. `prefix` begins their names."""
    rows = rows_of(metrics, comparisons)
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    charts = []
    for number, start in enumerate(range(0, len(names), ACROSS), start=1):
        some = names[start : start + ACROSS]
        with rc_context(STYLE):  # type: ignore[arg-type]
            titles = {name: said(_title(name), metrics.group.runs) for name in some}
            figure = _figure(rows, titles)
            alt = "; ".join(_description(*pair, rows) for pair in titles.items())
            charts.append(finish(figure, f"{prefix}differences-{number}", alt, "", {}))
    return charts


def rows_of(metrics: PictureMetrics, comparisons: Comparisons) -> list[Row]:
    """Returns the pairs that differ in one key, or if they are too many the levels of each key."""
    group = metrics.group
    names = list(dict.fromkeys(name for name, _ in quantities(metrics)))
    rows: list[Row] = []
    for a, b in combinations(group.settings, 2):
        if sum(a.values[key] != b.values[key] for key in group.keys) == 1:
            bound = comparisons.known("elbo", a, b)
            first, second = (b, a) if bound and bound.value < 0 else (a, b)
            found = {it: comparisons.known(it, first, second) for it in names}
            row = {name: gap for name, gap in found.items() if gap}
            rows.append((f"{first.label}{MINUS}{second.label}", row))
    return rows if len(rows) <= MOST_ROWS else _levels(metrics, comparisons, names)


def _levels(metrics: PictureMetrics, comparisons: Comparisons, names: Sequence[str]) -> list[Row]:
    """Returns the differences of neighbouring levels, on average over the other keys."""
    rows: list[Row] = []
    for factor in factors(metrics.group):
        for a, b in pairwise(range(len(factor.levels))):
            found = {it: comparisons.effect(it, metrics.group, factor, b, a) for it in names}
            row = {name: gap for name, gap in found.items() if gap}
            first, second = (level_name(factor.key, factor.levels[it]) for it in (b, a))
            rows.append((f"{shortened(first)}{MINUS}{shortened(second)}", row))
    return rows[:MOST_ROWS]


def _figure(rows: Sequence[Row], titles: Mapping[str, str]) -> Figure:
    labels = [label for label, _ in rows]
    lines = 1
    if max(map(len, labels)) > LONGEST_LINE:
        labels, lines = [label.replace(MINUS, f"\n{MINUS}") for label in labels], 2
    figure = Figure(figsize=(9, 0.9 + 0.26 * lines * len(rows)), layout="constrained")
    axes = figure.subplots(1, ACROSS, sharey=True)
    for axis, name in zip(axes, titles, strict=False):
        _draw(axis, [row.get(name) for _, row in rows])
        axis.set_title(titles[name], fontsize=10)
        axis.xaxis.set_major_locator(MaxNLocator(4))
    for axis in axes[len(titles) :]:
        axis.set_visible(False)
    axes[0].set_yticks(range(len(rows)), labels)
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    return figure


def _draw(axis: Axes, gaps: Sequence[Difference | None]) -> None:
    axis.axvline(0, color=INK, lw=0.8, alpha=0.6)
    for place, gap in enumerate(gaps):
        if gap is None:
            continue
        if gap.interval:
            axis.plot(gap.interval, (place, place), color=INK, lw=1.2)
        face = INK if gap.differs else "none"
        axis.plot(gap.value, place, "o", ms=5.5, mec=INK, mfc=face, zorder=3)


def _description(name: str, title: str, rows: Sequence[Row]) -> str:
    gaps = [row[name] for _, row in rows if name in row]
    count = sum(gap.differs is True for gap in gaps)
    return f"{title}: {count} of {len(gaps)} differences are significant".replace("\n", " ")


def _title(name: str) -> str:
    return NAMES.get(name, name.replace("_of_", " of\n").replace("_", " "))
