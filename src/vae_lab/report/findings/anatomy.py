"""Which part of the distance from log p(x) to the bound is the larger, and what may lower it."""

from collections.abc import Mapping, Sequence

from vae_lab.report.blocks import Finding
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.findings.faults import overfits, uses_all_dimensions
from vae_lab.report.findings.remedies import (
    longer_training,
    other_size,
    richer_posterior,
    wider_encoder,
)
from vae_lab.report.gaps import AMORTISATION, APPROXIMATION, BothGaps, Gaps
from vae_lab.report.grouping import Group, Setting, ranked_settings
from vae_lab.report.statistics import Difference
from vae_lab.report.wording import NATS, counted, estimate, listed

NAMES = {AMORTISATION: "amortisation gap", APPROXIMATION: "approximation gap"}

# Families of posteriors by the option of their group.
FAMILIES = {"diagonal": "diagonal Gaussian", "full": "Gaussian with a full covariance"}

MOST_NAMED = 3


def anatomy(group: Group, comparisons: Comparisons) -> list[Finding]:
    """Returns the finding on the best of the settings that have both gaps, and on the others."""
    gaps = Gaps(group)
    measured = {id(setting): parts for setting, parts in gaps.measured()}
    ranked = [setting for setting in ranked_settings(group) if id(setting) in measured]
    if not ranked:
        return []
    larger = {id(it): _larger(gaps, it, comparisons.excess(it)) for it in ranked}
    setting, *others = ranked
    parts, excess = measured[id(setting)], comparisons.excess(setting)
    whose = f" of {setting.label}" if len(group.settings) > 1 else ""
    sentences = [
        f"The bound{whose} is {estimate(parts.distance, NATS)} below log p(x).",
        _of_parts(setting, parts, larger[id(setting)], excess),
        *_of_others(others, larger, larger[id(setting)]),
    ]
    numbers = {
        "setting": setting.label,
        "larger": {it.label: larger[id(it)] for it in ranked},
        APPROXIMATION: parts.approximation.numbers(),
        AMORTISATION: parts.amortisation.numbers(),
        "distance": parts.distance.numbers(),
        "difference": excess.numbers() if excess else None,
    }
    remedies = _remedies(group, setting, larger[id(setting)])
    text = " ".join(sentences)
    return [Finding("gaps", "Distance from log p(x)", text, "anatomy", numbers, remedies)]


def _larger(gaps: Gaps, setting: Setting, excess: Difference | None) -> str | None:
    """Returns the name of the part that is larger by more than chance; None if neither is.

    An estimate of log p(x) is too low, by about the width of its sandwich: the approximation gap
    can be larger by that, and must not be the larger one then.
    """
    if not excess or not excess.differs:
        return None
    if excess.value < 0:
        return APPROXIMATION
    sandwich = gaps.sample(setting, "sandwich")
    return AMORTISATION if not sandwich or excess.value > sandwich.mean else None


def _of_parts(
    setting: Setting, parts: BothGaps, larger: str | None, excess: Difference | None
) -> str:
    """Returns the sentence on both parts of one setting."""
    sizes = {APPROXIMATION: parts.approximation, AMORTISATION: parts.amortisation}
    if larger:
        (smaller,) = sizes.keys() - {larger}
        family = FAMILIES.get(str(setting.runs[0].settings["posterior"]), "posterior of its family")
        why = {
            AMORTISATION: f"the encoder does not find the best {family}",
            APPROXIMATION: f"even the best {family} differs from the true posterior",
        }
        return (
            f"The larger part is the {NAMES[larger]}, {estimate(sizes[larger], NATS)} "
            f"({NAMES[smaller]}: {estimate(sizes[smaller])}): {why[larger]}."
        )
    each = listed([f"the {NAMES[name]} ({estimate(it, NATS)})" for name, it in sizes.items()])
    if not excess or excess.differs is None:
        return f"Its parts are {each}; nothing tells how much of their difference is chance."
    if excess.differs:
        return f"Its parts are {each}: log p(x) is not known well enough to say which is larger."
    return f"Its parts do not differ significantly: {each}."


def _of_others(
    settings: Sequence[Setting], larger: Mapping[int, str | None], first: str | None
) -> list[str]:
    """Returns the sentences on the other settings, those that are like the first at first."""
    sentences = []
    for part in sorted((*NAMES, None), key=lambda it: (it is None, it != first)):
        labels = [setting.label for setting in settings if larger[id(setting)] == part]
        if not labels:
            continue
        many = len(labels) > MOST_NAMED
        names = counted(len(labels), "other setting") if many else listed(labels)
        too = " too" if part == first else ""
        what = (
            f"the {NAMES[part]} is the larger{too}" if part else f"neither is clearly larger{too}"
        )
        sentences.append(f"For {names} {what}.")
    return sentences


def _remedies(group: Group, setting: Setting, larger: str | None) -> tuple[str, ...]:
    """Returns what may make the larger part smaller; nothing that was tried beside the setting."""
    run = setting.runs[0]
    if larger == AMORTISATION:
        # More epochs make an overfitting worse.
        longer = () if overfits(setting) else longer_training(run)
        return (*wider_encoder(run), *longer)
    if larger != APPROXIMATION:
        return ()
    tried = [it for it in group.settings if it.values == setting.values | {"posterior": "full"}]
    if richer := () if tried else richer_posterior(run):
        return richer
    dims = run.result.latent_dim or 0
    return other_size(run, 2 * dims) if uses_all_dimensions(setting) and dims else ()
