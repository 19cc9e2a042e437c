"""The content of a page on a group of comparable runs: sections of facts, tables, pictures."""

from vae_lab.report import conclusions_bound, conclusions_pictures, gallery, tables
from vae_lab.report.blocks import Block, Commands, Facts, Note, Section, Subheading
from vae_lab.report.charts import draw_all
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.wording import counted

NO_CHART = Note("Not recorded in these runs.")

RESULTS_NOTE = Note(
    "± is the standard error over the test images; where there are several seeds, mean and spread "
    "(standard deviation) over the seeds. “best” is the highest bound; “tie”: cannot be told apart "
    "from it, by the rule of the last section."
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

CONCLUSIONS_NOTE = (
    "≠ a difference beyond chance · ≈ none that can be told · ? not known. This page compares "
    "{count}: every pair of settings that differ in one key, and every pair of bounds. ≠ needs "
    "p < 5 % after Holm's correction for all of them, so a page of settings that are all alike "
    "says ≠ anywhere in at most 5 % of cases. ± and the intervals are of one comparison by itself; "
    "a share has its 95 % interval in brackets. "
    "With one seed, a sentence speaks of these weights: how far another training would land was "
    "not measured."
)


def sections_of(metrics: PictureMetrics, comparisons: Comparisons, prefix: str) -> list[Section]:
    """Returns all there is to show of a group; `prefix` begins the names of its files."""
    group, charts = metrics.group, draw_all(metrics, prefix)
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
    note = Note(CONCLUSIONS_NOTE.format(count=counted(comparisons.count, "difference")))
    rooms = (conclusions_bound, conclusions_pictures)
    conclusions = [topic for room in rooms for topic in room.topics(metrics, comparisons)]
    return [
        Section("run", "What was run", run),
        Section("results", "Results on the test images", _results(group, comparisons), "Results"),
        Section("curves", "Training and validation curves", [curves], "Curves"),
        Section("bound", "The parts of the bound", [bound], "The bound"),
        Section("reconstructions", "Reconstructions", reconstructions),
        Section("samples", "Samples", [*gallery.selection_notes(group), samples, SAMPLES_NOTE]),
        Section("interpolations", "Interpolations", interpolations),
        Section("latent", "Latent maps and scatters", latent, "Latent space"),
        Section("kl", "KL per dimension", [kl]),
        Section("seen", "What is to be seen", [note, *conclusions]),
    ]


def _results(group: Group, comparisons: Comparisons) -> list[Block]:
    several_seeds = len(group.runs) > len(group.settings)
    every_run = [tables.every_run(group)] if several_seeds or group.keys else []
    warnings = [Note(f"{run.name}: {text}") for run in group.runs for text in run.result.warnings]
    return [tables.results(group, comparisons), RESULTS_NOTE, *every_run, *warnings]
