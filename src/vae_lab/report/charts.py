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
    _faint_first,
    _finish,
    _legend,
    _style,
)
from vae_lab.report.grouping import Part
from vae_lab.report.picture_metrics import Seen, path_of
from vae_lab.report.runs import Run, kl_per_dimension
from vae_lab.report.wording import listed


def draw_all(part: Part, seen: Seen) -> dict[str, Drawing]:
    """Returns the charts of a part by name; one that has nothing to show is left out."""
    drawings: dict[str, Callable[[], Drawing | None]] = {
        "curves": lambda: _curves(part),
        "bound": lambda: _bound(part),
        "kl": lambda: _kl(part),
        "paths": lambda: _paths(part, seen),
    }
    with rc_context(STYLE):  # type: ignore[arg-type]
        drawn = {name: draw() for name, draw in drawings.items()}
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def _curves(part: Part) -> Drawing | None:
    style = _style(part)
    figure = Figure(figsize=(9, 3.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    shown: list[float] = []
    for axis, (tag, title) in zip(
        axes,
        (("elbo/train", "Training (mean while training)"), ("elbo/val", "Validation")),
        strict=True,
    ):
        for setting in _faint_first(part, style):
            own = style.get(id(setting))
            for place, run in enumerate(setting.runs):
                points = sorted(run.curves.get(tag, {}).items())
                if not points:
                    continue
                label = setting.label if own and place == 0 and tag == "elbo/train" else None
                steps, values = zip(*points, strict=True)
                colour = own["color"] if own else REST
                thin = {"linewidth": 0.6, "alpha": 0.5} if own is None else {}
                # A single epoch is a point, and no line.
                marker = (own or {"marker": "."})["marker"] if len(points) == 1 else None
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
    _legend(figure)
    return _finish(figure, "curves", "The bound by epoch, in training and on validation images")


def _bound(part: Part) -> Drawing | None:
    style = _style(part)
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axis = figure.subplots()
    points: list[tuple[float, float]] = []
    for setting in _faint_first(part, style):
        own = style.get(id(setting))
        look = {"color": own["color"], "marker": own["marker"], "s": 46} if own else {
            "color": REST, "marker": "o", "s": 14, "alpha": 0.6,
        }  # fmt: skip
        kl, recon = setting.sample("kl").values, setting.sample("recon").values
        axis.scatter(kl, recon, label=setting.label if own else None, zorder=3, **look)  # type: ignore[arg-type]
        points += zip(kl, recon, strict=True)
    _path_through(axis, part)
    _lines_of_equal_bound(axis, points)
    axis.set(
        xlabel="KL of the codes from the prior, nats per image",
        ylabel="reconstruction term, nats per image",
    )
    _legend(figure)
    return _finish(
        figure, "bound", "Reconstruction term against KL, with dashed lines of equal bound"
    )


def _path_through(axis: Axes, part: Part) -> None:
    """Joins the settings of a single number, such as beta: the rate-distortion curve."""
    values = [setting.values[part.keys[0]] for setting in part.settings if len(part.keys) == 1]
    if len(values) < 3 or not all(isinstance(value, int | float) for value in values):
        return
    means = [[setting.sample(name).mean for setting in part.settings] for name in ("kl", "recon")]
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


def _kl(part: Part) -> Drawing | None:
    style, origins = _style(part), Origins(part.runs)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axis = figure.subplots()
    for setting in _faint_first(part, style):
        own = style.get(id(setting))
        for place, run in enumerate(setting.runs):
            if kl := kl_per_dimension(run):
                look = {"markersize": 5, **own} if own else FAINT
                label = origins.label(setting.label, run) if own and place == 0 else None
                axis.plot(range(1, len(kl) + 1), kl, origins.line(run), label=label, **look)
    if not axis.lines:
        return None
    axis.set(xlabel="latent dimension, by its KL", ylabel=origins.axis, ylim=(0, None))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure)
    return _finish(figure, "kl", origins.caption)


def _paths(part: Part, seen: Seen) -> Drawing | None:
    style = _style(part)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    drawn = False
    for axis, (name, title) in zip(
        axes,
        (("precision", "near real images (precision)"), ("unanimity", "the classifier is sure")),
        strict=True,
    ):
        for setting in _faint_first(part, style):
            path = path_of(seen, setting, f"{name}_of_interpolations")
            own = style.get(id(setting))
            if not path:
                continue
            drawn = True
            look = {"markersize": 4, **own} if own else FAINT
            label = setting.label if own and name == "precision" else None
            share = [step / (len(path) - 1) for step in range(len(path))]
            axis.plot(share, path, label=label, **look)
        axis.set(title=title, xlabel="way from one label to another", ylim=(-0.02, 1.02))
    axes[0].set(ylabel="share of points")
    _legend(figure)
    words = "Share of plausible points on the way from one label to another"
    return _finish(figure, "paths", words) if drawn else None


PRIOR = "the prior"


class Origins:
    """What a chart of the KL per dimension says of the runs in it.

    A learned prior has no KL per dimension. Its runs have that from the aggregate posterior, which
    is another quantity.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._all = list(dict.fromkeys(_origin(run) for run in runs if kl_per_dimension(run)))

    @property
    def axis(self) -> str:
        """What the axis shows: it names what all runs share, where that is not the prior."""
        shared = "" if self._differ or PRIOR in self._all else f" from {listed(self._all)}"
        return f"KL{shared}, nats per image"

    @property
    def caption(self) -> str:
        """What the chart shows, in sentences."""
        what, unused = "KL of each latent dimension", "A dimension at 0 is not used."
        if not self._differ:
            return f"{what} from {listed(self._all)}, test images, largest first. {unused}"
        each = listed([f"from {one}{' (dashed)' * (one != PRIOR)}" for one in self._all])
        return f"{what}, test images, largest first: {each}, which are two quantities. {unused}"

    def label(self, words: str, run: Run) -> str:
        """Returns the words for a run in the legend."""
        return f"{words} (from {_origin(run)})" if self._differ else words

    def line(self, run: Run) -> str:
        """Returns the style of a run's line: the lines without a label are told apart too."""
        return "--" if self._differ and _origin(run) != PRIOR else "-"

    @property
    def _differ(self) -> bool:
        return len(self._all) > 1


def _origin(run: Run) -> str:
    # Older runs say it in words, and those from before there were learned priors not at all.
    latent = run.result.latent
    reference = latent.get("kl_reference")
    return f"the {reference}" if reference else str(latent.get("kl_from", PRIOR))
