"""Conclusions from pictures: sharpness, plausibility, the latent plane, and tables of the same."""

from collections.abc import Iterator

from vae_lab.report import tables
from vae_lab.report.blocks import Sentence, Topic
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.conclusions import AT_MOST, DIMENSIONS, effects, missing
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.picture_metrics import COMPARED_BY_TOPIC, PictureMetrics
from vae_lab.report.wording import (
    Quantity,
    listed,
    percent,
    plural,
    sentence,
    share_shown,
    subject,
)

LABELS_NOTE = (
    "Each label's share in per cent, by the classifier; ± is the standard error of draws. Map: "
    "equally spaced points of [-1.5, 1.5]² around the prior's mean, in its standard deviations. "
    "Centre, only of the standard normal prior: the disc around 0 that holds a tenth of it."
)

METRICS_NOTE = (
    "Shares have their 95 % interval. Sharpness: the root mean square step between "
    "neighbouring pixels, over the spread of all pixels. Contrast: the spread of the pixels."
)


def topics(metrics: PictureMetrics, comparisons: Comparisons) -> list[Topic]:
    """Returns the topics that the picture metrics answer, and the table of all of them."""
    topics = [
        Topic("Sharpness and contrast", list(_appearance(metrics, comparisons))),
        Topic("Plausibility of the samples", list(_samples(metrics, comparisons))),
        Topic("Plausibility on interpolations", list(_interpolations(metrics, comparisons))),
        Topic(
            "The centre of the latent space, and each label's share",
            list(_plane(metrics)),
            tables.label_shares(metrics),
            LABELS_NOTE,
        ),
    ]
    if table := tables.picture_metrics(metrics):
        note = f"{METRICS_NOTE} Measured with {metrics.protocol()}."
        topics.append(Topic("All picture metrics", [], table, note))
    return topics


def _effects(metrics: PictureMetrics, comparisons: Comparisons, topic: str) -> Iterator[Sentence]:
    keys = sorted(metrics.group.keys, key=lambda key: key != DIMENSIONS)
    for name in COMPARED_BY_TOPIC[topic]:
        if samples := metrics.samples(name):
            quantity = Quantity(name, metrics.words(name))
            yield from effects(comparisons, metrics.group, keys, samples, quantity)


def _missing(group: Group, what: str) -> Sentence:
    """Returns the sentence on what some runs lack, since there are no labels or no evaluation."""
    if any(run.result.data.get("labels") == [] for run in group.runs):
        text = f"{what} not measured: that needs labels, and the images have none."
        return sentence(text, "open")
    return missing(what)


def _appearance(metrics: PictureMetrics, comparisons: Comparisons) -> Iterator[Sentence]:
    measured = metrics.samples("sharpness_of_data")
    if len(measured) < len(metrics.group.settings):
        yield missing("Sharpness and contrast were")
    for setting, _ in measured[:AT_MOST]:
        ratios = [
            f"{what} have {_ratio(metrics, setting, 'sharpness', what)} of the data's sharpness "
            f"and {_ratio(metrics, setting, 'contrast', what)} of its contrast"
            for what in ("reconstructions", "samples")
        ]
        yield sentence(f"of {subject(setting)}, {'; '.join(ratios)}.")
    for topic in ("reconstructions", "samples"):
        yield from _effects(metrics, comparisons, topic)


def _ratio(metrics: PictureMetrics, setting: Setting, name: str, what: str) -> str:
    """Returns a mean in per cent of the data's."""
    sample, data = (metrics.sample(setting, f"{name}_of_{of}") for of in (what, "data"))
    if sample is None or data is None or not data.mean:
        return "an unknown share"
    return percent(sample.mean / data.mean)


def _samples(metrics: PictureMetrics, comparisons: Comparisons) -> Iterator[Sentence]:
    measured = metrics.samples("precision_of_samples")
    if len(measured) < len(metrics.group.settings):
        yield _missing(metrics.group, "The plausibility of the samples was")
    for setting, _ in measured[:AT_MOST]:
        shares = _plausible_shares(metrics, setting, "samples", "samples", "test images", "data")
        yield sentence(f"of {subject(setting)}, {shares}.")
    if measured:
        yield sentence(
            "a blurred image lies near many real ones: read precision beside sharpness, and beside "
            "what the classifier is sure of."
        )
    yield from _effects(metrics, comparisons, "plausibility")


def _interpolations(metrics: PictureMetrics, comparisons: Comparisons) -> Iterator[Sentence]:
    measured = metrics.samples("precision_of_interpolations")
    if len(measured) < len(metrics.group.settings):
        yield _missing(metrics.group, "The plausibility of points on interpolations was")
    for setting, _ in measured[:AT_MOST]:
        shares = _plausible_shares(metrics, setting, "interpolations", "points", "ends", "ends")
        least = ""
        if sure := metrics.by_step(setting, "unanimity_of_interpolations"):
            # Where on the way the classifier is least sure.
            share, step = min((share, step) for step, share in enumerate(sure))
            least = f"; least, {percent(share)}, {percent(step / (len(sure) - 1))} of the way"
        yield sentence(f"between the ends of {subject(setting)}, {shares}{least}.")
    yield from _effects(metrics, comparisons, "interpolations")


def _plausible_shares(
    metrics: PictureMetrics, setting: Setting, what: str, images: str, reference: str, beside: str
) -> str:
    """Returns the shares of plausible images of `what`, with those of a reference `beside`."""
    samples = [
        metrics.sample(setting, f"{name}_of_{of}")
        for name in ("precision", "unanimity")
        for of in (what, beside)
    ]
    near, near_beside, sure, sure_beside = (
        share_shown(sample) if sample else "an unmeasured share" for sample in samples
    )
    return (
        f"{near} of the {images} lie near real images ({reference}: {near_beside}), and the "
        f"classifier is sure of {sure} ({reference}: {sure_beside})"
    )


def _plane(metrics: PictureMetrics) -> Iterator[Sentence]:
    settings = metrics.group.settings
    measured = [it for it in settings if metrics.by_label(it, "distance_of_digits")]
    if len(measured) < len(settings):
        yield _missing(metrics.group, "What lies at the centre was")
    for setting in measured[:AT_MOST]:
        yield sentence(f"{_centre(metrics, setting)} {_nearest(metrics, setting)}")
    for setting in measured[:AT_MOST]:
        yield from _shares(metrics, setting)


def _centre(metrics: PictureMetrics, setting: Setting) -> str:
    seeds: dict[str, list[str]] = {}
    for run, number in metrics.by_run(setting, "digit_at_centre"):
        seeds.setdefault(str(number.value), []).append(str(run.seed))
    digits = [
        f"{digit} ({plural('seed', len(of_digit))} {listed(of_digit)})" if len(seeds) > 1 else digit
        for digit, of_digit in seeds.items()
    ]
    lead = (
        f"at the centre of {subject(setting)} lies label {' or '.join(digits) or 'unknown'} (the "
        f"classifier's nearest to what is decoded at the prior's mean)"
    )
    disc = metrics.by_label(setting, "digits_of_centre")
    if disc is None:
        return f"{lead}."
    return f"{lead}; of the plane's central tenth of probability, {_top(disc)}."


def _nearest(metrics: PictureMetrics, setting: Setting) -> str:
    distances = metrics.by_label(setting, "distance_of_digits") or {}
    near, far = (choose(distances, key=distances.__getitem__) for choose in (min, max))
    return (
        f"The codes of the {near} lie nearest to 0 (median distance {distances[near]:.2f}), those "
        f"of the {far} farthest ({distances[far]:.2f})."
    )


def _shares(metrics: PictureMetrics, setting: Setting) -> Iterator[Sentence]:
    names = {"map": "the square of the latent map", "samples": "the prior draws"}
    for name, images in names.items():
        if shares := metrics.by_label(setting, f"digits_of_{name}"):
            few = [label for label, share in shares.items() if share < 0.01]
            absent = f"; below 1 %: {listed(few)}" if few else ""
            yield sentence(f"{images} of {subject(setting)}, by label: {_top(shares)}{absent}.")


def _top(shares: dict[str, float]) -> str:
    ordered = sorted(shares.items(), key=lambda pair: -pair[1])[:3]
    return ", ".join(f"{label}: {percent(share)}" for label, share in ordered if share > 0)
