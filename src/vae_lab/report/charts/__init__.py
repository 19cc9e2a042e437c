"""The charts of a report: curves, parts of the bound, gaps, latent dimensions, interpolations."""

from matplotlib import rc_context

from vae_lab.report.blocks import Chart
from vae_lab.report.chart_style import STYLE, finish
from vae_lab.report.charts import anatomy, bound, curves, kl, paths
from vae_lab.report.colours import styles
from vae_lab.report.picture_metrics import PictureMetrics


def draw_all(metrics: PictureMetrics, prefix: str) -> dict[str, Chart]:
    """Returns the charts of a group by name; `prefix` begins their files' names.

    A chart that has nothing to show is left out.
    """
    group, charts = metrics.group, {}
    on_dark = {style.colour: style.on_dark for style in styles(group).values()}
    with rc_context(STYLE):  # type: ignore[arg-type]
        drawings = {
            "curves": curves.draw(group),
            "bound": bound.draw(group),
            "kl": kl.draw(group),
            "paths": paths.draw(metrics),
            "gaps": anatomy.draw(group),
        }
        for name, drawing in drawings.items():
            if drawing:
                figure, alt, caption = drawing
                charts[name] = finish(figure, f"{prefix}{name}", alt, caption, on_dark)
    return charts
