"""What the conclusions of a report are made of: topics, and the effects of a key."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from vae_lab.report.grouping import Part, Setting, contrasts
from vae_lab.report.statistics import Sample
from vae_lab.report.wording import Quantity, Sentence, compared

# Sentences of one kind; the rest is left to the tables.
AT_MOST = 6

DIMENSIONS = "latent_dim"

Of = Callable[[Setting], Sample | None]


class Topic(NamedTuple):
    """A question, and the sentences that answer it."""

    title: str
    sentences: list[Sentence]


def fact(text: str) -> Sentence:
    """Returns a sentence that compares nothing."""
    return Sentence(text[0].upper() + text[1:], "fact")


def missing(what: str) -> Sentence:
    """Returns the sentence on findings that were never measured."""
    return Sentence(
        f"{what} not measured in every run here: python -m vae_lab.evaluate RUN_FOLDER measures it "
        f"for a finished run; then write the report anew.",
        "open",
    )


def effects(part: Part, keys: Sequence[str], of: Of, quantity: Quantity) -> Iterator[Sentence]:
    """Yields the sentences on what each key does to a quantity, all else equal."""
    found = [one for key in keys for one in contrasts(part, key)]
    said = 0
    for contrast in found:
        known = [(setting, value) for setting in contrast.settings if (value := of(setting))]
        if len(known) < 2:
            continue
        if said == AT_MOST:
            yield fact("further comparisons of this kind are left to the table.")
            return
        said += 1
        known.sort(key=lambda pair: -pair[1].mean)
        (top, most), *rest = known
        for setting, value in {id(one[0]): one for one in (rest[0], rest[-1])}.values():
            yield compared(top, setting, (most, value), quantity)
