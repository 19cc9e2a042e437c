"""What is to be seen of bounds and codes, in sentences: better, dimensions, the prior."""

from collections.abc import Iterator, Sequence

from vae_lab.report.conclusions import AT_MOST, DIMENSIONS, Of, Topic, effects, fact, missing
from vae_lab.report.grouping import Part
from vae_lab.report.picture_metrics import Seen
from vae_lab.report.statistics import best_and_ties
from vae_lab.report.wording import NATS, Quantity, Sentence, estimate, listed, subject

# The distance from the prior by its protocol: how it was found in short, and what it is.
WAYS = {
    "moments": (
        "by mean and covariance",
        "that of a Gaussian of the same mean and covariance: at most the whole distance",
    ),
    "draws": (
        "by draws",
        "an estimate of the whole distance by draws: too low on average",
    ),
}


def topics_of_bounds(part: Part, seen: Seen) -> list[Topic]:
    """Returns the topics that the test bound and the codes answer."""
    others = [key for key in part.keys if key != DIMENSIONS]
    return [
        Topic("Which is better", [*_better(part), *effects(part, others, _of("elbo"), BOUND)]),
        Topic("The number of latent dimensions", list(_dimensions(part))),
        Topic("Closeness to the prior", list(_prior(part, seen, [*others, DIMENSIONS]))),
    ]


BOUND = Quantity("the test bound", NATS, "higher (better)")

RECON = Quantity("the reconstruction term", NATS)

KL = Quantity("the KL of the codes from the prior", NATS)

DISTANCE = Quantity("the distance of all codes together from the prior", NATS)

DISTANCE_FOUND = "distance_from_prior"


def _of(name: str) -> Of:
    return lambda setting: setting.sample(name)


def _better(part: Part) -> Iterator[Sentence]:
    samples = [setting.sample("elbo") for setting in part.settings]
    best, ties = best_and_ties(samples)
    top = part.settings[best]
    if len(samples) == 1:
        yield fact(f"the test bound of {subject(top)} is {estimate(samples[0], NATS)}.")
    else:
        yield fact(
            f"the highest test bound is that of {subject(top)}: {estimate(samples[best], NATS)}."
        )
        if ties:
            names = listed([part.settings[place].label for place in ties])
            yield Sentence(f"It cannot be told apart from {names}.", "tie")
        yield fact(
            f"naming the best of {len(samples)} settings is a choice made on these very test "
            f"images: the chosen figure is a little too good."
        )
    if len(top.runs) > 1:
        values = samples[best].values
        yield fact(
            f"the best of the {len(values)} seeds of {top.label} reached {max(values):.2f} nats: a "
            f"choice among {len(values)}, and not what one more run would get."
        )


def _dimensions(part: Part) -> Iterator[Sentence]:
    if DIMENSIONS not in part.keys:
        counts = listed(list({str(run.result.latent_dim) for run in part.runs}))
        yield fact(f"the number of latent dimensions is {counts} in all runs here.")
    for name, quantity in (("elbo", BOUND), ("recon", RECON), ("kl", KL)):
        yield from effects(part, [DIMENSIONS], _of(name), quantity)
    for setting in part.settings[:AT_MOST]:
        active = [run.result.latent.get("active_units") for run in setting.runs]
        if None not in active:
            used = listed([str(one) for one in dict.fromkeys(active)])
            dims = setting.runs[0].result.latent_dim
            yield fact(f"{setting.label} uses {used} of its {dims} dimensions.")


def _prior(part: Part, seen: Seen, keys: Sequence[str]) -> Iterator[Sentence]:
    yield fact(
        "two things are meant by closeness: the KL of each image's code from the prior, which is "
        "also low where a code says little, and the distance of all codes together, which is 0 "
        "where prior draws land among the codes."
    )
    yield from effects(part, keys, _of("kl"), KL)
    known = [one for one in part.settings if seen.sample(one, DISTANCE_FOUND) is not None]
    if len(known) < len(part.settings):
        yield missing("The distance of all codes together from the prior was")
    ways = list(dict.fromkeys(seen.way(setting, DISTANCE_FOUND) for setting in known))
    yield from _meanings(ways)
    for setting in known[:AT_MOST]:
        sample = seen.sample(setting, DISTANCE_FOUND)
        assert sample is not None
        how = f", {_in_words(seen.way(setting, DISTANCE_FOUND))[0]}" if len(ways) > 1 else ""
        yield fact(f"all codes of {subject(setting)} together: {estimate(sample, NATS)}{how}.")
    for way in ways:
        yield from effects(part, keys, _distance_by(seen, way), DISTANCE)


def _meanings(ways: Sequence[str]) -> Iterator[Sentence]:
    """Yields what the distances are; of several kinds, that they are not compared."""
    for way in ways:
        short, meaning = _in_words(way)
        which = f"the distance {short}" if len(ways) > 1 else "the distance"
        yield fact(f"{which} is {meaning}.")
    if len(ways) > 1:
        yield fact("distances found in different ways are not compared with one another.")


def _in_words(way: str) -> tuple[str, str]:
    return WAYS.get(way, (f"by {way}", f"found by {way}"))


def _distance_by(seen: Seen, way: str) -> Of:
    """Returns the distance of the settings where it was found in one way."""
    return lambda setting: (
        seen.sample(setting, DISTANCE_FOUND) if seen.way(setting, DISTANCE_FOUND) == way else None
    )
