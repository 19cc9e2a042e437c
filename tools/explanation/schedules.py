"""The learning rate's schedules, as factors on its peak."""

from explanation.style import LINES, new_figure, plain
from matplotlib.figure import Figure

from vae_lab.optimizers import learning_rate_factor

STEPS = 1000


def draw_schedules() -> Figure:
    """Draws the three schedules over the share of the steps done."""
    figure = new_figure(2.2)
    axis = figure.subplots()
    progress = [step / STEPS for step in range(STEPS + 1)]
    for name, colour in zip(("one_cycle", "constant", "tripling"), LINES, strict=True):
        factor = learning_rate_factor(name, 0.3)
        axis.plot(progress, list(map(factor, progress)), color=colour, lw=1.6, label=name)
    axis.set(xlim=(0, 1), ylim=(0, 1.05), xlabel="share of the steps done", ylabel="factor")
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    plain(axis)
    return figure
