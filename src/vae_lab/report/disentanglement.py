"""How the codes of a group's runs and the known factors of the images hang together.

Scores from `python -m vae_lab.evaluate`, each beside its nulls: what codes have that tell nothing.
"""

from collections.abc import Sequence
from statistics import fmean

from vae_lab.report.blocks import Block, Cards, Cell, Note, PagePicture, Subheading, Table
from vae_lab.report.colours import styles
from vae_lab.report.evaluated import Evaluated
from vae_lab.report.grouping import Group, Setting, in_colour
from vae_lab.report.likelihoods import not_measured
from vae_lab.report.statistics import Sample
from vae_lab.report.strips import whole
from vae_lab.report.wording import counted

# The scores, and their headings.
HEADINGS = {
    "mig": "MIG",
    "mig_sampled": "MIG, draws",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "sap": "SAP",
    "factor_vae": "FactorVAE",
    "modularity": "modularity",
    "explicitness": "explicitness",
}

# What a row is of: the codes, or one of two nulls, by its key in the details of a number.
CODES = "codes"
NULLS = {"null_random": "random codes", "null_permuted": "permuted factors"}

NOTE = (
    "random codes and permuted factors are the nulls: the scores of codes that tell nothing of the "
    "factors. A score counts by how far it is above both. MIG, draws: of draws of q(z|x); the "
    "others are of posterior means."
)

PICTURE = "factors"

PICTURES_TITLE = "Latent dimensions and factors"

SEEDS_NOTE = "Of several seeds, the first is shown."


def section(group: Group, prefix: str) -> list[Block]:
    """Returns the scores of a group and their pictures; [] if nothing was measured.

    `prefix` begins the names of the pictures' files.
    """
    evaluated = Evaluated(group, HEADINGS)
    if (table := _table(evaluated)) is None:
        return []
    notes = [Note(NOTE), Note(_protocol(evaluated))]
    return [table, *notes, *_pictures(group, prefix), *not_measured(evaluated)]


def _table(evaluated: Evaluated) -> Table | None:
    """Returns a row for the codes of each setting, and one for each null; None without scores."""
    settings = evaluated.group.settings
    names = [it for it in HEADINGS if any(evaluated.sample(setting, it) for setting in settings)]
    looks, rows, colours = styles(evaluated.group), list[list[Cell]](), []
    for setting in settings:
        if not any(evaluated.sample(setting, name) for name in names):
            continue
        for key, words in {"": CODES, **NULLS}.items():
            samples = [_sample(evaluated, setting, name, key) for name in names]
            cells = map(_cell, samples)
            rows.append([*(Cell(it, it) for it in (setting.label, words)), *cells])
            colours.append(looks[id(setting)].on_both)
    headings = ["setting", "of", *(HEADINGS[name] for name in names)]
    return Table(headings, rows, colours=colours) if rows else None


def _sample(evaluated: Evaluated, setting: Setting, name: str, null: str) -> Sample | None:
    """Returns a score of a setting, or a null of it: the mean of its runs, with the deviation.

    Runs share the draws of random codes: they would not differ between seeds.
    """
    if not null:
        return evaluated.sample(setting, name)
    details = [it.details for it in evaluated.numbers(setting, name)]
    if len(details) < len(setting.runs) or any(null not in it for it in details):
        return None
    value, error = (
        _mean_of([it.get(key) for it in details]) for key in (null, f"{null}_deviation")
    )
    return None if value is None else Sample((value,), (error,))


def _cell(sample: Sample | None) -> Cell:
    """Returns a score with three decimals, so that nine of them have room."""
    if sample is None:
        return Cell("–", float("-inf"))
    text = f"{sample.mean:.3f}"
    if sample.spread is not None:
        text += f" (sd {sample.spread:.3f})"
    elif sample.error is not None:
        text += f" ± {sample.error:.3f}"
    return Cell(text, sample.mean)


def _mean_of(values: Sequence[object]) -> float | None:
    """Returns the mean of numbers; None if one is none, or of a stranger's another kind."""
    known = [float(it) for it in values if isinstance(it, int | float)]
    return fmean(known) if known and len(known) == len(values) else None


def _protocol(evaluated: Evaluated) -> str:
    """Returns what the scores are measured on, and what stands behind ±."""
    protocol = next(it for name in HEADINGS for it in evaluated.protocols(name))
    several = any(len(setting.runs) > 1 for setting in evaluated.group.settings)
    error = (
        "sd: standard deviation over seeds"
        if several
        else f"± is the standard error by {protocol.get('error')}"
    )
    return (
        f"Factors: {protocol.get('factors')}; "
        f"{counted(protocol.get('images') or 0, 'test image')}. {error}; of a null, ± is the "
        f"standard deviation over its draws."
    )


def _pictures(group: Group, prefix: str) -> list[Block]:
    """Returns the matrices of the first run of each setting, with a heading."""
    looks, pictures, chosen = styles(group), list[PagePicture](), in_colour(group)
    for number, setting in enumerate(chosen, start=1):
        alt = f"What each latent dimension of {setting.label} tells of each factor"
        file = f"{prefix}{PICTURE}-{number}.png"
        if picture := whole(setting.runs[0], PICTURE, setting.label, alt, file):
            pictures.append(picture._replace(colours=looks[id(setting)].on_both))
    if not pictures:
        return []
    several = any(len(setting.runs) > 1 for setting in chosen)
    notes = [Note(SEEDS_NOTE)] if several else []
    return [Subheading(PICTURES_TITLE), Cards(pictures, is_large=True), *notes]
