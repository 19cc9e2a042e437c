"""What is wrong with the settings, each fault with an override that may help.

In the order of their gravity: collapse, overfitting, a training that ended too early, blur or no
dimension left, dimensions that are not used, a best value at the end of those that were tried.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from vae_lab.report.blocks import Finding
from vae_lab.report.comparisons import Comparisons
from vae_lab.report.factors import factors
from vae_lab.report.findings.effects import main_effect
from vae_lab.report.findings.remedies import (
    against_collapse,
    earlier_end,
    larger_data,
    longer_training,
    other_size,
)
from vae_lab.report.findings.tradeoffs import sharpness
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import Run
from vae_lab.report.wording import NATS, counted, key_name, listed, percent, shown

# The KL in nats per image below which a code carries almost no information.
COLLAPSED = 0.5

# The share of the validation bound, or of its rise if that is more (the bound of a density may be
# 0), that the training bound may lie above it; and the standard errors that the validation bound
# may lie below its best and below the training bound.
LARGEST_GAP, GAP_ERRORS, FALL_ERRORS = 0.05, 2.0, 1.0

# The share of the whole rise of the validation bound that its last third may bring.
LARGEST_RISE = 0.05

# The sharpness of reconstructions, as a share of the data's, below which they are called blurred.
SHARP = 0.7

# Keys whose values have no upper limit, by the short name, of which a further one can be tried.
OPEN_KEYS = {"beta": "objective.beta", "lr": "optimizer.lr"}

MOST_NAMED = 3


class Fault(NamedTuple):
    """What is wrong with one setting: how much, in words that follow its name."""

    size: float
    text: str
    remedies: tuple[str, ...]
    numbers: dict[str, Any]


def faults(metrics: PictureMetrics, comparisons: Comparisons) -> list[Finding]:
    """Returns a finding on each kind of fault, the gravest first."""
    best, _ = comparisons.best_and_ties(metrics.group)
    # The words are of the best setting if it has the fault.
    settings = [best, *(it for it in metrics.group.settings if it is not best)]
    return [
        *_collapses(settings),
        *_of_all("overfitting", "Overfitting", settings, _overfitting),
        *_of_all("unfinished", "Too few epochs", settings, _unfinished),
        *_more_dimensions(metrics, comparisons, best),
        *_of_all(
            "unused", "Unused dimensions", settings, lambda it: _unused(it) if it is best else None
        ),
        *_edge(metrics.group, comparisons),
    ]


def _of_all(
    kind: str, title: str, settings: list[Setting], look: Callable[[Setting], Fault | None]
) -> Iterator[Finding]:
    """Yields the finding on a kind of fault: of the first setting, else of that with the most."""
    found = [(setting, fault) for setting in settings if (fault := look(setting))]
    if not found:
        return
    ranked = sorted(found, key=lambda pair: (pair[0] is not settings[0], -pair[1].size))
    setting, fault = ranked[0]
    text = f"{_name(settings, setting)} {fault.text}."
    others = [other.label for other, _ in ranked[1:]]
    if others:
        same = counted(len(others), "other setting") if len(others) > MOST_NAMED else listed(others)
        text += f" The same holds for {same}."
    numbers = {setting.label: it.numbers for setting, it in found}
    evidence = "kl" if kind in ("collapse", "unused") else "curves"
    yield Finding(kind, title, text, evidence, numbers, fault.remedies)


def _name(settings: list[Setting], setting: Setting) -> str:
    """Returns what a sentence begins with: `It` if there is only one setting."""
    return setting.label if len(settings) > 1 else "It"


def is_collapsed(setting: Setting) -> bool:
    """Tells whether the codes carry almost no information about the images."""
    kl = setting.sample("kl")
    return kl is not None and kl.mean < COLLAPSED


def overfits(setting: Setting) -> bool:
    """Tells whether the validation bound fell from its best, or ends far below the training."""
    return _overfitting(setting) is not None


def uses_all_dimensions(setting: Setting) -> bool:
    """Tells whether every latent dimension is in use."""
    return _active(setting) == setting.runs[0].result.latent_dim and not is_collapsed(setting)


def _collapses(settings: list[Setting]) -> Iterator[Finding]:
    # A lower beta is a remedy only if the lowest that was tried did not collapse too.
    lowest = min((_beta(it) for it in settings if is_collapsed(it)), default=1.0)

    def look(setting: Setting) -> Fault | None:
        kl = setting.sample("kl")
        if kl is None or not is_collapsed(setting):
            return None
        text = f"has a KL of {kl.mean:.2g} nats: its codes carry almost no information"
        return Fault(-kl.mean, text, against_collapse(setting.runs[0], lowest), {"kl": kl.mean})

    yield from _of_all("collapse", "Posterior collapse", settings, look)


def _beta(setting: Setting) -> float:
    beta = setting.runs[0].settings.get("objective.beta")
    return float(beta) if isinstance(beta, int | float) else 1.0


def _overfitting(setting: Setting) -> Fault | None:
    """Returns how far validation falls from its best, or lies below training at the end."""
    found = [it for run in setting.runs if (it := _end(run))]
    if not found or len(found) < len(setting.runs):
        return None
    count = len(found)
    train, val, best, first, error = (sum(values) / count for values in zip(*found, strict=True))
    gap, fall = train - val, best - val
    share = gap / (max(abs(val), best - first) or 1.0)
    numbers = {"train": train, "val": val, "best_val": best, "gap": gap}
    if gap <= GAP_ERRORS * error:
        return None
    larger = larger_data(setting.runs[0])
    if fall > FALL_ERRORS * error:
        text = f"overfits: its validation bound fell by {shown(fall, error)}{NATS} from its best"
        return Fault(1 + fall, text, (*earlier_end(setting.runs[0]), *larger), numbers)
    # While validation rises, more epochs bring more than anything against the gap.
    if share > LARGEST_GAP and not _unfinished(setting):
        text = f"overfits: its validation bound ends {shown(gap, error)}{NATS} below its "
        text += "training bound" + ("" if larger else ". More training images would help")
        return Fault(share, text, larger, numbers)
    return None


def _end(run: Run) -> tuple[float, float, float, float, float] | None:
    """Returns the last bounds of training and validation, validation's best and first, its error.

    That is the standard error over images.
    """
    train, val = (run.curves.get(f"elbo/{split}", {}) for split in ("train", "val"))
    error = run.result.standard_errors.get("elbo/val")
    if not train or not val:
        return None
    if error is None:
        error = run.result.standard_errors.get("elbo/test") or 0.0
    return train[max(train)], val[max(val)], max(val.values()), val[min(val)], error


def _unfinished(setting: Setting) -> Fault | None:
    """Returns how much the last third of the epochs brought, if that is much of the whole."""
    rises = [it for run in setting.runs if (it := _rise(run))]
    if len(rises) < len(setting.runs):
        return None
    share, longest = min(it.share for it in rises), max(rises, key=lambda it: it.of_epochs)
    if share <= LARGEST_RISE:
        return None
    gain = sum(it.gain for it in rises) / len(rises)
    last = "" if longest.epochs == 1 else f"{longest.epochs} "
    text = f"was still rising: the last {last}of {counted(longest.of_epochs, 'epoch')} brought "
    text += f"{shown(gain, 1.0)}{NATS}"
    numbers = {"gain": gain, "share": share, "epochs": longest.epochs}
    return Fault(share, text, longer_training(longest.run), numbers)


class Rise(NamedTuple):
    """What the last third of a run's validations brought, in nats and as a share of all."""

    gain: float
    share: float
    epochs: int  # that it took
    of_epochs: int
    run: Run


def _rise(run: Run) -> Rise | None:
    """Returns how the validation bound rose at the end; None if it is not known, or stopped early.

    Early stopping ends a training that no longer rises.
    """
    val = sorted(run.curves.get("elbo/val", {}).items())
    stopped = str(run.result.ended_by or "").startswith("early_stopping")
    if len(val) < 2 or not run.result.epochs or stopped:
        return None
    (start, before), (end, last) = val[-1 - math.ceil(len(val) / 3)], val[-1]
    whole = max(value for _, value in val) - val[0][1]
    if whole <= 0:
        return None
    return Rise(last - before, (last - before) / whole, round(end - start), round(end), run)


def _unused(setting: Setting) -> Fault | None:
    active, dims = _active(setting), setting.runs[0].result.latent_dim
    # Of a collapsed code, fewer dimensions would say no more.
    if active is None or not dims or is_collapsed(setting):
        return None
    fewer = math.ceil(active)  # seeds may differ by one
    if not 0 < fewer < dims:
        return None
    text = f"uses {shown(active) if active % 1 else int(active)} of its {dims} latent dimensions"
    remedies = other_size(setting.runs[0], fewer)
    return Fault(dims - active, text, remedies, {"active": active, "of": dims})


def _active(setting: Setting) -> float | None:
    """Returns the number of dimensions in use, of a run on average; None if unknown."""
    counts = [run.result.latent.get("active_units") for run in setting.runs]
    known = [float(count) for count in counts if count is not None]
    return sum(known) / len(known) if len(known) == len(counts) else None


def _more_dimensions(
    metrics: PictureMetrics, comparisons: Comparisons, best: Setting
) -> Iterator[Finding]:
    """Yields that the best setting could use more dimensions: it uses all, and those helped."""
    dims, active = best.runs[0].result.latent_dim or 0, _active(best)
    largest = max(run.result.latent_dim or 0 for run in metrics.group.runs)
    if not dims or active != dims or dims < largest or is_collapsed(best):
        return
    by_dims = [it for it in factors(metrics.group) if it.key == "latent_dim"]
    gaps = [comparisons.effect("elbo", metrics.group, it, len(it.levels) - 1, 0) for it in by_dims]
    if any(gap is None or gap.value < 0 or not gap.differs for gap in gaps):
        return
    ratio = sharpness(metrics, best, "reconstructions")
    whole = f"{_name(metrics.group.settings, best)} uses all of its "
    whole += counted(dims, "latent dimension")
    text = f"{whole}, so more may raise the bound."
    blurred = ratio is not None and ratio < SHARP
    if ratio is not None:
        text = f"{whole}. Its reconstructions have {percent(ratio)} of the "
        text += "data's sharpness: more dimensions may help."
    numbers = {"active": active, "of": dims, "sharpness_of_reconstructions": ratio}
    title = "Blur" if blurred else "More dimensions"
    subject = "blur" if blurred else "dimensions"
    yield Finding(subject, title, text, "kl", numbers, (f"latent_dim={2 * dims}",))


def _edge(group: Group, comparisons: Comparisons) -> Iterator[Finding]:
    """Yields that the best value of a key is the first or the last of those that were tried."""
    for factor in factors(group):
        effect = main_effect(group, comparisons, factor)
        if effect is None or not effect.gap.differs or factor.key not in OPEN_KEYS:
            continue
        value, tried = factor.levels[effect.best], [it.values[factor.key] for it in group.settings]
        known = [it for it in tried if isinstance(it, int | float)]
        # Below 0 there is nothing to try.
        if not factor.is_ordered or value not in (min(known), max(known)) or value <= 0:
            continue
        is_largest = value == max(known)
        further = 2 * value if is_largest else value / 2
        text = f"The best {key_name(factor.key)}, {value:g}, is the "
        text += f"{'largest' if is_largest else 'smallest'} that was tried."
        numbers = {"key": factor.key, "best": value}
        remedies = (f"{OPEN_KEYS[factor.key]}={further:g}",)
        yield Finding("edge", "Range", text, "differences", numbers, remedies)
