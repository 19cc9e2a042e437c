"""Why the bound is below log p(x): both gaps of each setting, and pictures of the posteriors.

Numbers in nats per image, from `python -m vae_lab.evaluate RUN anatomy=true`.
"""

from vae_lab.evaluations import GAPS
from vae_lab.report.blocks import Block, Cards, Cell, Note, PagePicture, Subheading, Table
from vae_lab.report.colours import styles
from vae_lab.report.conditions import said
from vae_lab.report.gaps import APPROXIMATION, Gaps
from vae_lab.report.grouping import Group, Setting, in_colour
from vae_lab.report.likelihoods import NO_LIKELIHOODS, not_measured, warnings_of
from vae_lab.report.strips import whole
from vae_lab.report.tables import sample_cell
from vae_lab.report.wording import counted

# The numbers of the table, and their headings.
HEADINGS = {
    "approximation_gap": "approximation gap",
    "amortisation_gap": "amortisation gap",
    "log_likelihood": "log p(x)",
    "best_bound": "best bound",
    "encoder_bound": "encoder's bound",
    "sandwich": "sandwich",
}

# How log p(x) was computed.
BY = "by"

# Shorter words for a table than those that an evaluation records.
METHODS = {"annealed importance sampling": "AIS"}

GAPS_NOTE = (
    "best bound: the highest bound of the posterior's family, found for each image by itself. "
    "Approximation gap: log p(x) minus the best bound. Amortisation gap: the best bound minus the "
    "encoder's."
)

AIS_NOTE = (
    "AIS, annealed importance sampling, is too low on average. sandwich: the distance between a "
    "lower and an upper bound of log p(x), on images that the model itself made: AIS is about that "
    "close."
)

PICTURE = "posteriors"

PICTURES_TITLE = "True posteriors of test images"

SEEDS_NOTE = "Of several seeds, the first is shown."


def section(group: Group, chart: Block | None, prefix: str) -> list[Block]:
    """Returns chart, table, pictures, and how other runs are measured; [] without numbers.

    `prefix` begins the names of the pictures' files.
    """
    gaps, blocks = Gaps(group), list[Block]()
    if table := _table(gaps):
        blocks += [chart] if chart else []
        blocks += [Note(_protocol(gaps)), table, *map(Note, _explanations(gaps))]
    return [*blocks, *_pictures(group, prefix), *not_measured(gaps)]


def _table(gaps: Gaps) -> Table | None:
    """Returns a row per setting that has both gaps; None if none has."""
    settings = [setting for setting, _ in gaps.measured()]
    columns: list[list[Cell]] = []
    headings = ["setting"]
    for name, heading in HEADINGS.items():
        samples = [gaps.sample(setting, name) for setting in settings]
        if any(samples):
            headings.append(said(heading, gaps.group.runs))
            columns.append([sample_cell(sample) for sample in samples])
        if any(samples) and name == "log_likelihood":
            headings.append(BY)
            columns.append([Cell(it, it) for it in (_method(gaps, of) for of in settings)])
    looks = styles(gaps.group)
    names = [Cell(setting.label, setting.label) for setting in settings]
    rows = [list(row) for row in zip(names, *columns, strict=True)]
    colours = [looks[id(setting)].on_both for setting in settings]
    return Table(headings, rows, colours=colours) if rows else None


def _method(gaps: Gaps, setting: Setting) -> str:
    """Returns how log p(x) was computed."""
    methods = [str(it.protocol.get("by", "–")) for it in gaps.numbers(setting, "log_likelihood")]
    return ", ".join(dict.fromkeys(METHODS.get(method, method) for method in methods))


def _protocol(gaps: Gaps) -> str:
    """Returns how the gaps were measured, as a sentence."""
    record = gaps.record
    assert record is not None
    protocol = gaps.protocols(APPROXIMATION)[0]
    known = {"test image": gaps.num_images_of(APPROXIMATION)}
    known |= {noun: protocol.get(f"{noun}s") for noun in ("sample", "step")}
    counts = [counted(it, noun) for noun, it in known.items() if isinstance(it, int)]
    return (
        f"Measured by python -m vae_lab.evaluate anatomy=true: {', '.join(counts)}, "
        f"{record.protocol.get('weights')} weights, seed {record.protocol.get('seed')}; nats per "
        f"image."
    )


def _explanations(gaps: Gaps) -> list[str]:
    """Returns what the columns are, and in what they cannot be relied on."""
    settings = [setting for setting, _ in gaps.measured()]
    annealed = any("AIS" in _method(gaps, it) for it in settings)
    notes = [f"{GAPS_NOTE} {AIS_NOTE}" if annealed else GAPS_NOTE]
    if any(map(gaps.are_means, GAPS)):
        notes.append(NO_LIKELIHOODS)
    for setting in settings:
        numbers = [it for name in (*HEADINGS, "annealed") for it in gaps.numbers(setting, name)]
        notes += [f"{setting.label}: {it}." for it in warnings_of(numbers)]
    return [said(it, gaps.group.runs) for it in notes]


def _pictures(group: Group, prefix: str) -> list[Block]:
    """Returns the posteriors that the first run of each setting drew, with a heading."""
    looks, pictures = styles(group), list[PagePicture]()
    chosen = in_colour(group)
    for number, setting in enumerate(chosen, start=1):
        alt = f"True posteriors of test images by {setting.label}, and Gaussians beside them"
        file = f"{prefix}{PICTURE}-{number}.png"
        if picture := whole(setting.runs[0], PICTURE, setting.label, alt, file):
            pictures.append(picture._replace(colours=looks[id(setting)].on_both))
    if not pictures:
        return []
    several = any(len(setting.runs) > 1 for setting in chosen)
    notes = [Note(SEEDS_NOTE)] if several else []
    return [Subheading(PICTURES_TITLE), Cards(pictures, is_large=True), *notes]
