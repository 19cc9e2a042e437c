"""Forest plots: which pairs they show, and what is drawn of each."""

from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_run
from matplotlib.figure import Figure

from vae_lab.report import forest
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.grouping import group_runs
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs


def compared(folder: Path) -> tuple[PictureMetrics, Comparisons]:
    (group,), _ = group_runs(find_runs([folder])[0])
    metrics = PictureMetrics(group)
    return metrics, Comparisons([metrics])


def test_each_pair_of_one_key_is_a_row_the_better_setting_first(tmp_path: Path) -> None:
    for z, model, bound in ((2, "a", -160.0), (2, "b", -157.0), (9, "a", -130.0), (9, "b", -115.0)):
        write_run(tmp_path / f"{model}{z}", elbo=bound, latent_dim=z, choices={"model": model})
    rows = dict(forest.rows_of(*compared(tmp_path)))
    assert {label: row["elbo"].value for label, row in rows.items()} == pytest.approx(
        {"a z9 − a z2": 30.0, "b z2 − a z2": 3.0, "b z9 − a z9": 15.0, "b z9 − b z2": 42.0}
    )
    assert rows["b z2 − a z2"]["recon"].value == pytest.approx(-3.0)
    (chart,) = forest.forest(*compared(tmp_path), "part1-")
    assert chart.file == "part1-differences-1.png"
    assert chart.alt.startswith("test bound, nats: 4 of 4 differences are significant;")


def test_of_many_settings_the_neighbouring_levels_are_compared(tmp_path: Path) -> None:
    for place in range(20):
        config = {"objective": {"beta": place // 4}}
        write_run(
            tmp_path / f"run{place}", elbo=-100.0 - place, config=config, latent_dim=1 + place % 4
        )
    rows = forest.rows_of(*compared(tmp_path))
    assert len(rows) == 3 + 4
    assert rows[0][0] == "2 latent dimensions − 1 latent dimension"
    assert rows[-1][1]["elbo"].value == pytest.approx(-4.0)


def test_a_significant_difference_is_filled_with_its_interval(tmp_path: Path) -> None:
    for z, bound in ((2, -150.0), (9, -140.0), (10, -140.001)):
        write_run(tmp_path / f"z{z}", elbo=bound, latent_dim=z)
    rows = forest.rows_of(*compared(tmp_path))
    axis = Figure().subplots()
    forest._draw(axis, [row["elbo"] for _, row in rows])
    marks = [line for line in axis.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() != "none" for line in marks] == [True, True, False]
    ends = [np.asarray(line.get_xdata()).tolist() for line in axis.lines]
    for _, row in rows:
        assert list(row["elbo"].interval or ()) in ends


def test_settings_that_are_alone_have_no_plot(tmp_path: Path) -> None:
    write_run(tmp_path / "a", elbo=-150.0)
    assert forest.forest(*compared(tmp_path), "") == []
