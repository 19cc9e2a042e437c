"""The content of a page on a group of comparable runs: the answer first, then its evidence."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vae_lab.report import (
    anatomy,
    classes,
    disentanglement,
    gallery,
    latent_pictures,
    likelihoods,
    tables,
)
from vae_lab.report.blocks import Answer, Block, Chart, Commands, Facts, Note, Section, Subheading
from vae_lab.report.charts import draw_all
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.conditions import note, said
from vae_lab.report.findings import answer
from vae_lab.report.forest import forest
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import DISTANCE_NAME, METHODS, PictureMetrics
from vae_lab.report.wording import counted

NO_CHART = Note("Not recorded in these runs.")

SEEDS_NOTE = "sd: standard deviation over seeds."
BEST_NOTE = "best: highest test bound; tie: not significantly lower."
TERMS_NOTE = "Nats per image: the bound is -(reconstruction + KL)."

RECONSTRUCTIONS_NOTE = Note("Decoded at the posterior mean of validation images.")

SAMPLES_NOTE = Note("Decoded prior draws: the same draws if the latent dimension is the same.")

INTERPOLATIONS_NOTE = Note("Between the originals at both ends: equal steps in the latent space.")

DIFFERENCES_NOTE = (
    "Filled: significant, p < 5 % after Holm's correction for all {count} of this page. Lines are "
    "95 % intervals of one comparison by itself. The best setting is chosen on the test images, so "
    "its value is slightly optimistic."
)

GAPS_TITLE = "Why the bound is below log p(x)"

METRICS_NOTE = (
    "Brackets: 95 % interval. Sharpness: root mean square step between neighbouring pixels, "
    "divided by their standard deviation. Contrast: standard deviation of the pixels. {distance} "
    "Measured on {protocol}."
)

LABELS_NOTE = (
    "Per cent, by the classifier; ± is the standard error. Map: equal steps over [-1.5, 1.5]². "
    "Centre: the disc around 0 with a tenth of the prior."
)


class Content(NamedTuple):
    """The first screen of a group, answer, pictures and table; and the sections below it."""

    answer: Answer
    overview: Block
    results: list[Block]
    sections: list[Section]


def content_of(
    metrics: PictureMetrics, comparisons: Comparisons, prefix: str, most_findings: int
) -> Content:
    """Returns all there is to show of a group; `prefix` begins the names of its pictures' files."""
    group, charts = metrics.group, draw_all(metrics, prefix)
    gaps = anatomy.section(group, charts.get("gaps"), prefix)
    sections = [
        *_pictures(group, charts, prefix),
        Section("likelihoods", "Likelihoods", likelihoods.section(group)),
        Section("anatomy", said(GAPS_TITLE, group.runs), gaps, "Gaps"),
        Section("classifiers", "Classifiers", classes.section(metrics)),
        Section("factors", "Known factors", disentanglement.section(group, prefix)),
        _differences(metrics, comparisons, prefix),
        _metrics(metrics),
        _run(group),
    ]
    filled = [section for section in sections if section.blocks]
    overview = gallery.overview(group, prefix)
    first = answer(metrics, comparisons, most_findings)
    return Content(first, overview, _results(group, comparisons), filled)


def without_repeats(content: Content, known: set[str]) -> Content:
    """Returns the content without the explanations that an earlier part of the page has.

    `known` are their texts, and gets those of this content. A section that is nothing but
    explanations keeps them.
    """
    texts: set[str] = set()

    def kept(blocks: Sequence[Block]) -> list[Block]:
        found: list[Block] = []
        for block in blocks:
            text = _explanation(block)
            texts.add(text)
            if text not in known:
                found.append(block)
            elif isinstance(block, Chart):
                found.append(block._replace(caption=""))
        is_empty = all(isinstance(block, Note | Subheading) for block in found)
        return list(blocks) if is_empty else found

    sections = [it._replace(blocks=kept(it.blocks)) for it in content.sections]
    content = content._replace(results=kept(content.results), sections=sections)
    known |= texts - {""}
    return content


def _explanation(block: Block) -> str:
    if isinstance(block, Chart):
        return block.caption
    return block.text if isinstance(block, Note) else ""


def _results(group: Group, comparisons: Comparisons) -> list[Block]:
    several_seeds = any(len(setting.runs) > 1 for setting in group.settings)
    notes = [SEEDS_NOTE] if several_seeds else []
    notes += [BEST_NOTE] if len(group.settings) > 1 else []
    # A bound of k weighted draws is not the difference of its two terms.
    kinds = {run.result.protocol.get("bound", "elbo") for run in group.runs}
    notes += [TERMS_NOTE] if kinds == {"elbo"} else []
    notes += [given] if (given := note(group.runs)) else []
    return [*tables.results(group, comparisons), *([Note(" ".join(notes))] if notes else [])]


def _pictures(group: Group, charts: Mapping[str, Chart], prefix: str) -> list[Section]:
    curves, bound, kl = (charts.get(name, NO_CHART) for name in ("curves", "bound", "kl"))
    samples = gallery.whole_samples(group, prefix)
    reconstructions = _explained(gallery.reconstruction_strips(group, prefix), RECONSTRUCTIONS_NOTE)
    paths = [charts["paths"]] if "paths" in charts else []
    strips = gallery.interpolation_strips(group, prefix)
    interpolations = [*_explained(strips, INTERPOLATIONS_NOTE), *paths]
    latent = latent_pictures.blocks(group, prefix) or [gallery.NO_PICTURES]
    chosen = gallery.selection_notes(group)
    by_class = gallery.whole_classes(group, prefix)
    return [
        Section("curves", "Training and validation curves", [curves], "Curves", True),
        Section("samples", "Samples", [*chosen, *_explained(samples, SAMPLES_NOTE)], is_open=True),
        *([Section("classes", "Classes", by_class, is_open=True)] if by_class else []),
        Section("latent", "Latent maps and scatters", latent, "Latent space", True),
        Section("reconstructions", "Reconstructions", reconstructions),
        Section("interpolations", "Interpolations", interpolations),
        Section("bound", "Reconstruction term and KL", [bound], "Parts of the bound"),
        Section("kl", "KL per dimension", [kl]),
    ]


def _explained(pictures: Block, note: Note) -> list[Block]:
    """Returns pictures with what they are; without pictures there is nothing to explain."""
    return [pictures] if pictures is gallery.NO_PICTURES else [pictures, note]


def _differences(metrics: PictureMetrics, comparisons: Comparisons, prefix: str) -> Section:
    plots = forest(metrics, comparisons, prefix)
    note = Note(DIFFERENCES_NOTE.format(count=counted(comparisons.count, "comparison")))
    return Section("differences", "Differences", [*plots, note] if plots else [])


def _metrics(metrics: PictureMetrics) -> Section:
    blocks: list[Block] = []
    if table := tables.picture_metrics(metrics):
        known = {name for name in metrics.by_method(DISTANCE_NAME) if name in METHODS}
        distances = [f"Distance by {name}: {METHODS[name]}." for name in METHODS if name in known]
        note = METRICS_NOTE.format(distance=" ".join(distances), protocol=metrics.protocol())
        blocks += [table, Note(note)]
    if shares := tables.label_shares(metrics):
        blocks += [Subheading("Share of each label"), shares, Note(LABELS_NOTE)]
    return Section("pictures", "Measured on the pictures", blocks, "Picture metrics")


def _run(group: Group) -> Section:
    several_seeds = len(group.runs) > len(group.settings)
    has_remarks = any(run.result.note or run.result.tags for run in group.runs)
    show_all = several_seeds or group.keys or has_remarks
    every_run = [tables.every_run(group)] if show_all else []
    warnings = tables.warnings(group)
    blocks = [
        Facts(tables.facts(group)),
        Subheading("To run it again"),
        Commands(tables.commands(group.runs)),
        Subheading("To see the runs in TensorBoard"),
        Commands([tables.board_command(group.runs)]),
        *every_run,
        *([warnings] if warnings.rows else []),
    ]
    return Section("run", "How it was run", blocks)
