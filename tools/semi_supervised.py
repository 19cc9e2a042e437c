"""The picture of docs/explanation/conditions.md: the error of q(y|x) against the number of labels.

    python tools/semi_supervised.py RUN_FOLDER [RUN_FOLDER ...]

The runs are those of experiment=semi_supervised. Each is a point, and a line leads through the mean
of each number of labels. Writes docs/images/semi_supervised.png, and prints the numbers.
"""

import sys
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from vae_lab.run_folder import RunFolder

PATH = Path(__file__).parents[1] / "docs" / "images" / "semi_supervised.png"


def errors_by_labels(folders: list[Path]) -> dict[int, list[float]]:
    """Returns the test errors of the runs in per cent, by their number of labels, ascending."""
    found = defaultdict(list)
    for folder in folders:
        result = RunFolder(folder).require_result()
        found[result.data["labelled"]["images"]].append(100 * (1 - result.metrics["accuracy/test"]))
    return dict(sorted(found.items()))


def drawn(errors: dict[int, list[float]]) -> Figure:
    """Returns the chart: a point per run, a line through the means."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for labels, values in errors.items():
        axes.plot([labels] * len(values), values, "o", color="#0f6cbd", alpha=0.6)
    axes.plot([*errors], [np.mean(values) for values in errors.values()], color="#0f6cbd")
    axes.set(xscale="log", xticks=[*errors], xlabel="training images with a label", ylim=(0, None))
    axes.set(
        ylabel="test error of q(y|x), %", title="Fewer errors with more labels", axisbelow=True
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.grid(axis="y", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    of_runs = errors_by_labels([*map(Path, sys.argv[1:])])
    for labels, values in of_runs.items():
        spread = np.std(values, ddof=1) if len(values) > 1 else float("nan")
        print(f"{labels} labels: {np.mean(values):.2f} %, spread {spread:.2f}, {len(values)} runs")
    drawn(of_runs).savefig(PATH, dpi=150)
