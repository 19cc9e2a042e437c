"""The picture of latent dimensions and known factors that an evaluation leaves in the run's folder.

It shows the number `factor_of_dimensions`: what each dimension tells of each factor.
"""

from pathlib import Path
from typing import Any

from vae_lab.callbacks.drawing.charts.matrix import Matrix, MatrixPanel
from vae_lab.callbacks.drawing.charts.plot import Heading
from vae_lab.callbacks.drawing.pixels import to_png
from vae_lab.callbacks.figures_page import Kind, show_on_page
from vae_lab.errors import in_one_line
from vae_lab.evaluate.factors.numbers import DIMENSIONS
from vae_lab.files import write_text
from vae_lab.run_folder import RunFolder
from vae_lab.terminal import print_warning

KIND = Kind(
    "factors",
    "What each latent dimension tells of each known factor. Above: the share of the factor's "
    "entropy, by bins of posterior means, less what chance gives. Below: how much a random forest "
    "uses the dimension to predict the factor; each row adds up to 1. A disentangled code has one "
    "dark cell in each row, and at most one in each column.",
)

# Of more dimensions those are drawn that tell most.
MOST_COLUMNS = 16

_PANELS = {"share of the factor's entropy": "information", "use by a random forest": "importance"}

SCALE = 2  # pixels of the file for each unit


def draw_factors(content: dict[str, Any], run: RunFolder, *, epochs_done: int) -> Path | None:
    """Draws the matrix of an evaluation, and returns the file; None without known factors.

    The numbers are kept before: a failure is one warning.
    """
    number = content.get("numbers", {}).get(DIMENSIONS)
    if number is None:
        return None
    try:
        path = run.figure(KIND.name, epochs_done)
        canvas = chart_of(number).layout()
        canvas.caption(f"{content['run']} \u00b7 epoch {epochs_done}")
        facts = {"picture": KIND.name, "epoch": epochs_done, **canvas.facts}
        to_png(canvas.image(SCALE), path, facts)
        write_text(path.with_name(f"{KIND.name}.svg"), canvas.svg())
        epochs = run.require_result().epochs or 0
        show_on_page(run, KIND, epochs_done=max(epochs, epochs_done))
    except Exception as error:
        words = f"the picture of factors failed: {in_one_line(error)}"
        print_warning(f"the numbers are kept, but {words}")
        return None
    return path


def chart_of(number: dict[str, Any]) -> Matrix:
    """Returns the chart of the number as it is kept; dimensions of a factor stand together."""
    names, titles, shares = number["factors"], number["titles"], list(number["value"].values())
    dims = sorted(range(len(shares)), key=lambda dim: -shares[dim])[:MOST_COLUMNS]
    places = {name: place for place, name in enumerate(names)}
    dims.sort(key=lambda dim: (places.get(titles[dim], len(names)), -shares[dim]))
    whole = len(shares)
    which = f"{len(dims)} of {whole} dimensions" if len(dims) < whole else f"all {whole} dimensions"
    return Matrix(
        heading=Heading("What each dimension tells of each factor", f"{which}, from 0 to 1"),
        panels=[
            MatrixPanel(
                name, [[number[key][dim][place] for dim in dims] for place in places.values()]
            )
            for name, key in _PANELS.items()
        ],
        rows=names,
        columns=[f"z[{dim}]" for dim in dims],
        axes=("latent dimension", ""),
    )
