"""Picture metrics of several seeds: means of all of them."""

from pathlib import Path

import pytest
from fake_runs import number, picture_metrics, write_run

from vae_lab.report.grouping import group_runs
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import find_runs


def test_shares_by_label_and_by_step_are_means_over_all_seeds(tmp_path: Path) -> None:
    for seed, share in enumerate((0.2, 0.5, 0.8)):
        found = picture_metrics(sharpness=0.3, precision=0.9)
        found["digits_of_samples"] = number({"3": share, "8": 1 - share}, None)
        found["unanimity_of_interpolations"] |= {"by_step": [1.0, share, 1.0]}
        write_run(tmp_path / f"s{seed}", elbo=-150.0, seed=seed, picture_metrics=found)
    (group,), _ = group_runs(find_runs([tmp_path])[0])
    (setting,), metrics = group.settings, PictureMetrics(group)
    shares = metrics.by_label(setting, "digits_of_samples")
    assert shares is not None and list(shares) == ["3", "8"]
    assert list(shares.values()) == pytest.approx([0.5, 0.5])
    steps = metrics.by_step(setting, "unanimity_of_interpolations")
    assert steps == pytest.approx([1.0, 0.5, 1.0])
