"""What is to be seen in pictures, in sentences: sharpness, plausibility, the latent plane."""

from collections.abc import Iterator, Sequence

from vae_lab.report.conclusions import AT_MOST, DIMENSIONS, Of, Topic, effects, fact, missing
from vae_lab.report.grouping import Part, Setting
from vae_lab.report.picture_metrics import Seen, path_of
from vae_lab.report.wording import Quantity, Sentence, listed, percent, share_shown, subject

WORDS = {
    "sharpness_of_reconstructions": "the sharpness of the reconstructions",
    "contrast_of_reconstructions": "the contrast of the reconstructions",
    "sharpness_of_samples": "the sharpness of the samples",
    "contrast_of_samples": "the contrast of the samples",
    "precision_of_samples": "the share of samples near real images (precision)",
    "unanimity_of_samples": "the share of samples with a sure classification",
    "precision_of_interpolations": "the share of points on interpolations near real images",
    "unanimity_of_interpolations": (
        "the share of points on interpolations with a sure classification"
    ),
    "sharpness_of_interpolations": "the sharpness of the points on interpolations",
}


def topics_of_pictures(part: Part, seen: Seen) -> list[Topic]:
    """Returns the topics that the findings of the pictures answer."""
    keys = [DIMENSIONS, *(key for key in part.keys if key != DIMENSIONS)]
    return [
        Topic("Sharpness and contrast", list(_looks(part, seen, keys))),
        Topic("Plausibility of the samples", list(_samples(part, seen, keys))),
        Topic("Plausibility on interpolations", list(_interpolations(part, seen, keys))),
        Topic("The centre of the latent space, and each label's share", list(_plane(part, seen))),
    ]


def _of(seen: Seen, name: str) -> Of:
    return lambda setting: seen.sample(setting, name)


def _effects(part: Part, seen: Seen, keys: Sequence[str], *names: str) -> Iterator[Sentence]:
    for name in names:
        yield from effects(part, keys, _of(seen, name), Quantity(WORDS[name]))


def _known(part: Part, seen: Seen, name: str) -> list[Setting]:
    return [setting for setting in part.settings if seen.sample(setting, name) is not None]


def _unknown(part: Part, what: str) -> Sentence:
    """Returns the sentence on findings that some runs lack: for want of labels, or of effort."""
    runs = [run for setting in part.settings for run in setting.runs]
    if any(run.result.data.get("labels") == [] for run in runs):
        return Sentence(
            f"{what} not measured: that needs labels, and the images have none.", "open"
        )
    return missing(what)


def _shown_first(settings: Sequence[Setting]) -> Sequence[Setting]:
    """Returns the settings that have a sentence each; the table has the rest."""
    return settings[:AT_MOST]


def _looks(part: Part, seen: Seen, keys: Sequence[str]) -> Iterator[Sentence]:
    known = _known(part, seen, "sharpness_of_data")
    if len(known) < len(part.settings):
        yield missing("Sharpness and contrast were")
    for setting in _shown_first(known):
        parts = [
            f"{what} have {_ratio(seen, setting, 'sharpness', what)} of the data's sharpness and "
            f"{_ratio(seen, setting, 'contrast', what)} of its contrast"
            for what in ("reconstructions", "samples")
        ]
        yield fact(f"of {subject(setting)}, {parts[0]}; {parts[1]}.")
    yield from _effects(
        part,
        seen,
        keys,
        "sharpness_of_reconstructions",
        "contrast_of_reconstructions",
        "sharpness_of_samples",
        "contrast_of_samples",
    )


def _ratio(seen: Seen, setting: Setting, name: str, what: str) -> str:
    """Returns a mean in per cent of the data's."""
    own, data = (seen.sample(setting, f"{name}_of_{one}") for one in (what, "data"))
    assert own is not None and data is not None
    return percent(own.mean / data.mean) if data.mean else "no share"


def _samples(part: Part, seen: Seen, keys: Sequence[str]) -> Iterator[Sentence]:
    known = _known(part, seen, "precision_of_samples")
    if len(known) < len(part.settings):
        yield _unknown(part, "The plausibility of the samples was")
    for setting in _shown_first(known):
        yield fact(
            f"of {subject(setting)}, {_share(seen, setting, 'precision_of_samples')} of the "
            f"samples lie near real images (test images: "
            f"{_share(seen, setting, 'precision_of_data')}), and the classifier is sure of "
            f"{_share(seen, setting, 'unanimity_of_samples')} (test images: "
            f"{_share(seen, setting, 'unanimity_of_data')})."
        )
    if known:
        yield fact(
            "a blurred image lies near many real ones: read precision beside sharpness, and beside "
            "what the classifier is sure of."
        )
    yield from _effects(part, seen, keys, "precision_of_samples", "unanimity_of_samples")


def _interpolations(part: Part, seen: Seen, keys: Sequence[str]) -> Iterator[Sentence]:
    known = _known(part, seen, "precision_of_interpolations")
    if len(known) < len(part.settings):
        yield _unknown(part, "The plausibility of points on interpolations was")
    for setting in _shown_first(known):
        lowest = _lowest(seen, setting)
        yield fact(
            f"between the ends of {subject(setting)}, "
            f"{_share(seen, setting, 'precision_of_interpolations')} of the points lie near real "
            f"images (ends: {_share(seen, setting, 'precision_of_ends')}), and the classifier is "
            f"sure of {_share(seen, setting, 'unanimity_of_interpolations')} (ends: "
            f"{_share(seen, setting, 'unanimity_of_ends')}){lowest}."
        )
    yield from _effects(
        part,
        seen,
        keys,
        "precision_of_interpolations",
        "unanimity_of_interpolations",
        "sharpness_of_interpolations",
    )


def _lowest(seen: Seen, setting: Setting) -> str:
    """Returns where on the way the classifier is least sure, in words."""
    steps = path_of(seen, setting, "unanimity_of_interpolations")
    if not steps:
        return ""
    place = min(range(len(steps)), key=lambda step: steps[step])
    return f"; least, {percent(steps[place])}, {percent(place / (len(steps) - 1))} of the way"


def _share(seen: Seen, setting: Setting, name: str) -> str:
    sample = seen.sample(setting, name)
    return "an unknown share" if sample is None else share_shown(sample)


def _plane(part: Part, seen: Seen) -> Iterator[Sentence]:
    known = [one for one in part.settings if seen.shares(one, "distance_of_digits")]
    if len(known) < len(part.settings):
        yield _unknown(part, "What lies at the centre was")
    for setting in _shown_first(known):
        yield fact(f"{_centre(seen, setting)} {_nearest(seen, setting)}")
    for setting in _shown_first(known):
        yield from _shares(seen, setting)


def _centre(seen: Seen, setting: Setting) -> str:
    digits = [
        str(number["value"])
        for run in setting.runs
        if (number := seen.of(run, "digit_at_centre")) is not None
    ]
    whose = "the classifier's nearest to what is decoded at the prior's mean"
    by_seed = f", {listed(digits)} by seed" if len(set(digits)) > 1 else f" {digits[0]}"
    lead = f"at the centre of {subject(setting)} lies label{by_seed}"
    disc = seen.shares(setting, "digits_of_centre")
    if disc is None:
        return f"{lead} ({whose})."
    return f"{lead} ({whose}); of the plane's central tenth of probability, {_top(disc)}."


def _nearest(seen: Seen, setting: Setting) -> str:
    distances = seen.shares(setting, "distance_of_digits") or {}
    ordered = sorted(distances, key=lambda label: distances[label])
    near, far = ordered[0], ordered[-1]
    return (
        f"The codes of the {near} lie nearest to 0 (median distance {distances[near]:.2f}), those "
        f"of the {far} farthest ({distances[far]:.2f})."
    )


def _shares(seen: Seen, setting: Setting) -> Iterator[Sentence]:
    for name, words in (
        ("digits_of_map", "the square of the latent map"),
        ("digits_of_samples", "the prior draws"),
    ):
        shares = seen.shares(setting, name)
        if shares:
            few = [label for label, share in shares.items() if share < 0.01]
            absent = f"; below 1 %: {listed(few)}" if few else ""
            yield fact(f"{words} of {subject(setting)}, by label: {_top(shares)}{absent}.")


def _top(shares: dict[str, float]) -> str:
    ordered = sorted(shares, key=lambda label: -shares[label])[:3]
    return ", ".join(f"{label}: {percent(shares[label])}" for label in ordered if shares[label] > 0)
