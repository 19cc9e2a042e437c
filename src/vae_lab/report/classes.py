"""What runs that are given labels know of the classes: their classifiers, as a table.

Numbers are those of the test images. Log loss and bound in nats per image.
"""

from collections.abc import Callable

from vae_lab.report.blocks import Block, Cell, Note, Table
from vae_lab.report.colours import styles
from vae_lab.report.conditions import SOME_LABELS, condition_of
from vae_lab.report.evaluated import Evaluated
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.statistics import Sample
from vae_lab.report.tables import sample_cell
from vae_lab.report.wording import counted, shown

ACCURACY = "bayes_accuracy"

CALIBRATION = "bayes_calibration_error"

# The numbers by Bayes' rule, and their headings.
BAYES = {
    ACCURACY: "accuracy by Bayes",
    CALIBRATION: "calibration error",
    "bayes_log_loss": "log loss",
    "summed_bound": "bound on log p(x)",
}

# What a calibrated classifier of these images has, by chance.
IF_CALIBRATED = "if_calibrated"

NOTE = (
    "By Bayes: p(y|x) = p(y) p(x|y) / p(x), with p(y) the shares of the classes and bounds instead "
    "of log p(x|y). by chance: the calibration error on as many images if all probabilities are "
    "right; compare with it, not with 0. The bound on log p(x) sums over the classes."
)

CLASSIFIER_NOTE = "Accuracy of q(y|x): the classifier that was trained for images without a label."

# Returns a number of a setting.
Source = Callable[[Setting, str], Sample | None]


def section(metrics: PictureMetrics) -> list[Block]:
    """Returns the table of a group and what it is measured on; [] without such numbers."""
    group = metrics.group
    evaluated = Evaluated(group, (ACCURACY,))
    # Evaluations take more images; without them there is what every run measures at its end.
    is_evaluated = evaluated.record is not None and not evaluated.missing
    source = evaluated if is_evaluated else metrics
    table = _table(group, source)
    if table is None:
        return []
    notes = [CLASSIFIER_NOTE] if _trained(group) else []
    if protocol := _protocol(source, group):
        notes += [NOTE, protocol]
    return [table, Note(" ".join(notes))]


def _trained(group: Group) -> bool:
    return any(setting.sample("accuracy") for setting in group.settings)


def _table(group: Group, source: Evaluated | PictureMetrics) -> Table | None:
    """Returns a row per setting; None if nothing was measured."""
    settings = group.settings
    columns: dict[str, list[Cell]] = {}
    if all(condition_of(run) == SOME_LABELS for run in group.runs):
        columns["known labels"] = [_known(setting) for setting in settings]
        trained = [it.sample("accuracy") for it in settings]
        if any(trained):
            cells = [sample_cell(it and it._replace(is_share=True)) for it in trained]
            columns["accuracy of q(y|x)"] = cells
    for name, heading in BAYES.items():
        samples = [source.sample(setting, name) for setting in settings]
        if any(samples):
            columns[heading] = list(map(sample_cell, samples))
        if any(samples) and name == CALIBRATION:
            columns["by chance"] = [_by_chance(source, setting) for setting in settings]
    if not columns.keys() - {"known labels"}:
        return None
    looks = styles(group)
    names = [Cell(setting.label, setting.label) for setting in settings]
    rows = [list(row) for row in zip(names, *columns.values(), strict=True)]
    colours = [looks[id(setting)].on_both for setting in settings]
    return Table(["setting", *columns], rows, colours=colours)


def _known(setting: Setting) -> Cell:
    """Returns how many labels the runs of a setting are given."""
    condition = str(setting.runs[0].result.protocol["condition"])
    count = "".join(filter(str.isdecimal, condition)) or "0"
    return Cell(f"{int(count):,}", float(count))


def _by_chance(source: Evaluated | PictureMetrics, setting: Setting) -> Cell:
    """Returns the calibration error that a setting has if its probabilities are right."""
    numbers = source.numbers(setting, CALIBRATION)
    known = [it.details[IF_CALIBRATED] for it in numbers if IF_CALIBRATED in it.details]
    if not known:
        return Cell("–", float("-inf"))
    mean = sum(known) / len(known)
    return Cell(shown(mean, mean / 10), mean)


def _protocol(source: Evaluated | PictureMetrics, group: Group) -> str:
    """Returns what the numbers by Bayes' rule are measured on; empty if there are none."""
    numbers = [it for setting in group.settings for it in source.numbers(setting, ACCURACY)]
    if not numbers:
        return ""
    protocol = numbers[0].protocol
    images, samples = (protocol.get(key) for key in ("images", "samples"))
    return f"Measured on {counted(images or 0, 'test image')}, {samples} draws of q(z|x, y) each."
