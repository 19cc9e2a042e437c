"""The page of one run or several, `explorer.html`: everything in one file, without a network."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vae_lab.callbacks.drawing.style import PALETTE
from vae_lab.callbacks.figures_page import link_explorer
from vae_lab.files import write_text
from vae_lab.ownership import check_replaceable

if TYPE_CHECKING:
    from vae_lab.explorer.content import TrainedRun

_HERE = Path(__file__).parent

# The scripts in their order: a file uses names of those before it when it is read, and any others
# later.
SCRIPTS = (
    *("maths/arrays", "maths/random", "maths/matrices", "maths/convolutions"),
    *("maths/activations", "maths/layers", "maths/likelihoods", "maths/priors"),
    *("maths/posteriors", "maths/ellipse", "maths/lattice", "maths/model"),
    *("maths/true_posterior/decoded_points", "maths/true_posterior/best_gaussian"),
    "maths/true_posterior/grid",
    *("view/elements", "view/pixels", "view/classes/labels", "view/store", "view/lab"),
    *("view/address", "view/picture", "view/save", "view/talk", "view/head"),
    *("view/plane/geometry/window", "view/plane/geometry/contours"),
    *("view/plane/drawing/slices", "view/plane/drawing/map", "view/plane/drawing/codes"),
    *("view/plane/drawing/prior", "view/plane/drawing/axes", "view/plane/drawing/scene"),
    *("view/true_posterior/density", "view/true_posterior/close_up", "view/true_posterior/grids"),
    *("view/plane/controls/pointer", "view/plane/controls/sliders", "view/plane/controls/choice"),
    *("view/plane/controls/legend", "view/plane/figure", "view/plane/plane"),
    *("view/image/drawing/preparation", "view/image/drawing/steps", "view/image/drawing/pad"),
    *("view/image/drawing/class_choice", "view/image/drawing/drawing", "view/image/choice"),
    *("view/image/pictures", "view/image/posterior", "view/image/statistics", "view/image/bound"),
    *("view/image/sampling", "view/true_posterior/anatomy", "view/image/card", "view/image/image"),
    *("view/strips/paths", "view/strips/decoding", "view/strips/interpolation"),
    *("view/strips/samples", "view/classes/bayes", "view/classes/classes", "view/main"),
)


def write_explorer(
    path: Path, runs: "Sequence[TrainedRun]", title: str, settings: Mapping[str, Any]
) -> None:
    """Writes the page of runs; `settings` are those of conf/explorer.

    The page of a run's pictures beside it gets a link.

    Raises:
        UserError: In its place is a file that VAE Lab did not write, or a link.
    """
    from vae_lab.explorer.content import page_content  # torch

    check_replaceable(path.parent, [path.name])
    write_page(path, *page_content(runs, title, settings))
    link_explorer(path)


def write_page(path: Path, payload: Mapping[str, Any], arrays: str) -> None:
    """Writes a page, whole or not at all; `arrays` are in base64 (see `arrays.py`)."""
    write_text(path, page(payload, arrays))


def page(payload: Mapping[str, Any], arrays: str) -> str:
    """Returns the text of a page."""
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("explorer.html").render(
        **{key: payload[key] for key in ("title", "written_by", "written", "docs")},
        is_conditional=any("classes" in run for run in payload["runs"]),
        payload=_in_script(json.dumps({**payload, "palette": PALETTE})),
        arrays=arrays,
        styles=Markup((_HERE / "templates" / "explorer.css").read_text(encoding="utf-8")),
        scripts=Markup(scripts(SCRIPTS)),
    )


def scripts(names: Iterable[str]) -> str:
    """Returns the text of scripts, in their order, without their comments."""
    texts = ((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in names)
    return "\n".join(re.sub(r"^ *//.*\n", "", text, flags=re.MULTILINE) for text in texts)


def _in_script(text: str) -> Markup:
    """Returns JSON for a script element: no letter in it can end the element."""
    return Markup(text.replace("<", "\\u003c"))
