"""The charts of a report: curves, the parts of the bound, dimensions, paths."""

from collections.abc import Callable, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_lab.report.chart_style import (
    FAINT,
    INK,
    REST,
    STYLE,
    Drawing,
    add_legend,
    faint_first,
    finish,
    styles_of,
)
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import Run, kl_per_dimension
from vae_lab.report.wording import listed


def draw_all(group: Group, metrics: PictureMetrics) -> dict[str, Drawing]:
    """Returns the charts of a group by name; one that has nothing to show is left out."""
    drawings: dict[str, Callable[[], Drawing | None]] = {
        "curves": lambda: _curves(group),
        "bound": lambda: _bound(group),
        "kl": lambda: _kl(group),
        "paths": lambda: _paths(group, metrics),
    }
    with rc_context(STYLE):  # type: ignore[arg-type]
        drawn = {name: draw() for name, draw in drawings.items()}
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def _curves(group: Group) -> Drawing | None:
    styles = styles_of(group)
    figure = Figure(figsize=(9, 3.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    shown: list[float] = []
    for axis, (tag, title) in zip(
        axes,
        (("elbo/train", "Training (mean while training)"), ("elbo/val", "Validation")),
        strict=True,
    ):
        for setting in faint_first(group, styles):
            style = styles.get(id(setting))
            for index, run in enumerate(setting.runs):
                points = sorted(run.curves.get(tag, {}).items())
                if not points:
                    continue
                label = setting.label if style and index == 0 and tag == "elbo/train" else None
                steps, values = zip(*points, strict=True)
                colour = style["color"] if style else REST
                thin = {"linewidth": 0.6, "alpha": 0.5} if style is None else {}
                # A single epoch is a point, and no line.
                marker = (style or {"marker": "."})["marker"] if len(points) == 1 else None
                axis.plot(steps, values, color=colour, marker=marker, label=label, **thin)
                # The first epochs would press all others together.
                shown += values[min(len(values) - 1, len(values) // 10) :]
        axis.set(title=title, xlabel="epochs completed")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not shown:
        return None
    low, high = min(shown), max(shown)
    room = 0.04 * (high - low) or 1.0
    axes[0].set(ylabel="bound, nats per image", ylim=(low - room, high + room))
    add_legend(figure)
    return finish(figure, "curves", "The bound by epoch, in training and on validation images")


def _bound(group: Group) -> Drawing | None:
    styles = styles_of(group)
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axis = figure.subplots()
    points: list[tuple[float, float]] = []
    for setting in faint_first(group, styles):
        style = styles.get(id(setting))
        marks = {"color": style["color"], "marker": style["marker"], "s": 46} if style else {
            "color": REST, "marker": "o", "s": 14, "alpha": 0.6,
        }  # fmt: skip
        kl, recon = setting.sample("kl").values, setting.sample("recon").values
        axis.scatter(kl, recon, label=setting.label if style else None, zorder=3, **marks)  # type: ignore[arg-type]
        points += zip(kl, recon, strict=True)
    _path_through(axis, group)
    _lines_of_equal_bound(axis, points)
    axis.set(
        xlabel="KL of the codes from the prior, nats per image",
        ylabel="reconstruction term, nats per image",
    )
    add_legend(figure)
    return finish(
        figure, "bound", "Reconstruction term against KL, with dashed lines of equal bound"
    )


def _path_through(axis: Axes, group: Group) -> None:
    """Joins the settings of a single number, such as beta: the rate-distortion curve."""
    values = [setting.values[group.keys[0]] for setting in group.settings if len(group.keys) == 1]
    if len(values) < 3 or not all(isinstance(value, int | float) for value in values):
        return
    means = [[setting.sample(name).mean for setting in group.settings] for name in ("kl", "recon")]
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


def _kl(group: Group) -> Drawing | None:
    styles, reference = styles_of(group), KLReference(group.runs)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axis = figure.subplots()
    for setting in faint_first(group, styles):
        style = styles.get(id(setting))
        for index, run in enumerate(setting.runs):
            if kl := kl_per_dimension(run):
                marks = {"markersize": 5, **style} if style else FAINT
                label = reference.label(setting.label, run) if style and index == 0 else None
                axis.plot(range(1, len(kl) + 1), kl, reference.line(run), label=label, **marks)
    if not axis.lines:
        return None
    axis.set(xlabel="latent dimension, by its KL", ylabel=reference.axis, ylim=(0, None))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(figure)
    return finish(figure, "kl", reference.caption)


def _paths(group: Group, metrics: PictureMetrics) -> Drawing | None:
    styles = styles_of(group)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    drawn = False
    for axis, (name, title) in zip(
        axes,
        (("precision", "near real images (precision)"), ("unanimity", "the classifier is sure")),
        strict=True,
    ):
        for setting in faint_first(group, styles):
            path = metrics.by_step(setting, f"{name}_of_interpolations")
            style = styles.get(id(setting))
            if not path:
                continue
            drawn = True
            marks = {"markersize": 4, **style} if style else FAINT
            label = setting.label if style and name == "precision" else None
            share = [step / (len(path) - 1) for step in range(len(path))]
            axis.plot(share, path, label=label, **marks)
        axis.set(title=title, xlabel="way from one label to another", ylim=(-0.02, 1.02))
    axes[0].set(ylabel="share of points")
    add_legend(figure)
    alt = "Share of plausible points on the way from one label to another"
    return finish(figure, "paths", alt) if drawn else None


# From what a KL is measured unless a run names it: runs of before there were learned priors.
PRIOR = "prior"


class KLReference:
    """From what the runs of a chart have their KL per dimension.

    A learned prior has no KL per dimension. Its runs have that from the aggregate posterior, which
    is another quantity.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._all = list(dict.fromkeys(_reference(run) for run in runs if kl_per_dimension(run)))

    @property
    def axis(self) -> str:
        """What the axis shows: it names what all runs share, if that is not the prior."""
        shared = "" if self._differ or PRIOR in self._all else f" from the {self._all[0]}"
        return f"KL{shared}, nats per image"

    @property
    def caption(self) -> str:
        """What the chart shows, in sentences."""
        what, unused = "KL of each latent dimension", "A dimension at 0 is not used."
        if not self._differ:
            return f"{what} from the {self._all[0]}, test images, largest first. {unused}"
        dashed = {reference: "" if reference == PRIOR else " (dashed)" for reference in self._all}
        kinds = listed([f"from the {reference}{dashed[reference]}" for reference in self._all])
        return f"{what}, test images, largest first: {kinds}, which are two quantities. {unused}"

    def label(self, setting: str, run: Run) -> str:
        """Returns the text for a run in the legend."""
        return f"{setting} (from the {_reference(run)})" if self._differ else setting

    def line(self, run: Run) -> str:
        """Returns the style of a run's line: the lines without a label are told apart too."""
        return "--" if self._differ and _reference(run) != PRIOR else "-"

    @property
    def _differ(self) -> bool:
        return len(self._all) > 1


def _reference(run: Run) -> str:
    latent = run.result.latent
    # Older runs say it in words, and those from before there were learned priors not at all.
    former = str(latent.get("kl_from", PRIOR)).removeprefix("the ")
    return str(latent.get("kl_reference", former))
