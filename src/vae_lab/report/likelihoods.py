"""What `python -m vae_lab.evaluate` found of a group's runs: numbers of one protocol, as a table.

Log-likelihoods and information in nats per image.
"""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from vae_lab.evaluations import overrides_of
from vae_lab.report.blocks import Block, Cell, Commands, Note, Subheading, Table
from vae_lab.report.conditions import said
from vae_lab.report.evaluated import Evaluated
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.tables import sample_cell
from vae_lab.report.wording import counted, listed, shown
from vae_lab.run_folder import COMMANDS, Number

# The numbers of the two tables, and their headings.
BOUNDS = {
    "iw_bound": "iw_bound",
    "exact": "exact",
    "annealed": "annealed",
    "sandwich": "sandwich",
    "gap_elbo_to_iw_bound": "gap",
    "bits_per_dimension": "bits per dimension",
}
CODES = {
    "knn_accuracy": "kNN accuracy",
    "linear_probe_accuracy": "linear accuracy",
    "precision": "precision",
    "recall": "recall",
    "mutual_information_lower": "information",
    "mutual_information_upper": "information, at most",
    "active_units": "active units",
}

# Names that a sentence lists; of more, it says how many.
MOST_NAMES = 4

BOUNDS_NOTE = (
    "iw_bound is a lower bound on log p(x), closer than the test bound; gap is the difference of "
    "the two on the same images; exact is log p(x) by a grid, for two latent dimensions."
)

ANNEALED_NOTE = (
    "annealed is log p(x) by annealed importance sampling, which is too low on average; sandwich "
    "is the distance between a lower and an upper bound of log p(x), on images that the model "
    "itself made: annealed is about that close."
)

CODES_NOTE = (
    "Accuracies are of classifiers of the codes, precision and recall of samples. Information is "
    "what a code tells of its image, between two bounds, in nats."
)

NO_LIKELIHOODS = (
    "The targets are grey values: these are not likelihoods, and cannot be compared with published "
    "ones."
)


class Likelihoods(Evaluated):
    """The evaluations of a group by one protocol, with what their bounds have in common."""

    @property
    def num_samples(self) -> int:
        """The samples per image of the weighted bound."""
        return self.record.size[0] if self.record else 0

    @property
    def num_images(self) -> int | None:
        """The images that the weighted bound is of, if it was measured."""
        return self.num_images_of("iw_bound")

    @property
    def targets_are_means(self) -> bool:
        """Whether the targets are means of binary draws: the values are not likelihoods then."""
        return self.are_means("iw_bound")

    def names(self) -> list[str]:
        """Returns the names of the numbers that a setting has."""
        settings = self.group.settings
        return [name for name in BOUNDS | CODES if any(self.sample(it, name) for it in settings)]


def section(group: Group) -> list[Block]:
    """Returns the tables, their protocol, and how other runs are measured; [] without numbers."""
    likelihoods = Likelihoods(group)
    bounds, codes = (_table(likelihoods, headings) for headings in (BOUNDS, CODES))
    if not bounds and not codes:
        return []
    blocks: list[Block] = [Note(protocol(likelihoods))]
    if bounds:
        notes = [ANNEALED_NOTE] if "annealed" in likelihoods.names() else []
        explained = [said(it, group.runs) for it in (BOUNDS_NOTE, *notes)]
        blocks += [bounds, *map(Note, [*explained, *_doubts(likelihoods)])]
    if codes:
        blocks += [Subheading("Codes and samples"), codes, Note(CODES_NOTE)]
    return [*blocks, *not_measured(likelihoods)]


def _table(likelihoods: Likelihoods, headings: Mapping[str, str]) -> Table | None:
    """Returns a row per setting that has one of the numbers; None if none has."""
    # The upper bound stands in the cell of the lower.
    names = [it for it in likelihoods.names() if it in headings and not it.endswith("_upper")]
    rows = [
        [
            Cell(setting.label, setting.label),
            *(_cell(likelihoods, setting, name) for name in names),
        ]
        for setting in likelihoods.group.settings
        if any(likelihoods.sample(setting, name) for name in names)
    ]
    return Table(["setting", *(headings[name] for name in names)], rows) if rows else None


def _cell(likelihoods: Likelihoods, setting: Setting, name: str) -> Cell:
    sample = likelihoods.sample(setting, name)
    is_count = sample and sample.error is None and all(map(float.is_integer, sample.values))
    if sample and is_count:
        return Cell(f"{sample.mean:g}", sample.mean)
    most = likelihoods.sample(setting, name.replace("_lower", "_upper"))
    if sample and most and name.endswith("_lower"):
        ends = (shown(it.mean, it.error) for it in (sample, most))
        return Cell(" to ".join(ends), sample.mean)
    return sample_cell(sample)


def protocol(likelihoods: Likelihoods) -> str:
    """Returns how the numbers were measured, as a sentence."""
    record = likelihoods.record
    assert record is not None
    images = likelihoods.num_images
    of_images = f", {counted(images, 'test image')}" if images else ""
    return (
        f"Measured by python -m vae_lab.evaluate: {counted(likelihoods.num_samples, 'sample')} per "
        f"image{of_images}, {record.protocol.get('weights')} weights, seed "
        f"{record.protocol.get('seed')}; nats per image."
    )


def _doubts(likelihoods: Likelihoods) -> list[str]:
    """Returns in what the bounds cannot be relied on."""
    low = [
        setting.label
        for setting in likelihoods.group.settings
        if any("warning" in it.details for it in likelihoods.numbers(setting, "iw_bound"))
    ]
    doubts = [NO_LIKELIHOODS] if likelihoods.targets_are_means else []
    if low:
        whose = (
            "" if len(low) == len(likelihoods.group.settings) else f" of {_named(low, 'setting')}"
        )
        doubts.append(
            f"iw_bound{whose} may be too low: few weights decide it, or it still rises with the "
            f"samples."
        )
    for setting in likelihoods.group.settings:
        warnings = warnings_of(likelihoods.numbers(setting, "annealed"))
        doubts += [f"annealed of {setting.label}: {it}." for it in warnings]
    return doubts


def warnings_of(numbers: Sequence[Number]) -> list[str]:
    """Returns what numbers warn of, each warning once; a stranger's may be anything."""
    warnings = [it.details.get("warning") for it in numbers]
    return list(dict.fromkeys(it for it in warnings if isinstance(it, str)))


def not_measured(evaluated: Evaluated) -> list[Block]:
    """Returns which runs were not measured, and the command that does it."""
    missing, record = evaluated.missing, evaluated.record
    if not missing or record is None:
        return []
    names = _named([run.name for run in missing], "run")
    return [
        Note(f"Not measured like this: {names}. This measures it:"),
        Commands([command([run.path for run in missing], overrides_of(record.settings))]),
    ]


def command(paths: Sequence[Path], overrides: Sequence[str]) -> str:
    """Returns the command line that measures runs: by the folder of their sweep if they have one.

    What is measured already is left as it is.
    """
    parents = {path.parent for path in paths}
    if len(paths) > 1 and all((parent / COMMANDS).is_file() for parent in parents):
        paths = sorted(parents)
    return shlex.join(["python", "-m", "vae_lab.evaluate", *map(str, paths), *overrides])


def _named(names: Sequence[str], noun: str) -> str:
    return listed(names) if len(names) <= MOST_NAMES else counted(len(names), noun)
