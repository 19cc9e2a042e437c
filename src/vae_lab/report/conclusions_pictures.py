"""Conclusions from pictures: sharpness, plausibility, the latent plane, and tables of the same."""

from collections.abc import Iterator, Sequence

from vae_lab.report import tables
from vae_lab.report.conclusions import AT_MOST, DIMENSIONS, Of, Topic, effects, fact, missing
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.wording import Quantity, Sentence, listed, percent, share_shown, subject

LABELS_NOTE = (
    "Each label's share in per cent, by the classifier. Map: equally spaced points of [-1.5, 1.5]² "
    "around the prior's mean, in its standard deviations. Centre, of the standard normal prior "
    "alone: the disc around 0 that holds a tenth of it."
)


METRICS_NOTE = (
    "Sharpness: the root mean square step between neighbouring pixels, over the spread of all "
    "pixels. Contrast: the spread of the pixels."
)


def topics_of_pictures(group: Group, metrics: PictureMetrics) -> list[Topic]:
    """Returns the topics that the picture metrics answer, and the table of all of them."""
    keys = [DIMENSIONS, *(key for key in group.keys if key != DIMENSIONS)]
    topics = [
        Topic("Sharpness and contrast", list(_appearance(group, metrics, keys))),
        Topic("Plausibility of the samples", list(_samples(group, metrics, keys))),
        Topic("Plausibility on interpolations", list(_interpolations(group, metrics, keys))),
        Topic(
            "The centre of the latent space, and each label's share",
            list(_plane(group, metrics)),
            tables.label_shares(group, metrics),
            LABELS_NOTE,
        ),
    ]
    if table := tables.picture_metrics(group, metrics):
        note = f"{METRICS_NOTE} Measured with {metrics.protocol()}."
        topics.append(Topic("All picture metrics", [], table, note))
    return topics


def _of(metrics: PictureMetrics, name: str) -> Of:
    return lambda setting: metrics.sample(setting, name)


def _effects(
    group: Group, metrics: PictureMetrics, keys: Sequence[str], *names: str
) -> Iterator[Sentence]:
    for name in names:
        if name in metrics.names():
            quantity = Quantity(metrics.words(name))
            yield from effects(group, keys, _of(metrics, name), quantity)


def _measured(group: Group, metrics: PictureMetrics, name: str) -> list[Setting]:
    return [setting for setting in group.settings if metrics.sample(setting, name) is not None]


def _missing(group: Group, what: str) -> Sentence:
    """Returns the sentence on what some runs lack, since there are no labels or no evaluation."""
    if any(run.result.data.get("labels") == [] for run in group.runs):
        return Sentence(
            f"{what} not measured: that needs labels, and the images have none.", "open"
        )
    return missing(what)


def _shown_first(settings: Sequence[Setting]) -> Sequence[Setting]:
    """Returns the settings that have a sentence each; the table has the rest."""
    return settings[:AT_MOST]


def _appearance(group: Group, metrics: PictureMetrics, keys: Sequence[str]) -> Iterator[Sentence]:
    measured = _measured(group, metrics, "sharpness_of_data")
    if len(measured) < len(group.settings):
        yield missing("Sharpness and contrast were")
    for setting in _shown_first(measured):
        ratios = [
            f"{what} have {_ratio(metrics, setting, 'sharpness', what)} of the data's sharpness "
            f"and {_ratio(metrics, setting, 'contrast', what)} of its contrast"
            for what in ("reconstructions", "samples")
        ]
        yield fact(f"of {subject(setting)}, {ratios[0]}; {ratios[1]}.")
    yield from _effects(
        group,
        metrics,
        keys,
        "sharpness_of_reconstructions",
        "contrast_of_reconstructions",
        "sharpness_of_samples",
        "contrast_of_samples",
    )


def _ratio(metrics: PictureMetrics, setting: Setting, name: str, what: str) -> str:
    """Returns a mean in per cent of the data's."""
    sample, data = (metrics.sample(setting, f"{name}_of_{of}") for of in (what, "data"))
    assert sample is not None and data is not None
    return percent(sample.mean / data.mean) if data.mean else "no share"


def _samples(group: Group, metrics: PictureMetrics, keys: Sequence[str]) -> Iterator[Sentence]:
    measured = _measured(group, metrics, "precision_of_samples")
    if len(measured) < len(group.settings):
        yield _missing(group, "The plausibility of the samples was")
    for setting in _shown_first(measured):
        yield fact(
            f"of {subject(setting)}, {_share(metrics, setting, 'precision_of_samples')} of the "
            f"samples lie near real images (test images: "
            f"{_share(metrics, setting, 'precision_of_data')}), and the classifier is sure of "
            f"{_share(metrics, setting, 'unanimity_of_samples')} (test images: "
            f"{_share(metrics, setting, 'unanimity_of_data')})."
        )
    if measured:
        yield fact(
            "a blurred image lies near many real ones: read precision beside sharpness, and beside "
            "what the classifier is sure of."
        )
    yield from _effects(group, metrics, keys, "precision_of_samples", "unanimity_of_samples")


def _interpolations(
    group: Group, metrics: PictureMetrics, keys: Sequence[str]
) -> Iterator[Sentence]:
    measured = _measured(group, metrics, "precision_of_interpolations")
    if len(measured) < len(group.settings):
        yield _missing(group, "The plausibility of points on interpolations was")
    for setting in _shown_first(measured):
        lowest = _lowest(metrics, setting)
        yield fact(
            f"between the ends of {subject(setting)}, "
            f"{_share(metrics, setting, 'precision_of_interpolations')} of the points lie near "
            f"real images (ends: {_share(metrics, setting, 'precision_of_ends')}), and the "
            f"classifier is sure of {_share(metrics, setting, 'unanimity_of_interpolations')} "
            f"(ends: {_share(metrics, setting, 'unanimity_of_ends')}){lowest}."
        )
    yield from _effects(
        group,
        metrics,
        keys,
        "precision_of_interpolations",
        "unanimity_of_interpolations",
        "sharpness_of_interpolations",
    )


def _lowest(metrics: PictureMetrics, setting: Setting) -> str:
    """Returns where on the way the classifier is least sure, in words."""
    shares = metrics.by_step(setting, "unanimity_of_interpolations")
    if not shares:
        return ""
    lowest = min(range(len(shares)), key=lambda step: shares[step])
    return f"; least, {percent(shares[lowest])}, {percent(lowest / (len(shares) - 1))} of the way"


def _share(metrics: PictureMetrics, setting: Setting, name: str) -> str:
    sample = metrics.sample(setting, name)
    return "an unmeasured share" if sample is None else share_shown(sample)


def _plane(group: Group, metrics: PictureMetrics) -> Iterator[Sentence]:
    measured = [it for it in group.settings if metrics.by_label(it, "distance_of_digits")]
    if len(measured) < len(group.settings):
        yield _missing(group, "What lies at the centre was")
    for setting in _shown_first(measured):
        yield fact(f"{_centre(metrics, setting)} {_nearest(metrics, setting)}")
    for setting in _shown_first(measured):
        yield from _shares(metrics, setting)


def _centre(metrics: PictureMetrics, setting: Setting) -> str:
    digits = [
        str(number.value)
        for run in setting.runs
        if (number := metrics.number(run, "digit_at_centre"))
    ]
    whose = "the classifier's nearest to what is decoded at the prior's mean"
    by_seed = f", {listed(digits)} by seed" if len(set(digits)) > 1 else f" {digits[0]}"
    lead = f"at the centre of {subject(setting)} lies label{by_seed}"
    disc = metrics.by_label(setting, "digits_of_centre")
    if disc is None:
        return f"{lead} ({whose})."
    return f"{lead} ({whose}); of the plane's central tenth of probability, {_top(disc)}."


def _nearest(metrics: PictureMetrics, setting: Setting) -> str:
    distances = metrics.by_label(setting, "distance_of_digits") or {}
    ordered = sorted(distances, key=lambda label: distances[label])
    near, far = ordered[0], ordered[-1]
    return (
        f"The codes of the {near} lie nearest to 0 (median distance {distances[near]:.2f}), those "
        f"of the {far} farthest ({distances[far]:.2f})."
    )


def _shares(metrics: PictureMetrics, setting: Setting) -> Iterator[Sentence]:
    for name, images in (
        ("digits_of_map", "the square of the latent map"),
        ("digits_of_samples", "the prior draws"),
    ):
        shares = metrics.by_label(setting, name)
        if shares:
            few = [label for label, share in shares.items() if share < 0.01]
            absent = f"; below 1 %: {listed(few)}" if few else ""
            yield fact(f"{images} of {subject(setting)}, by label: {_top(shares)}{absent}.")


def _top(shares: dict[str, float]) -> str:
    ordered = sorted(shares, key=lambda label: -shares[label])[:3]
    return ", ".join(f"{label}: {percent(shares[label])}" for label in ordered if shares[label] > 0)
