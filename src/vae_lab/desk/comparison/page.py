"""The page of a comparison: both runs side by side, in the style of a report."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from vae_lab.desk.comparison.pair import NAMES, Compared, Pair
from vae_lab.desk.comparison.sentences import TEST_TITLE, cells, of_evaluations, result
from vae_lab.files import write_text
from vae_lab.report import gallery, latent_pictures
from vae_lab.report.blocks import Block, Cards, Cell, Commands, Note, Section, Subheading, Table
from vae_lab.report.chart_style import STYLE, finish
from vae_lab.report.colours import styles
from vae_lab.report.rendering import page_templates, written_now
from vae_lab.terminal import in_this_shell, printable

TEMPLATE = "compare.html"

BINS = 60

# A histogram shows the images between these quantiles, and says so.
QUANTILES = 0.001, 0.999


def write_page(pair: Pair, target: Path) -> None:
    """Writes the page, one file without anything from elsewhere."""
    templates = page_templates(target.parent, {}, Path(__file__).parent / "templates")
    page = templates.get_template(TEMPLATE).render(
        **written_now(),
        title=printable(f"{pair.labels[0]} and {pair.labels[1]}"),
        result=[printable(sentence) for sentence in result(pair)],
        numbers=[_numbers(pair.terms, TEST_TITLE)] if pair.terms else [],
        overview=gallery.overview(pair.group, ""),
        sections=[section for section in _sections(pair) if section.blocks],
    )
    write_text(target, page)


def _sections(pair: Pair) -> list[Section]:
    group = pair.group
    evaluated: list[Block] = []
    if pair.evaluated:
        evaluated = [_numbers(pair.evaluated, "evaluation"), Note(of_evaluations(pair))]
    decoded = gallery.reconstruction_strips(group, "")
    samples = _large(gallery.whole_samples(group, ""))
    latent = [_large(block) for block in latent_pictures.blocks(group, "")]
    return [
        Section("configuration", "Configuration", _configuration(pair), is_open=True),
        Section("images", "Difference per image", _histogram(pair), is_open=True),
        Section("reconstructions", "Reconstructions", [decoded], is_open=True),
        Section("samples", "Samples", [samples], is_open=True),
        Section("latent", "Latent space", latent, is_open=True),
        Section("interpolations", "Interpolations", [gallery.interpolation_strips(group, "")]),
        Section("evaluation", "Evaluation", evaluated),
        Section("again", "Commands", _commands(pair)),
    ]


def _large(block: Block) -> Block:
    """Returns pictures as large as two beside each other can be."""
    return block._replace(is_large=True) if isinstance(block, Cards) else block


def _configuration(pair: Pair) -> list[Block]:
    found = pair.differences
    rows = [
        [_text(row.key), *(_text(row.shown(name)) for name in NAMES)]
        for differing in found.groups.values()
        for row in differing
    ]
    note = Note(f"{found.num_equal} keys have the same value in both.")
    return [Table(["key", *pair.labels], rows), note] if rows else [note]


def _text(text: str) -> Cell:
    shown = printable(text)
    return Cell(shown, shown)


def _numbers(compared: Sequence[Compared], title: str) -> Table:
    """Returns a row per quantity: of A, of B, their difference with its interval."""
    rows = []
    for it in compared:
        words, *texts = cells(it)
        keys = (*(sample.mean for sample in it.samples), it.difference.value, it.difference.value)
        numbers = [Cell(text, key) for text, key in zip(texts, keys, strict=True)]
        rows.append([Cell(words, words), *numbers])
    return Table([title, *NAMES, "A - B", "95 % interval"], rows)


def _histogram(pair: Pair) -> list[Block]:
    """Returns how many test images have which difference of the bound."""
    values = pair.per_image
    if values is None:
        return []
    import numpy as np

    low, high = np.quantile(values, QUANTILES)
    looks = styles(pair.group)
    colours = [looks[id(setting)] for setting in pair.group.settings]
    with rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(8.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        counts, edges = np.histogram(values, bins=BINS, range=(low, high))
        # Right of 0 the bound of A is higher.
        for colour, is_side in zip(colours, (edges[:-1] >= 0, edges[:-1] < 0), strict=True):
            axes.bar(edges[:-1][is_side], counts[is_side], np.diff(edges)[is_side], align="edge",
                     color=colour.colour)  # fmt: skip
        axes.axvline(float(values.mean()), color=STYLE["text.color"], linewidth=1.2)
        axes.set_xlabel("bound of A minus bound of B, nats")
        axes.set_ylabel("test images")
    alt = f"Histogram of the difference of the bound over {len(values)} test images"
    caption = (
        "Right of 0, A has the higher bound of the image; left of 0, B. The line is the mean. The "
        "outermost images, 1 in 1,000 at each end, are not shown."
    )
    on_dark = {colour.colour: colour.on_dark for colour in colours}
    return [finish(figure, "difference", alt, caption, on_dark), *_extremes(pair)]


def _extremes(pair: Pair) -> list[Block]:
    """Returns the test images whose bounds differ most, by their place in the test set."""
    rows = [
        [
            Cell(f"{it.place}", it.place),
            *(Cell(f"{bound:.1f}", bound) for bound in it.bounds),
            Cell(f"{it.difference:.1f}", it.difference),
        ]
        for it in pair.extremes()
    ]
    if not rows:
        return []
    table = Table(["test image", *NAMES, "A - B"], rows)
    note = Note("The bound in nats. Images have the number of their place in the test set, from 0.")
    return [Subheading("Images that differ most"), table, note]


def _commands(pair: Pair) -> list[Block]:
    folders = [str(run.path) for run in pair.runs]
    report = shlex.join(["python", "-m", "vae_lab.report", *folders])
    return [
        Subheading("To run them again"),
        Commands([run.result.command for run in pair.runs]),
        Subheading("Curves, KL per dimension, findings: the report of both"),
        Commands([in_this_shell(report)]),
    ]
