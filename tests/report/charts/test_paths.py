"""The chart of the points on interpolations."""

from pathlib import Path

from fake_runs import picture_metrics, write_run

from vae_lab.report.charts import draw_all, paths
from vae_lab.report.grouping import group_runs
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs


def test_a_chart_in_which_all_is_the_same_is_words(tmp_path: Path) -> None:
    def drawn(**shares: list[float]) -> tuple[int, str]:
        for place in (0, 1):
            found = picture_metrics(sharpness=0.3, precision=1.0)
            for name, steps in shares.items():
                found[f"{name}_of_interpolations"]["by_step"] = steps
            folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            write_run(folder, elbo=-1.0, latent_dim=2 + place, picture_metrics=found)
        (group,), _ = group_runs(
            find_runs([folder, folder.with_name(str(int(folder.name) - 1))])[0]
        )
        chart = draw_all(PictureMetrics(group), "").get("paths")
        return (chart.svg.count('id="paths-axes_'), chart.caption) if chart else (0, "")

    both = drawn(precision=[1.0, 0.5, 1.0], unanimity=[1.0, 0.5, 1.0])
    assert both == (2, paths.CAPTION)
    one, caption = drawn(precision=[1.0, 1.0, 1.0], unanimity=[1.0, 0.5, 1.0])
    assert one == 1 and "At every step, 100 %: near real images (precision)." in caption
    assert drawn(precision=[1.0, 1.0, 1.0], unanimity=[0.5, 0.5, 0.5]) == (0, "")
