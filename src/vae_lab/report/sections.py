"""The content of a page on a group of comparable runs: sections of facts, tables, pictures."""

from vae_lab.report import conclusions_bound, conclusions_pictures, gallery, tables
from vae_lab.report.blocks import Block, Commands, Facts, Note, Section, Subheading
from vae_lab.report.charts import draw_all
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import PictureMetrics

NO_CHART = Note("Not recorded in these runs.")

RESULTS_NOTE = Note(
    "± is the standard error over the test images; where there are several seeds, mean and spread "
    "(standard deviation) over the seeds. “best” is the highest bound; “tie”: cannot be told apart "
    "from it, image by image or over seeds."
)

RECONSTRUCTIONS_NOTE = Note("Reconstructions are by the posterior mean, of validation images.")

SAMPLES_NOTE = Note(
    "Mean images of draws from the prior. Runs with the same number of latent dimensions decode "
    "the same draws."
)

INTERPOLATIONS_NOTE = Note(
    "At both ends the originals; between them decoded points, equally spaced between the two "
    "posterior means."
)

CONCLUSIONS_NOTE = Note(
    "≠ a difference beyond chance (2 standard errors, or a 95 % t interval) · ≈ none that can be "
    "told · ? not known. With one seed, a sentence speaks of these weights: how far another "
    "training would land was not measured. With many comparisons, one in twenty of those without a "
    "difference will seem to have one."
)


def sections_of(group: Group, prefix: str) -> list[Section]:
    """Returns all there is to show of a group; `prefix` begins the names of its files."""
    metrics = PictureMetrics(group)
    charts = draw_all(metrics, prefix)
    curves, bound, kl = (charts.get(name, NO_CHART) for name in ("curves", "bound", "kl"))
    samples, maps, scatters = (
        gallery.whole_pictures(group, kind, prefix) for kind in gallery.WHOLE
    )
    commands = Commands(tables.commands(group.runs))
    run = [Facts(tables.facts(group)), Subheading("To run it again"), commands]
    reconstructions = [gallery.reconstruction_strips(group, prefix), RECONSTRUCTIONS_NOTE]
    paths = [charts["paths"]] if "paths" in charts else []
    interpolations = [gallery.interpolation_strips(group, prefix), INTERPOLATIONS_NOTE, *paths]
    latent = [Subheading("Maps"), maps, Subheading("Scatters"), scatters]
    conclusions = [*conclusions_bound.topics(metrics), *conclusions_pictures.topics(metrics)]
    return [
        Section("run", "What was run", run),
        Section("results", "Results on the test images", _results(group), "Results"),
        Section("curves", "Training and validation curves", [curves], "Curves"),
        Section("bound", "The parts of the bound", [bound], "The bound"),
        Section("reconstructions", "Reconstructions", reconstructions),
        Section("samples", "Samples", [*gallery.selection_notes(group), samples, SAMPLES_NOTE]),
        Section("interpolations", "Interpolations", interpolations),
        Section("latent", "Latent maps and scatters", latent, "Latent space"),
        Section("kl", "KL per dimension", [kl]),
        Section("seen", "What is to be seen", [CONCLUSIONS_NOTE, *conclusions]),
    ]


def _results(group: Group) -> list[Block]:
    several_seeds = len(group.runs) > len(group.settings)
    every_run = [tables.every_run(group)] if several_seeds or group.keys else []
    warnings = [Note(f"{run.name}: {text}") for run in group.runs for text in run.result.warnings]
    return [tables.results(group), RESULTS_NOTE, *every_run, *warnings]
