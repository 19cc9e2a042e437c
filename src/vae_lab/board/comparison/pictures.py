"""The pictures of all runs of a group, a kind at a time, from the last pictures of each run."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae_lab.board.comparison.curves import curves
from vae_lab.board.comparison.layout import Entry, in_rows, side_by_side
from vae_lab.report.colours import styles
from vae_lab.report.conditions import said
from vae_lab.report.grouping import Group, Setting, in_colour
from vae_lab.report.run_pictures import last_picture
from vae_lab.report.runs import Run
from vae_lab.report.strips import first, interpolations, reconstructions, samples
from vae_lab.report.wording import shown

# Runs in one picture, and rows of interpolations.
MOST_RUNS, MOST_PATHS = 12, 12

NUM_IMAGES = 10  # of a row

# Pictures that stand side by side, with what they show; of a grid of images without its captions.
WHOLE = {
    "latent_map": ("Decoded points of the latent plane.", True),
    "latent_scatter": ("Posterior means of validation images, coloured by label.", False),
    "kl_per_dim": ("The KL of each latent dimension, the largest first.", False),
    "traversals": ("Decoded images while one latent dimension changes.", False),
    "quantile_map": ("Decoded points of the plane, each equally probable.", True),
    "classes": ("A draw of the prior a row, a class a column; of conditional models.", True),
}


class Row(NamedTuple):
    """A run as it is named in the pictures."""

    run: Run
    name: str
    note: str
    colour: str

    def entry(self, pixels: np.ndarray | Image.Image) -> Entry:
        image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
        return Entry(self.name, self.note, self.colour, image)


# A picture, and what it shows in words.
Comparison = tuple[Image.Image, str]


def comparisons(group: Group) -> Iterator[tuple[str, Comparison]]:
    """Yields for each kind its name and the picture of all runs, if a run drew some.

    TensorBoard orders cards by name: the number in front keeps the order.
    """
    rows, footer = _rows(group), _footer(group)
    kinds: dict[str, Callable[[Sequence[Row], str], Comparison | None]] = {
        "curves": lambda *_: curves(group),
        "reconstructions": _reconstructions,
        "samples": _samples,
        "kl_per_dim": partial(_whole, kind="kl_per_dim"),
        "interpolations": _interpolations,
        "latent_map": partial(_whole, kind="latent_map"),
        "latent_scatter": partial(_whole, kind="latent_scatter"),
        "traversals": partial(_whole, kind="traversals"),
        "quantile_map": partial(_whole, kind="quantile_map"),
        "classes": partial(_whole, kind="classes"),
    }
    for number, (kind, draw) in enumerate(kinds.items(), start=1):
        if comparison := draw(rows, footer):
            yield f"{number} {kind}", comparison


def _rows(group: Group) -> list[Row]:
    """Returns the rows in the order of the report: settings, or the seeds of a single one."""
    colours = {key: style.colour for key, style in styles(group).items()}
    if len(group.settings) == 1:
        (setting,) = group.settings
        return [
            Row(run, f"{setting.label}, seed {run.seed}", _bound(run), colours[id(setting)])
            for run in setting.runs[:MOST_RUNS]
        ]
    return [
        Row(setting.runs[0], setting.label, _bound(setting.runs[0]), colours[id(setting)])
        for setting in _settings(group)
    ]


def _settings(group: Group) -> list[Setting]:
    few = len(group.settings) <= MOST_RUNS
    return group.settings if few else in_colour(group)


def _bound(run: Run) -> str:
    """Returns the test bound of a run in nats per image, as far as its error allows."""
    bound = run.result.metrics.get("elbo/test")
    return "" if bound is None else shown(bound, run.result.standard_errors.get("elbo/test"))


def _footer(group: Group) -> str:
    """Returns what the numbers are, and which runs are shown if not all."""
    parts = [f"{group.title}; number: {said('test bound', group.runs)}, nats per image"]
    if len(chosen := _settings(group)) < len(group.settings):
        parts.append(f"{len(chosen)} of {len(group.settings)} settings")
    if len(group.settings) > 1 and any(len(setting.runs) > 1 for setting in chosen):
        parts.append("first seed of each")
    return "; ".join(parts)


def _reconstructions(rows: Sequence[Row], footer: str) -> Comparison | None:
    """Returns the originals of the first run, and the reconstructions of the same images."""
    originals: np.ndarray | None = None
    entries: list[Entry] = []
    for row in rows:
        if (strips := reconstructions(row.run, 1)) is None:
            continue
        of_run, decoded = (_few(row.run, strip) for strip in strips)
        if originals is None:
            originals = of_run
            entries.append(Entry("originals", "", "", Image.fromarray(of_run)))
        if np.array_equal(of_run, originals):
            entries.append(row.entry(decoded))
    if not entries:
        return None
    text = "Validation images, and the mean image of each run at their posterior means."
    return in_rows([("", entries)], footer), f"{text} {footer}."


def _samples(rows: Sequence[Row], footer: str) -> Comparison | None:
    drawn = {row: strip for row in rows if (strip := samples(row.run)) is not None}
    entries = [row.entry(_few(row.run, strip)) for row, strip in drawn.items()]
    text = "Mean images at prior draws, the same noise in runs of one latent dimension."
    return (in_rows([("", entries)], footer), f"{text} {footer}.") if entries else None


def _interpolations(rows: Sequence[Row], footer: str) -> Comparison | None:
    """Returns a block for each pair of images, as many as there is room for."""
    blocks: dict[str, list[Entry]] = {}
    for row in rows:
        for path in interpolations(row.run):
            blocks.setdefault(path.name, []).append(row.entry(path.pixels))
    if not blocks:
        return None
    chosen = list(blocks.items())[: max(1, MOST_PATHS // len(rows))]
    text = "Decoded points between the codes of two images, which stand at both ends."
    return in_rows(chosen, footer), f"{text} {footer}."


def _whole(rows: Sequence[Row], footer: str, *, kind: str) -> Comparison | None:
    text, is_grid = WHOLE[kind]
    drawn = {row: picture for row in rows if (picture := last_picture(row.run, kind))}
    entries = [
        row.entry(picture.image.crop(picture.box) if is_grid else picture.image)
        for row, picture in drawn.items()
    ]
    return (side_by_side(entries, footer), f"{text} {footer}.") if entries else None


def _few(run: Run, strip: np.ndarray) -> np.ndarray:
    return first(strip, NUM_IMAGES, run.folder.image_shape[-1])
