"""Eight objectives with one scale: where the codes lie, and the KL while training."""

from collections.abc import Mapping

import torch
from explanation.style import GREY, LINES, new_figure, plain, show_codes
from explanation.training import Trained
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

# In the order of the page.
ORDER = (
    *("elbo", "elbo_warmup", "elbo_cyclic", "elbo_free_bits"),
    *("elbo_capacity", "beta_tc", "iwae", "mmd"),
)
REACH, SMOOTH = 4.0, 10


@torch.no_grad()
def draw_objectives(trained: Mapping[str, Trained]) -> Figure:
    """Draws two rows of four: codes of the test images, and the KL of each step below them."""
    assert set(trained) == set(ORDER), "an objective of the folder is missing here, or too much"
    figure = new_figure(6.6)
    axes = figure.subplots(4, 4, height_ratios=[1.75, 1, 1.75, 1])
    for number, name in enumerate(ORDER):
        row, column = divmod(number, 4)
        codes, course = axes[2 * row, column], axes[2 * row + 1, column]
        recon, kl = trained[name].end()
        codes.set_title(f"{name}\nrecon {recon:.1f}, KL {kl:.1f}")
        _draw_codes(codes, trained[name])
        _draw_course(course, trained[name], is_first=column == 0)
    return figure


def _draw_codes(axis: Axes, trained: Trained) -> None:
    mean = trained.model.encode(trained.test_images).mean
    show_codes(axis, mean, trained.test_labels, reach=REACH)
    for radius in (1, 2):
        axis.add_patch(Circle((0, 0), radius, fill=False, color=GREY, lw=0.8))


def _draw_course(axis: Axes, trained: Trained, *, is_first: bool) -> None:
    kl = trained.course[:, 1].unfold(0, SMOOTH, SMOOTH).mean(dim=1)
    axis.plot([step / len(kl) for step in range(len(kl))], kl, color=LINES[0], lw=1.3)
    axis.set(yscale="log", ylim=(0.5, 50), xlim=(0, 1), xticks=[0, 1], yticks=[1, 10])
    axis.set_xticklabels(["start", "end"])
    axis.set_yticklabels(["1", "10"] if is_first else [])
    start, end = axis.get_xticklabels()
    start.set_horizontalalignment("left")
    end.set_horizontalalignment("right")
    axis.minorticks_off()
    if is_first:
        axis.set_ylabel("KL, nats")
    plain(axis)
