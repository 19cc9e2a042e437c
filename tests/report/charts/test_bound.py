"""The chart of the parts of the bound."""

from pathlib import Path

import pytest
from fake_runs import write_run
from matplotlib.figure import Figure

from vae_lab.report.charts import bound
from vae_lab.report.grouping import group_runs
from vae_lab.report.runs import find_runs


@pytest.mark.parametrize("betas", [(0.5, 1.0, 4.0), (0.5, 4.0), ("a", "b", "c")])
def test_the_values_of_a_single_number_are_joined_in_their_order(
    tmp_path: Path, betas: tuple[object, ...]
) -> None:
    for place, beta in enumerate(reversed(betas)):
        write_run(
            tmp_path / f"run{place}", elbo=-100.0 - place, config={"objective": {"beta": beta}}
        )
    runs, _ = find_runs([tmp_path])
    (group,) = group_runs(runs)[0]
    axis = Figure().subplots()
    bound.path_through(axis, group)
    if betas != (0.5, 1.0, 4.0):
        assert not axis.lines
        return
    (line,) = axis.lines
    assert line.get_ydata() == pytest.approx([96.0, 95.0, 94.0]), "by beta, not by folder"
    assert line.get_xdata() == pytest.approx([6.0] * 3)
