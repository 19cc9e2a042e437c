"""The chart of the bound by epoch."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_lab.report.chart_style import Drawing, Line, drawn_lines
from vae_lab.report.charts.labels import Label, at_ends
from vae_lab.report.conditions import bound
from vae_lab.report.grouping import Group
from vae_lab.report.runs import Run

CAPTION = (
    "One line per run. The training bound is a mean over the epoch, while the weights moved: minus "
    "the loss if beta is 1. First epochs may lie outside the chart. A mark is the epoch whose "
    "weights were tested."
)

TITLES = {"elbo/train": "Training (mean of the epoch)", "elbo/val": "Validation"}

HEIGHT = 3.4  # in inches

AREA = 170  # the height of the area between the axes, in points


def draw(group: Group) -> Drawing:
    """Returns the chart of training and validation bounds; None if no run has any."""
    figure = Figure(figsize=(8, HEIGHT), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    lines = drawn_lines(group)
    shown: list[float] = []
    ends: dict[str, list[Label]] = {}
    for axis, (tag, title) in zip(axes, TITLES.items(), strict=True):
        for line in lines:
            for run in line.setting.runs:
                points = sorted(run.curves.get(tag, {}).items())
                if not points:
                    continue
                _plot(axis, line, points, run if tag == "elbo/val" else None)
                # The first epochs would press all others together.
                start = max(len(points) // 10, 1) if len(points) > 2 else 0
                shown += [value for _, value in points[start:]]
                if line.label and run is line.setting.runs[0]:
                    label = Label(line.label, *points[-1], line.style.colour)
                    ends.setdefault(tag, []).append(label)
        axis.set(title=title, xlabel="epochs completed")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if not shown:
        return None
    low, high = min(shown), max(shown)
    room = 0.04 * (high - low) or 1.0
    axes[0].set(ylabel=f"{bound(group.runs)}, nats per image", ylim=(low - room, high + room))
    tag = list(ends)[-1] if ends else ""
    side = axes[list(TITLES).index(tag)] if tag else axes[0]
    if not at_ends(side, ends.get(tag, []), height=AREA):
        for line in lines:
            if line.label:
                axes[0].plot([], [], label=line.label, **line.with_marker)
    return figure, _description(ends.get(tag, []), TITLES.get(tag, "")), CAPTION


def _plot(axis: Axes, line: Line, points: Sequence[tuple[int, float]], run: Run | None) -> None:
    """Draws the curve of a run, with a mark at the epoch that was tested, if `run` is given."""
    steps, values = zip(*points, strict=True)
    # A single epoch is a point, and no line.
    marks = list(range(len(points))) if len(points) == 1 else []
    tested = run.result.protocol.get("weights_epoch") if run else None
    marks += [place for place, step in enumerate(steps) if step == tested]
    axis.plot(steps, values, markevery=marks, **line.with_marker)


def _description(ends: Sequence[Label], title: str) -> str:
    """Returns the chart in words, for readers who do not see it."""
    if not ends:
        return "The bound by epoch."
    best, worst = (choose(ends, key=lambda label: label.y) for choose in (max, min))
    text = f"The bound by epoch. {title}: at the end {best.y:.1f} nats for {best.text}"
    return f"{text}, the highest, and {worst.y:.1f} for {worst.text}, the lowest."
