"""What the conclusions of a report are made of: topics, and the effects of a key."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vae_lab.report.blocks import Block, Table
from vae_lab.report.grouping import Group, Setting, contrasts
from vae_lab.report.statistics import Sample
from vae_lab.report.wording import Quantity, Sentence, comparison

# Sentences of one kind; the rest is left to the tables.
AT_MOST = 6

DIMENSIONS = "latent_dim"

Of = Callable[[Setting], Sample | None]


@dataclass(frozen=True)
class Topic(Block):
    """A question, the sentences that answer it, and a table of the same with its note."""

    title: str
    sentences: list[Sentence]
    table: Table | None = None
    note: str = ""


def fact(text: str) -> Sentence:
    """Returns a sentence that compares nothing."""
    return Sentence(text[0].upper() + text[1:], "fact")


def missing(what: str) -> Sentence:
    """Returns the sentence on a quantity that was never measured."""
    return Sentence(
        f"{what} not measured in every run here: python -m vae_lab.evaluate RUN_FOLDER measures it "
        f"for a finished run; then write the report anew.",
        "open",
    )


def effects(group: Group, keys: Sequence[str], of: Of, quantity: Quantity) -> Iterator[Sentence]:
    """Yields the sentences on what each key does to a quantity, all else equal."""
    num_compared = 0
    for settings in (settings for key in keys for settings in contrasts(group, key)):
        measured = [(setting, sample) for setting in settings if (sample := of(setting))]
        if len(measured) < 2:
            continue
        if num_compared == AT_MOST:
            yield fact("further comparisons of this kind are left to the table.")
            return
        num_compared += 1
        measured.sort(key=lambda pair: -pair[1].mean)
        (top, most), *rest = measured
        # The highest value against the next, and against the lowest.
        for setting, sample in rest[:1] + rest[1:][-1:]:
            yield comparison(top, setting, (most, sample), quantity)
