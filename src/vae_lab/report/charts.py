"""The charts of a report: curves, the parts of the bound, dimensions, paths."""

import math
from collections.abc import Sequence
from itertools import chain

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_lab.report.blocks import Chart
from vae_lab.report.chart_style import INK, REST, STYLE, finish, styled_settings
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import Run
from vae_lab.report.wording import listed, percent

# A figure with its description and its caption; None if there is nothing to show.
Drawing = tuple[Figure, str, str] | None

CURVES_CAPTION = (
    "One line per run, one colour per setting. The training bound is a mean over the epoch, while "
    "the weights moved. First epochs may lie outside the frame."
)

BOUND_CAPTION = (
    "Each mark is a run. The bound is minus the sum of both terms: on a dashed line it is the "
    "same, and it is better towards the lower left. Where one number varies, such as beta, a line "
    "joins its values."
)

# Shares that differ by less are the same in a chart.
FLAT = 0.01

PATHS_CAPTION = (
    "How plausible the points are on the way, over many pairs of test images of different labels."
)


def draw_all(metrics: PictureMetrics, prefix: str) -> dict[str, Chart]:
    """Returns the charts of a group by name; `prefix` begins their files' names.

    A chart that has nothing to show is left out.
    """
    group, charts = metrics.group, {}
    with rc_context(STYLE):  # type: ignore[arg-type]
        drawings = {
            "curves": _curves(group),
            "bound": _bound(group),
            "kl": _kl(group),
            "paths": _paths(metrics),
        }
        for name, drawing in drawings.items():
            if drawing:
                figure, alt, caption = drawing
                charts[name] = finish(figure, f"{prefix}{name}", alt, caption)
    return charts


def _curves(group: Group) -> Drawing:
    figure = Figure(figsize=(9, 3.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    shown: list[float] = []
    titles = {"elbo/train": "Training (mean while training)", "elbo/val": "Validation"}
    for axis, (tag, title) in zip(axes, titles.items(), strict=True):
        for setting, style, label in styled_settings(group):
            for run in setting.runs:
                points = sorted(run.curves.get(tag, {}).items())
                if not points:
                    continue
                steps, values = zip(*points, strict=True)
                # A single epoch is a point, and no line.
                marker = style.get("marker", ".") if len(points) == 1 else None
                is_first = axis is axes[0] and run is setting.runs[0]
                named = {"marker": marker, "label": label if is_first else None}
                axis.plot(steps, values, **{**style, **named})
                # The first epochs would press all others together.
                shown += values[min(len(values) - 1, len(values) // 10) :]
        axis.set(title=title, xlabel="epochs completed")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not shown:
        return None
    low, high = min(shown), max(shown)
    room = 0.04 * (high - low) or 1.0
    axes[0].set(ylabel="bound, nats per image", ylim=(low - room, high + room))
    alt = "The bound by epoch, in training and on validation images"
    return figure, alt, CURVES_CAPTION


def _bound(group: Group) -> Drawing:
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axis = figure.subplots()
    points: list[tuple[float, float]] = []
    faint = {"color": REST, "marker": "o", "s": 14, "alpha": 0.6}
    for setting, style, label in styled_settings(group):
        terms = [setting.sample(name) for name in ("kl", "recon")]
        kl, recon = (term.values if term else () for term in terms)
        if not kl or not recon:
            continue
        axis.scatter(kl, recon, label=label, zorder=3, **({"s": 46, **style} if label else faint))
        points += zip(kl, recon, strict=True)
    if not points:
        return None
    _path_through(axis, group)
    _lines_of_equal_bound(axis, points)
    axis.set(
        xlabel="KL of the codes from the prior, nats per image",
        ylabel="reconstruction term, nats per image",
    )
    alt = "Reconstruction term against KL, with dashed lines of equal bound"
    return figure, alt, BOUND_CAPTION


def _path_through(axis: Axes, group: Group) -> None:
    """Joins the settings of a single number, such as beta: the rate-distortion curve."""
    values = [setting.values[group.keys[0]] for setting in group.settings if len(group.keys) == 1]
    if len(values) < 3 or not all(isinstance(value, int | float) for value in values):
        return
    terms = [[setting.sample(name) for setting in group.settings] for name in ("kl", "recon")]
    means = [[sample.mean if sample else math.nan for sample in of_term] for of_term in terms]
    axis.plot(*means, color=INK, lw=1, alpha=0.5, zorder=2)


def _lines_of_equal_bound(axis: Axes, points: Sequence[tuple[float, float]]) -> None:
    """Draws the lines on which reconstruction term and KL have the same sum."""
    (left, right), (bottom, top) = (
        (min(values) - 0.12 * room, max(values) + 0.12 * room)
        for values in zip(*points, strict=True)
        for room in [max(max(values) - min(values), 1.0)]
    )
    axis.set(xlim=(left, right), ylim=(bottom, top))
    for total in MaxNLocator(8).tick_values(left + bottom, right + top):
        axis.plot((left, right), (total - left, total - right), "--", color=INK, lw=0.8, alpha=0.35)
        # Where the line enters at the top, or at the left.
        x = max(left, total - top)
        if left <= x <= right and bottom <= total - x <= top:
            axis.annotate(
                f"bound {-total:g}", (x, total - x), xytext=(3, -3), fontsize=7.5, alpha=0.75,
                textcoords="offset points", va="top", clip_on=True,
            )  # fmt: skip


def _paths(metrics: PictureMetrics) -> Drawing:
    titles = {
        "precision": "near real images (precision)",
        "unanimity": "all neighbours have one label",
    }
    paths = {
        name: {
            id(it): metrics.by_step(it, f"{name}_of_interpolations")
            for it in metrics.group.settings
        }
        for name in titles
    }
    steps = {name: list(chain(*of_name.values())) for name, of_name in paths.items()}
    # What is the same everywhere needs words, and no chart.
    flat = {name for name, shares in steps.items() if shares and max(shares) - min(shares) < FLAT}
    drawn = [name for name, shares in steps.items() if shares and name not in flat]
    if not drawn:
        return None
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, drawn, strict=True):
        for setting, style, label in styled_settings(metrics.group):
            if path := paths[name][id(setting)]:
                share = [step / (len(path) - 1) for step in range(len(path))]
                named = label if axis is axes[0] else None
                axis.plot(share, path, label=named, **({"markersize": 4} if label else {}), **style)
        axis.set(title=titles[name], xlabel="way from one label to another", ylim=(-0.02, 1.02))
    axes[0].set(ylabel="share of points")
    alt = "Share of plausible points on the way from one label to another"
    notes = [f" At every step, {percent(steps[name][0])} are {titles[name]}." for name in flat]
    return figure, alt, PATHS_CAPTION + "".join(notes)


# From what a KL is measured unless a run names it: runs of before there were learned priors.
PRIOR = "prior"


def _kl(group: Group) -> Drawing:
    """Draws the KL per dimension, of each run from its prior, or from what takes its place.

    A learned prior has no KL per dimension. Its runs have that from the aggregate posterior, which
    is another quantity.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axis = figure.subplots()
    references = kl_references(group.runs)
    for setting, style, label in styled_settings(group):
        for run in setting.runs:
            if kl := run.kl_per_dimension:
                text = f"{label} (from the {_reference(run)})" if len(references) > 1 else label
                named = text if label and run is setting.runs[0] else None
                size = {"markersize": 5} if label else {}
                line = line_style(run, references)
                axis.plot(range(1, len(kl) + 1), kl, line, label=named, **(size | style))
    if not axis.lines:
        return None
    # The axis names what all runs share, if that is not the prior.
    shared = f" from the {references[0]}" if len(references) == 1 and references != [PRIOR] else ""
    what = f"KL{shared}, nats per image"
    axis.set(xlabel="latent dimension, by its KL", ylabel=what, ylim=(0, None))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    caption = _kl_caption(references)
    return figure, caption, caption


def _kl_caption(references: Sequence[str]) -> str:
    what, unused = "KL of each latent dimension", "A dimension at 0 is not used."
    if len(references) == 1:
        return f"{what} from the {references[0]}, test images, largest first. {unused}"
    kinds = [f"from the {it}{'' if it == PRIOR else ' (dashed)'}" for it in references]
    return (
        f"{what}, test images, largest first: {listed(kinds)}, which are two quantities. {unused}"
    )


def line_style(run: Run, references: Sequence[str]) -> str:
    """Returns the style of a run's line: the lines without a label are told apart too."""
    return "--" if len(references) > 1 and _reference(run) != PRIOR else "-"


def kl_references(runs: Sequence[Run]) -> list[str]:
    """Returns from what the runs have their KL per dimension, each reference once."""
    return list(dict.fromkeys(_reference(run) for run in runs if run.kl_per_dimension))


def _reference(run: Run) -> str:
    latent = run.result.latent
    # Older runs name it in prose, and those from before there were learned priors not at all.
    former = str(latent.get("kl_from", PRIOR)).removeprefix("the ")
    return str(latent.get("kl_reference", former))
