"""What is gained and what it costs: reconstruction against KL, sharpness against plausibility."""

from itertools import combinations
from typing import Any, NamedTuple

from vae_lab.report.blocks import Finding
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.factors import Factor, factors
from vae_lab.report.findings.effects import instead
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.statistics import Difference
from vae_lab.report.wording import (
    NATS,
    capital,
    estimate,
    percent,
    size_shown,
)

SHARPNESS, PRECISION = "sharpness_of_samples", "precision_of_samples"


class Exchange(NamedTuple):
    """Two levels of a key, of which the first has the lower reconstruction term, a higher KL."""

    factor: Factor
    levels: tuple[int, int]
    recon: Difference
    kl: Difference


def terms_of_lead(comparisons: Comparisons, best: Setting, other: Setting) -> list[Finding]:
    """Returns the finding on what the better of two settings is better in, if that is known."""
    gaps = {name: comparisons.known(name, best, other) for name in ("recon", "kl")}
    known = {name: gap for name, gap in gaps.items() if gap}
    if len(known) < len(gaps):
        return []
    names = {"recon": "reconstruction term", "kl": "KL"}
    sizes = {
        names[name]: f"{size_shown(gap)} {'lower' if gap.value < 0 else 'higher'}"
        for name, gap in known.items()
        if gap.differs
    }
    if not sizes:
        return []
    (first, size), *second = sizes.items()
    text = f"The {first} of {best.label} is {size} than that of {other.label}"
    text += "".join(f", its {name} {it}" for name, it in second) + "."
    same = [names[name] for name, gap in known.items() if gap.differs is False]
    text += f" Its {same[0]} does not differ significantly." if same else ""
    numbers = {name: gap.numbers() for name, gap in known.items()}
    return [Finding("terms", "Terms of the bound", text, "bound", numbers)]


def tradeoffs(metrics: PictureMetrics, comparisons: Comparisons) -> list[Finding]:
    """Returns the finding on what the keys trade for what, if anything is significant."""
    texts: list[str] = []
    numbers: dict[str, Any] = {}
    evidence = "pictures"
    # Of two settings, it is told as the terms of their difference.
    several = len(metrics.group.settings) > 2
    if several and (exchange := _exchange(metrics.group, comparisons)):
        words = instead(exchange.factor, *exchange.levels)
        texts.append(
            f"{capital(words)} improves the reconstruction term by {size_shown(exchange.recon)} "
            f"and costs {size_shown(exchange.kl)} of KL."
        )
        numbers |= {"recon": exchange.recon.numbers(), "kl": exchange.kl.numbers()}
        evidence = "bound"
    if pair := _sharper_but_less_plausible(metrics, comparisons):
        texts.append(_sharpness_text(metrics, *pair))
        numbers |= {
            "sharper": pair[0].label,
            "more_plausible": pair[1].label,
            "sharpness": comparisons.of(SHARPNESS, *pair).numbers(),
            "precision": comparisons.of(PRECISION, *pair).numbers(),
        }
    if not texts:
        return []
    return [Finding("trade-off", "Trade-off", " ".join(texts), evidence, numbers)]


def _exchange(group: Group, comparisons: Comparisons) -> Exchange | None:
    """Returns the largest exchange of reconstruction for KL between the ends of a key's levels."""
    found = []
    for factor in factors(group):
        for a, b in factor.extremes():
            recon, kl = (comparisons.effect(name, group, factor, a, b) for name in ("recon", "kl"))
            if not (recon and kl and recon.differs and kl.differs) or recon.value * kl.value > 0:
                continue
            if recon.value < 0:
                found.append(Exchange(factor, (a, b), recon, kl))
            else:
                found.append(Exchange(factor, (b, a), recon.turned(), kl.turned()))
    return max(found, key=lambda it: it.kl.value, default=None)


def _sharper_but_less_plausible(
    metrics: PictureMetrics, comparisons: Comparisons
) -> tuple[Setting, Setting] | None:
    """Returns two settings of one key's levels, the first with sharper samples, fewer plausible."""
    found = []
    group = metrics.group
    measured = [
        it for it in group.settings if all(metrics.sample(it, n) for n in (SHARPNESS, PRECISION))
    ]
    for one, other in combinations(measured, 2):
        if sum(one.values[key] != other.values[key] for key in group.keys) != 1:
            continue
        for a, b in ((one, other), (other, one)):
            sharp, plausible = (comparisons.of(name, a, b) for name in (SHARPNESS, PRECISION))
            if sharp.differs and plausible.differs and sharp.value > 0 > plausible.value:
                found.append((plausible.value, a, b))
    if not found:
        return None
    _, a, b = min(found, key=lambda entry: entry[0])
    return a, b


def _sharpness_text(metrics: PictureMetrics, sharper: Setting, plausible: Setting) -> str:
    first, second = (sharpness(metrics, it, "samples") for it in (sharper, plausible))
    near, more = (_mean(metrics, it, PRECISION) for it in (sharper, plausible))
    data = metrics.sample(sharper, "precision_of_data")
    ratio = beside = ""
    if first is not None and second is not None:
        ratio = f" ({percent(first)} against {percent(second)} of the data's sharpness)"
    if data:
        beside = _beside_data(more, data.mean)
    return (
        f"Samples of {sharper.label} are sharper than those of {plausible.label}{ratio}, but fewer "
        f"lie close to a real image: {percent(near)} against {percent(more)}{beside}."
    )


def _beside_data(share: float, of_data: float) -> str:
    """Returns the share of real images that lie close to others, and why samples exceed it."""
    if share > of_data:
        return f". Blur helps here: of real test images it is {percent(of_data)}"
    return f" (test images: {percent(of_data)})"


def sharpness(metrics: PictureMetrics, setting: Setting, of: str) -> float | None:
    """Returns the sharpness of reconstructions or samples as a share of the data's."""
    sample, data = (metrics.sample(setting, f"sharpness_of_{it}") for it in (of, "data"))
    return sample.mean / data.mean if sample and data and data.mean > 0 else None


def _mean(metrics: PictureMetrics, setting: Setting, name: str) -> float:
    sample = metrics.sample(setting, name)
    assert sample is not None
    return sample.mean


def quality(metrics: PictureMetrics) -> list[Finding]:
    """Returns the finding on a single setting: its terms and its pictures."""
    (setting,) = metrics.group.settings
    recon, kl = (setting.sample(name) for name in ("recon", "kl"))
    texts: list[str] = []
    numbers: dict[str, Any] = {}
    if recon and kl:
        texts.append(
            f"The reconstruction term is {estimate(recon, NATS)}, the KL {estimate(kl, NATS)}."
        )
        numbers |= {"recon": recon.numbers(), "kl": kl.numbers()}
    if (ratio := sharpness(metrics, setting, "reconstructions")) is not None:
        texts.append(f"Reconstructions have {percent(ratio)} of the data's sharpness.")
        numbers["sharpness_of_reconstructions"] = ratio
    found = [Finding("bound", "The bound", " ".join(texts), "bound", numbers)] if texts else []
    return found + _plausibility(metrics, setting)


def _plausibility(metrics: PictureMetrics, setting: Setting) -> list[Finding]:
    names = [f"{name}_of_{of}" for name in ("precision", "unanimity") for of in ("samples", "data")]
    samples = [metrics.sample(setting, name) for name in names]
    near, near_data, sure, sure_data = samples
    if not (near and near_data and sure and sure_data):
        return []
    beside = _beside_data(near.mean, near_data.mean)
    text = (
        f"{percent(near.mean)} of the samples lie close to a real image{beside}. The nearest "
        f"training images agree on the label of {percent(sure.mean)} (test images: "
        f"{percent(sure_data.mean)})."
    )
    known = {name: it.numbers() for name, it in zip(names, samples, strict=True) if it}
    return [Finding("samples", "Samples", text, "pictures", known)]
