"""What the conclusions of a report share: what was never measured, and the effects of a key."""

from collections.abc import Iterator, Sequence
from itertools import chain

from vae_lab.report.blocks import Sentence
from vae_lab.report.comparisons import Comparisons, Measured
from vae_lab.report.grouping import Group, contrasts
from vae_lab.report.wording import Quantity, comparison, sentence

# Sentences of one kind; the rest is left to the tables.
AT_MOST = 6

DIMENSIONS = "latent_dim"


def missing(what: str) -> Sentence:
    """Returns the sentence on a quantity that was never measured."""
    return sentence(
        f"{what} not measured in every run here: python -m vae_lab.evaluate RUN_FOLDER measures it "
        f"for a finished run; then write the report anew.",
        "open",
    )


def effects(
    comparisons: Comparisons,
    group: Group,
    keys: Sequence[str],
    samples: Measured,
    quantity: Quantity,
) -> Iterator[Sentence]:
    """Yields the sentences on what each key does to a quantity, all else equal."""
    by_setting = {id(setting): sample for setting, sample in samples}
    num_compared = 0
    for settings in chain.from_iterable(contrasts(group, key) for key in keys):
        measured = [(it, by_setting[id(it)]) for it in settings if id(it) in by_setting]
        if len(measured) < 2:
            continue
        if num_compared == AT_MOST:
            yield sentence("further comparisons of this kind are left to the table.")
            return
        num_compared += 1
        measured.sort(key=lambda pair: -pair[1].mean)
        (top, most), *rest = measured
        # The highest value against the next, and against the lowest.
        for setting, sample in rest[:1] + rest[1:][-1:]:
            gap = comparisons.of(quantity.key, top, setting)
            yield comparison(top, setting, (most, sample), quantity, gap)
