"""The content of a page on a group of comparable runs: sections of facts, tables, pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

from vae_lab.report import tables
from vae_lab.report.blocks import Block, Commands, Facts, Note, Section, Subheading
from vae_lab.report.chart_style import Drawing
from vae_lab.report.charts import draw_all
from vae_lab.report.conclusions_bound import topics_of_bounds
from vae_lab.report.conclusions_pictures import topics_of_pictures
from vae_lab.report.gallery import Cards, Gallery, Strips, gallery_of
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import PictureMetrics

NO_CHART = Note("Not recorded in these runs.")

NO_PICTURES = Note("These runs drew none: train with callbacks=default.")

RESULTS_NOTE = (
    "± is the standard error over the test images; where there are several seeds, mean and spread "
    "(standard deviation) over the seeds. “best” is the highest bound; “tie”: cannot be told apart "
    "from it, image by image or over seeds."
)

CURVES_CAPTION = (
    "One line a run, one colour a setting. The training bound is a mean over the epoch, while the "
    "weights moved. First epochs may lie outside the frame."
)

BOUND_CAPTION = (
    "Each mark is a run. The bound is minus the sum of both terms: on a dashed line it is the "
    "same, and it is better towards the lower left. Where one number varies, such as beta, a line "
    "joins its values."
)

PATHS_CAPTION = (
    "How plausible the points are on the way, over many pairs of test images of different labels."
)

RECONSTRUCTIONS_NOTE = "Reconstructions are by the posterior mean, of validation images."

SAMPLES_NOTE = (
    "Mean images of draws from the prior. Runs with the same number of latent dimensions decode "
    "the same draws."
)

INTERPOLATIONS_NOTE = (
    "At both ends the originals; between them decoded points, equally spaced between the two "
    "posterior means."
)

CONCLUSIONS_NOTE = (
    "≠ a difference beyond chance (2 standard errors, or a 95 % t interval) · ≈ none that can be "
    "told · ? not known. With one seed, a sentence speaks of these weights: how far another "
    "training would land was not measured. With many comparisons, one in twenty of those without a "
    "difference will seem to have one."
)


@dataclass(frozen=True)
class Chart(Block):
    """A chart with its caption; `file` is its name beside the Markdown page."""

    drawing: Drawing
    file: str
    caption: str

    @property
    def files(self) -> dict[str, bytes]:
        return {self.file: self.drawing.png}


def sections_of(group: Group, prefix: str) -> list[Section]:
    """Returns all there is to show of a group; `prefix` begins the names of its files."""
    metrics = PictureMetrics(group.runs)
    charts = {
        name: Chart(drawing, f"{prefix}{name}.png", CAPTIONS.get(name, drawing.alt))
        for name, drawing in draw_all(group, metrics).items()
    }
    conclusions = [*topics_of_bounds(group, metrics), *topics_of_pictures(group, metrics)]
    return [
        Section("run", "What was run", "What was run", _runs(group)),
        Section("results", "Results on the test images", "Results", _results(group)),
        *_charts_and_pictures(charts, gallery_of(group, prefix)),
        Section(
            *("seen", "What is to be seen", "What is to be seen"),
            [Note(CONCLUSIONS_NOTE), *conclusions],
        ),
    ]


CAPTIONS = {"curves": CURVES_CAPTION, "bound": BOUND_CAPTION, "paths": PATHS_CAPTION}


def _runs(group: Group) -> list[Block]:
    commands = Commands(tables.commands(group.runs))
    return [Facts(tables.facts(group)), Subheading("To run it again"), commands]


def _results(group: Group) -> list[Block]:
    several_seeds = len(group.runs) > len(group.settings)
    every_run = [tables.every_run(group)] if several_seeds or group.keys else []
    warnings = [Note(f"{run.name}: {text}") for run in group.runs for text in run.result.warnings]
    return [tables.results(group), Note(RESULTS_NOTE), *every_run, *warnings]


def _charts_and_pictures(charts: Mapping[str, Chart], gallery: Gallery) -> list[Section]:
    samples, maps, scatters = (
        _or_note(gallery.whole[kind]) for kind in ("samples", "latent_map", "latent_scatter")
    )
    return [
        Section(
            "curves", "Training and validation curves", "Curves", [charts.get("curves", NO_CHART)]
        ),
        Section("bound", "The parts of the bound", "The bound", [charts.get("bound", NO_CHART)]),
        Section(
            *("reconstructions", "Reconstructions", "Reconstructions"),
            [_or_note(gallery.reconstructions), Note(RECONSTRUCTIONS_NOTE)],
        ),
        Section(
            *("samples", "Samples", "Samples"),
            [*([Note(gallery.note)] if gallery.note else []), samples, Note(SAMPLES_NOTE)],
        ),
        Section(
            *("interpolations", "Interpolations", "Interpolations"),
            [
                _or_note(gallery.interpolations),
                Note(INTERPOLATIONS_NOTE),
                *([charts["paths"]] if "paths" in charts else []),
            ],
        ),
        Section(
            *("latent", "Latent maps and scatters", "Latent space"),
            [Subheading("Maps"), maps, Subheading("Scatters"), scatters],
        ),
        Section("kl", "KL per dimension", "KL per dimension", [charts.get("kl", NO_CHART)]),
    ]


def _or_note(pictures: Strips | Cards) -> Block:
    """Returns pictures as they are, or, if there are none, what to do about it."""
    return pictures if pictures.files else NO_PICTURES
