"""Conclusions from bounds and codes: the best setting, dimensions, closeness to the prior."""

from collections.abc import Iterator, Sequence

from vae_lab.report.conclusions import AT_MOST, DIMENSIONS, Of, Topic, effects, fact, missing
from vae_lab.report.grouping import Group
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.statistics import best_and_ties
from vae_lab.report.wording import NATS, Quantity, Sentence, estimate, listed, subject

# The methods that measure the distance from the prior: in short, and what the distance is.
METHODS = {
    "moments": (
        "by mean and covariance",
        "that of a Gaussian of the same mean and covariance: at most the whole distance",
    ),
    "draws": (
        "by draws",
        "an estimate of the whole distance by draws: too low on average",
    ),
}


def topics_of_bounds(group: Group, metrics: PictureMetrics) -> list[Topic]:
    """Returns the topics that the test bound and the codes answer."""
    others = [key for key in group.keys if key != DIMENSIONS]
    return [
        Topic("Which is better", [*_better(group), *effects(group, others, _of("elbo"), BOUND)]),
        Topic("The number of latent dimensions", list(_dimensions(group))),
        Topic("Closeness to the prior", list(_prior(group, metrics, [*others, DIMENSIONS]))),
    ]


BOUND = Quantity("the test bound", NATS, "higher (better)")

RECON = Quantity("the reconstruction term", NATS)

KL = Quantity("the KL of the codes from the prior", NATS)

DISTANCE = Quantity("the distance of all codes together from the prior", NATS)

DISTANCE_NAME = "distance_from_prior"


def _of(name: str) -> Of:
    return lambda setting: setting.sample(name)


def _better(group: Group) -> Iterator[Sentence]:
    samples = [setting.sample("elbo") for setting in group.settings]
    best, ties = best_and_ties(samples)
    top = group.settings[best]
    if len(samples) == 1:
        yield fact(f"the test bound of {subject(top)} is {estimate(samples[0], NATS)}.")
    else:
        yield fact(
            f"the highest test bound is that of {subject(top)}: {estimate(samples[best], NATS)}."
        )
        if ties:
            names = listed([group.settings[tie].label for tie in ties])
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


def _dimensions(group: Group) -> Iterator[Sentence]:
    if DIMENSIONS not in group.keys:
        counts = listed(list({str(run.result.latent_dim) for run in group.runs}))
        yield fact(f"the number of latent dimensions is {counts} in all runs here.")
    for name, quantity in (("elbo", BOUND), ("recon", RECON), ("kl", KL)):
        yield from effects(group, [DIMENSIONS], _of(name), quantity)
    for setting in group.settings[:AT_MOST]:
        active = [run.result.latent.get("active_units") for run in setting.runs]
        if None not in active:
            used = listed([str(count) for count in dict.fromkeys(active)])
            dims = setting.runs[0].result.latent_dim
            yield fact(f"{setting.label} uses {used} of its {dims} dimensions.")


def _prior(group: Group, metrics: PictureMetrics, keys: Sequence[str]) -> Iterator[Sentence]:
    yield fact(
        "two things are meant by closeness: the KL of each image's code from the prior, which is "
        "also low where a code says little, and the distance of all codes together, which is 0 "
        "where prior draws land among the codes."
    )
    yield from effects(group, keys, _of("kl"), KL)
    measured = [it for it in group.settings if metrics.sample(it, DISTANCE_NAME) is not None]
    if len(measured) < len(group.settings):
        yield missing("The distance of all codes together from the prior was")
    methods = list(dict.fromkeys(metrics.method(setting, DISTANCE_NAME) for setting in measured))
    yield from _meanings(methods)
    for setting in measured[:AT_MOST]:
        sample = metrics.sample(setting, DISTANCE_NAME)
        assert sample is not None
        method = metrics.method(setting, DISTANCE_NAME)
        how = f", {_method_text(method)[0]}" if len(methods) > 1 else ""
        yield fact(f"all codes of {subject(setting)} together: {estimate(sample, NATS)}{how}.")
    for method in methods:
        yield from effects(group, keys, _distance_by(metrics, method), DISTANCE)


def _meanings(methods: Sequence[str]) -> Iterator[Sentence]:
    """Yields what the distances are; of several kinds, that they are not compared."""
    for method in methods:
        short, meaning = _method_text(method)
        which = f"the distance {short}" if len(methods) > 1 else "the distance"
        yield fact(f"{which} is {meaning}.")
    if len(methods) > 1:
        yield fact("distances found in different ways are not compared with one another.")


def _method_text(method: str) -> tuple[str, str]:
    return METHODS.get(method, (f"by {method}", f"found by {method}"))


def _distance_by(metrics: PictureMetrics, method: str) -> Of:
    """Returns the distance of the settings that have it by one method."""
    return lambda setting: (
        metrics.sample(setting, DISTANCE_NAME)
        if metrics.method(setting, DISTANCE_NAME) == method
        else None
    )
