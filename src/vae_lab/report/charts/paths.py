"""The chart of the plausibility of the points on interpolations."""

from itertools import chain

from matplotlib.figure import Figure

from vae_lab.report.chart_style import Drawing, drawn_lines
from vae_lab.report.charts.labels import Label, at_ends
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.wording import percent

CAPTION = (
    "How plausible the points are on the way, over many pairs of test images of different labels."
)

TITLES = {
    "precision": "near real images (precision)",
    "unanimity": "all neighbours have one label",
}

# Shares that differ by less are the same in a chart.
FLAT = 0.03

AREA = 165  # the height of the area between the axes, in points


def draw(metrics: PictureMetrics) -> Drawing:
    """Returns the chart of both shares by step; None if they are the same everywhere."""
    paths = {
        name: {
            id(it): metrics.by_step(it, f"{name}_of_interpolations")
            for it in metrics.group.settings
        }
        for name in TITLES
    }
    steps = {name: list(chain(*of_name.values())) for name, of_name in paths.items()}
    # What is the same everywhere needs words, and no chart.
    flat = {name for name, shares in steps.items() if shares and max(shares) - min(shares) < FLAT}
    drawn = [name for name, shares in steps.items() if shares and name not in flat]
    if not drawn:
        return None
    figure = Figure(figsize=(8, 3.3), layout="constrained")
    axes = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    lines, ends, lowest = drawn_lines(metrics.group), list[Label](), list[str]()
    for axis, name in zip(axes, drawn, strict=True):
        for line in lines:
            if path := paths[name][id(line.setting)]:
                share = [step / (len(path) - 1) for step in range(len(path))]
                axis.plot(share, path, **line.with_marker)
                if line.label and axis is axes[-1]:
                    ends.append(Label(line.label, 1.0, path[-1], line.style.colour))
        lowest.append(f"{TITLES[name]}: at least {percent(min(steps[name]))}")
        axis.set(title=TITLES[name], xlabel="way from one label to another", ylim=(-0.02, 1.02))
    axes[0].set(ylabel="share of points")
    if not at_ends(axes[-1], ends, height=AREA):
        for line in lines:
            if line.label:
                axes[0].plot([], [], label=line.label, **line.with_marker)
    alt = f"Share of plausible points on the way from one label to another. {'; '.join(lowest)}."
    notes = [f" At every step, {_at_least(steps[name])}: {TITLES[name]}." for name in flat]
    return figure, alt, CAPTION + "".join(notes)


def _at_least(shares: list[float]) -> str:
    least = percent(min(shares))
    return least if percent(max(shares)) == least else f"at least {least}"
