"""The chart of the KL of each latent dimension."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vae_lab.report.chart_style import Drawing, drawn_lines
from vae_lab.report.grouping import Group
from vae_lab.report.runs import Run
from vae_lab.report.wording import listed

# From what a KL is measured unless a run names it: runs of before there were learned priors.
PRIOR = "prior"


def draw(group: Group) -> Drawing:
    """Returns the chart of the KL per dimension, from the prior or from what takes its place.

    A learned prior has no KL per dimension. Its runs have that from the aggregate posterior, which
    is another quantity. Dimensions of one rank are not the same in two runs: each is a step.
    """
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axis = figure.subplots()
    references = kl_references(group.runs)
    sizes: list[str] = []
    longest = 0
    for line in drawn_lines(group):
        for run in line.setting.runs:
            if not (kl := run.kl_per_dimension):
                continue
            text = f"{line.label} (from the {_reference(run)})" if references[1:] else line.label
            label = text if line.label and run is line.setting.runs[0] else None
            look = {**line.look, "linestyle": line_style(run, references)}
            axis.stairs(kl, np.arange(len(kl) + 1) + 0.5, baseline=None, **look)
            marks = {**line.with_marker, "linestyle": look["linestyle"]}
            axis.plot(np.arange(len(kl)) + 1, kl, label=label, **{**marks, "linewidth": 0})
            longest = max(longest, len(kl))
            if label:
                sizes.append(f"{text}: {kl[0]:.2f} to {kl[-1]:.2f}")
    if not longest:
        return None
    # The axis names what all runs share, if that is not the prior.
    shared = f" from the {references[0]}" if len(references) == 1 and references != [PRIOR] else ""
    axis.set(
        xlabel="latent dimension, by its KL",
        ylabel=f"KL{shared}, nats per image",
        ylim=(0, None),
        xlim=(0.4, longest + 0.6),
    )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    caption = _caption(references)
    return figure, f"{caption} In nats, {'; '.join(sizes)}.", caption


def _caption(references: Sequence[str]) -> str:
    what, unused = "KL of each latent dimension", "A dimension at 0 is not used."
    if len(references) == 1:
        return f"{what} from the {references[0]}, test images, largest first. {unused}"
    kinds = [f"from the {it}{'' if it == PRIOR else ' (dashed)'}" for it in references]
    return (
        f"{what}, test images, largest first: {listed(kinds)}, which are two quantities. {unused}"
    )


def line_style(run: Run, references: Sequence[str]) -> str:
    """Returns the style of a run's line: lines without a label differ too."""
    return "--" if len(references) > 1 and _reference(run) != PRIOR else "-"


def kl_references(runs: Sequence[Run]) -> list[str]:
    """Returns from what the runs have their KL per dimension, each reference once."""
    return list(dict.fromkeys(_reference(run) for run in runs if run.kl_per_dimension))


def _reference(run: Run) -> str:
    latent = run.result.latent
    # Older runs name it in prose, and those from before there were learned priors not at all.
    former = str(latent.get("kl_from", PRIOR)).removeprefix("the ")
    return str(latent.get("kl_reference", former))
