"""What is wrong with the settings, each fault with an override that may mend it.

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
from vae_lab.report.findings.tradeoffs import sharpness
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.picture_metrics import PictureMetrics
from vae_lab.report.runs import Run
from vae_lab.report.wording import NATS, counted, key_name, listed, percent, shown

# The KL in nats per image below which a code says next to nothing.
COLLAPSED = 0.5

# The share of the validation bound that the training bound may lie above it, and the standard
# errors that the validation bound may lie below its best and below the training bound.
LARGEST_GAP, GAP_ERRORS, FALL_ERRORS = 0.05, 2.0, 1.0

# The share of the whole rise of the validation bound that its last third may bring.
LARGEST_RISE = 0.05

# The sharpness of reconstructions, as a share of the data's, below which they are called blurred.
SHARP = 0.7

# Of these data sets a larger one exists.
LARGER_DATA = {"mnist_5k": "mnist"}

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
    """Tells whether the codes say next to nothing about the images."""
    kl = setting.sample("kl")
    return kl is not None and kl.mean < COLLAPSED


def _collapses(settings: list[Setting]) -> Iterator[Finding]:
    # A lower beta is a remedy only if the lowest that was tried did not collapse too.
    lowest = min((_beta(it) for it in settings if is_collapsed(it)), default=1.0)
    remedies = ("objective.beta=1",) if lowest > 1 else ("objective=elbo_free_bits",)

    def look(setting: Setting) -> Fault | None:
        kl = setting.sample("kl")
        if kl is None or not is_collapsed(setting):
            return None
        text = f"has a KL of {kl.mean:.2g} nats: its codes say next to nothing"
        return Fault(-kl.mean, text, remedies, {"kl": kl.mean})

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
    train, val, best, error = (sum(values) / count for values in zip(*found, strict=True))
    gap, fall, share = train - val, best - val, (train - val) / max(abs(val), 1e-9)
    numbers = {"train": train, "val": val, "best_val": best, "gap": share}
    data = setting.runs[0].result.choices.get("data", "")
    larger = (f"data={LARGER_DATA[data]}",) if data in LARGER_DATA else ()
    if gap > GAP_ERRORS * error and fall > FALL_ERRORS * error:
        text = f"overfits: its validation bound fell by {shown(fall, error)} nats from its best"
        early = ("callbacks=[default,early_stopping]",)
        return Fault(1 + fall, text, (*early, *larger), numbers)
    if gap > GAP_ERRORS * error and share > LARGEST_GAP:
        text = f"overfits: its validation bound ends {percent(share)} below its training bound"
        text += "" if larger else ". More training images would help"
        return Fault(share, text, larger, numbers)
    return None


def _end(run: Run) -> tuple[float, float, float, float] | None:
    """Returns the last bounds of training and validation, the best, and its standard error."""
    train, val = (run.curves.get(f"elbo/{split}", {}) for split in ("train", "val"))
    error = run.result.standard_errors.get("elbo/val")
    if not train or not val:
        return None
    if error is None:
        error = run.result.standard_errors.get("elbo/test") or 0.0
    return train[max(train)], val[max(val)], max(val.values()), error


def _unfinished(setting: Setting) -> Fault | None:
    """Returns how much the last third of the epochs brought, if that is much of the whole."""
    rises = [_rise(run) for run in setting.runs]
    if not all(rises):
        return None
    gains = [it[0] for it in rises if it]
    epochs, share = max(it[2] for it in rises if it), min(it[1] for it in rises if it)
    if share <= LARGEST_RISE:
        return None
    gain = sum(gains) / len(gains)
    text = f"was still rising: the last third of {epochs} epochs brought {shown(gain, 1.0)}{NATS}"
    return Fault(share, text, (f"trainer.max_epochs={2 * epochs}",), {"gain": gain, "share": share})


def _rise(run: Run) -> tuple[float, float, int] | None:
    """Returns what the last third of the validations brought in nats, its share, the epochs."""
    val = [value for _, value in sorted(run.curves.get("elbo/val", {}).items())]
    if len(val) < 2 or not run.result.epochs:
        return None
    gain, whole = val[-1] - val[-1 - math.ceil(len(val) / 3)], max(val) - val[0]
    return (gain, gain / whole, run.result.epochs) if whole > 0 else None


def _unused(setting: Setting) -> Fault | None:
    active, dims = _active(setting), setting.runs[0].result.latent_dim
    if active is None or not dims or not 0 < active < dims:
        return None
    fewer = math.ceil(active)
    text = f"uses {shown(active) if active % 1 else int(active)} of its {dims} latent dimensions"
    return Fault(dims - active, text, (f"latent_dim={fewer}",), {"active": active, "of": dims})


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
    if not dims or active != dims or dims < largest:
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
        value = factor.levels[effect.best]
        if effect.best not in (0, len(factor.levels) - 1):
            continue
        further = 2 * value if effect.best else value / 2
        text = f"The best {key_name(factor.key)}, {value:g}, is the "
        text += f"{'largest' if effect.best else 'smallest'} that was tried."
        remedies = (f"{OPEN_KEYS[factor.key]}={further:g}",)
        yield Finding("edge", "Range", text, "curves", {"key": factor.key, "best": value}, remedies)
