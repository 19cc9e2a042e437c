"""The addresses at which TensorBoard answers a question without a setting changed by hand.

TensorBoard takes some settings from its address (pinned cards, smoothing, a filter of tags) and
others only from the browser's storage ("Link by step", the width of the cards). So a link leads to
a small page on the same server, which stores the latter and then opens the former.
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from vae_lab.ownership import COMPARISON
from vae_lab.terminal import printable

# Both losses, and the pictures of all runs in one; they come first by their names.
SIDE_BY_SIDE = rf"^({COMPARISON}/|loss/(train|val)$)"

# Both losses, and the two kinds of pictures in which models differ; they exist for every model.
# By a filter: pictures that are pinned do not follow the epoch of a chart.
BY_EPOCH = r"^(loss/(train|val)|reconstructions/\w+|samples/prior)$"

PINNED = [{"plugin": "scalars", "tag": tag} for tag in ("loss/train", "loss/val")]

# Pictures follow the epoch of a marker dragged in any chart, the cards get the pane's room, curves
# are as they are, and no chart cuts off what it takes for outliers: the end of the best run. What
# comes after the page was opened is shown too.
STORED = {
    "linkedTimeEnabled": True,
    "timeSeriesSettingsPaneOpened": False,
    "ignoreOutliers": False,
    "scalarSmoothing": 0,
    "autoReload": True,
    "autoReloadPeriodInMs": 30_000,
}

# Pixels that a card of the Time Series tab has at least: TensorBoard's own, and for pictures of
# all runs, two a row on a screen of 1,440.
CARD, WIDE_CARD = 335, 480

PREFIX = "/open/"


class Link(NamedTuple):
    """What there is to see: in a few words, at which path, and more of it."""

    title: str
    path: str
    text: str


def tensorboard_url(name: str) -> str | None:
    """Returns the address in TensorBoard that a link leads to; None if there is no such link."""
    kind, _, group = name.partition("/")
    if name == "compare":
        setting = f"tagFilter={quote(SIDE_BY_SIDE, safe='')}"
    elif name == "epochs":
        setting = f"tagFilter={quote(BY_EPOCH, safe='')}"
    elif name == "losses":
        setting = f"pinnedCards={quote(json.dumps(PINNED), safe='')}"
    elif name == "charts":
        return "/?board#custom_scalars&_smoothingWeight=0"
    elif kind == "pictures" and group:
        pattern = f"^{re.escape(group)}/"
        setting = f"tagFilter={quote(pattern, safe='')}"
    else:
        return None
    return f"/?smoothing=0&{setting}#timeseries"


def settings(name: str) -> dict[str, Any]:
    """Returns what a link stores in the browser."""
    width = WIDE_CARD if name in ("compare", f"pictures/{COMPARISON}") else CARD
    return {**STORED, "timeSeriesCardMinWidth": width}


def explorer_link(path: Path, source: Path, number: int) -> Link:
    """Returns the link to an explorer in a source, which has a number."""
    place = "/".join(quote(os.fsencode(part), safe="") for part in path.relative_to(source).parts)
    title = printable(f"explorer of {path.parent.resolve().name}")
    text = "move in the latent space, encode images"
    return Link(title, f"{PREFIX}report/{number}/{place}", text)


def links(
    kinds: Sequence[str],
    *,
    has_projector: bool,
    reports: Sequence[Link],
    explorers: Sequence[Link],
) -> list[Link]:
    """Returns what there is to see of runs that drew some kinds of pictures."""
    found = [
        Link("side by side", "/open/compare", "the losses, and one picture of all runs per kind"),
        *reports,
        Link(
            "epoch by epoch",
            "/open/epochs",
            "losses and pictures of each run: drag the marker of a chart, and all show that epoch",
        ),
        Link("losses, then all charts", "/open/losses", "both losses on top, all else below"),
        Link("table of the runs", "/?board#hparams", "settings and test results, a row per run"),
        Link(
            "train and validation",
            "/open/charts",
            "the validation curve, and the distance to the training curve as an area",
        ),
        Link("configurations", "/?board#text", "the command and the configuration of each run"),
    ]
    if COMPARISON not in kinds:
        del found[0]
    if has_projector:
        text = "latent codes of images, with their labels"
        found.append(Link("latent space in 3-D", "/?board#projector", text))
    pictures = [
        Link(f"pictures: {kind}", f"{PREFIX}pictures/{quote(kind, safe='')}", "of each run")
        for kind in kinds
        if kind != COMPARISON
    ]
    return [*found, *explorers, *pictures]
