"""The colours of runs in TensorBoard: those that the report gives their settings."""

from collections.abc import Sequence
from pathlib import Path

from vae_lab.board.adaptations import RunColour
from vae_lab.report.colours import styles
from vae_lab.report.grouping import group_runs
from vae_lab.report.runs import find_runs


def run_colours(folders: Sequence[Path]) -> dict[Path, RunColour]:
    """Returns the colours of the finished runs of some folders, by the path of each run.

    Raises:
        UserError: A folder does not exist, or there is no finished run.
    """
    groups, _ = group_runs(find_runs(folders)[0])
    colours: dict[Path, RunColour] = {}
    for group in groups:
        of_settings = styles(group)
        for setting in group.settings:
            style = of_settings[id(setting)]
            for run in setting.runs:
                colours[run.path.resolve()] = RunColour(style.colour, style.on_dark)
    return colours
