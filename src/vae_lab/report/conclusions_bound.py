"""Conclusions from bounds and codes: the best setting, dimensions, closeness to the prior."""

from collections.abc import Iterator, Sequence

from vae_lab.report.blocks import Sentence, Topic
from vae_lab.report.comparisons import TERMS, Comparisons, terms
from vae_lab.report.conclusions import AT_MOST, DIMENSIONS, effects, missing
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import DISTANCE_NAME, PictureMetrics
from vae_lab.report.wording import NATS, Quantity, estimate, listed, sentence, subject

# The methods that measure the distance from the prior: in short, and what the distance is.
METHODS = {
    "moments": (
        "by mean and covariance",
        "that of a Gaussian of the same mean and covariance: at most the whole distance",
    ),
    "draws": ("by draws", "an estimate of the whole distance by draws: too low on average"),
}

QUANTITIES = {
    name: Quantity(name, words, NATS, comparative)
    for name, words, comparative in (
        ("elbo", "the test bound", "higher (better)"),
        ("recon", "the reconstruction term", "higher"),
        ("kl", "the KL of the codes from the prior", "higher"),
        (DISTANCE_NAME, "the distance of all codes together from the prior", "higher"),
    )
}


def topics(metrics: PictureMetrics, comparisons: Comparisons) -> list[Topic]:
    """Returns the topics that the test bound and the codes answer."""
    group = metrics.group
    others = [key for key in group.keys if key != DIMENSIONS]
    better = [*_better(group, comparisons), *_effects(comparisons, group, others, "elbo")]
    return [
        Topic("Which is better", better),
        Topic("The number of latent dimensions", list(_dimensions(group, comparisons))),
        Topic("Closeness to the prior", list(_prior(metrics, comparisons, [*others, DIMENSIONS]))),
    ]


def _effects(
    comparisons: Comparisons, group: Group, keys: Sequence[str], name: str
) -> Iterator[Sentence]:
    return effects(comparisons, group, keys, terms(group, name), QUANTITIES[name])


def _better(group: Group, comparisons: Comparisons) -> Iterator[Sentence]:
    top, ties = comparisons.best_and_ties(group)
    sample, num_settings = top.sample("elbo"), len(group.settings)
    assert sample is not None
    value = estimate(sample, NATS)
    if num_settings == 1:
        yield sentence(f"the test bound of {subject(top)} is {value}.")
    else:
        yield sentence(f"the highest test bound is that of {subject(top)}: {value}.")
        if ties:
            names = listed([setting.label for setting in ties])
            yield sentence(f"it cannot be told apart from {names}.", "tie")
        yield sentence(
            f"naming the best of {num_settings} settings is a choice made on these very test "
            f"images: the chosen value is a little too good."
        )
    if len(top.runs) > 1:
        values = sample.values
        yield sentence(
            f"the best of the {len(values)} seeds of {top.label} reached {max(values):.2f} nats: a "
            f"choice among {len(values)}, and not what one more run would get."
        )


def _dimensions(group: Group, comparisons: Comparisons) -> Iterator[Sentence]:
    if DIMENSIONS not in group.keys:
        counts = listed(list({str(run.result.latent_dim) for run in group.runs}))
        yield sentence(f"the number of latent dimensions is {counts} in all runs here.")
    for name in TERMS:
        yield from _effects(comparisons, group, [DIMENSIONS], name)
    for setting in group.settings[:AT_MOST]:
        active = [run.result.latent.get("active_units") for run in setting.runs]
        if None not in active:
            used = listed([str(count) for count in dict.fromkeys(active)])
            dims = setting.runs[0].result.latent_dim
            yield sentence(f"{setting.label} uses {used} of its {dims} dimensions.")


def _prior(
    metrics: PictureMetrics, comparisons: Comparisons, keys: Sequence[str]
) -> Iterator[Sentence]:
    yield sentence(
        "two things are meant by closeness: the KL of each image's code from the prior, which is "
        "also low where a code says little, and the distance of all codes together, which is 0 "
        "where prior draws land among the codes."
    )
    yield from _effects(comparisons, metrics.group, keys, "kl")
    samples = metrics.samples(DISTANCE_NAME)
    if len(samples) < len(metrics.group.settings):
        yield missing("The distance of all codes together from the prior was")
    by_method = metrics.by_method(DISTANCE_NAME)
    methods = {it: METHODS.get(it, (f"by {it}", f"found by {it}")) for it in by_method}
    several = len(methods) > 1
    for short, meaning in methods.values():
        which = f"the distance {short}" if several else "the distance"
        yield sentence(f"{which} is {meaning}.")
    if several:
        yield sentence("distances found in different ways are not compared with one another.")
    for setting, sample in samples[:AT_MOST]:
        short, _ = methods[metrics.method(setting, DISTANCE_NAME)]
        how = f", {short}" if several else ""
        how += "; below 0, which no distance is, it says nothing" if sample.mean < 0 else ""
        yield sentence(f"all codes of {subject(setting)} together: {estimate(sample, NATS)}{how}.")
    for measured in by_method.values():
        of_method = [(setting, sample) for setting, sample in measured if sample.mean >= 0]
        distance = QUANTITIES[DISTANCE_NAME]
        yield from effects(comparisons, metrics.group, keys, of_method, distance)
