"""Numbers, settings and differences as text."""

import html
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from vae_lab.reading import is_kind
from vae_lab.report.grouping import Setting
from vae_lab.report.statistics import Difference, Sample

NATS = " nats"
PER_IMAGE = " nats per image"

# Decimals that a number has at most.
MOST_DECIMALS = 5

# Keys that have a name of the field, beside their own.
KEY_NAMES = {"latent_dim": "latent dimensions", "lr": "learning rate"}


def shown(value: float, error: float | None = None) -> str:
    """Returns a number with as many digits as its error allows, two of the error's."""
    if value == 0 and not error:
        return "0"
    # An error too small for the decimals gives no information about them.
    if error is None or not 10**-MOST_DECIMALS <= error < math.inf:
        return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
    # Of the rounded error: 0.998 is 1.0, not 1.00.
    digit = math.floor(math.log10(float(f"{error:.1e}")))
    return f"{value:.{min(max(0, 1 - digit), MOST_DECIMALS)}f}"


def with_error(value: float, error: float | None, unit: str = "") -> str:
    """Returns `value ± error`; without an error that has no digit of those that are shown."""
    text = shown(value, error)
    if not error or error < 10**-MOST_DECIMALS:
        return f"{text}{unit}"
    return f"{text} ± {shown(error, error)}{unit}"


def percent(share: float) -> str:
    """Returns a share in per cent."""
    return f"{100 * share:.0f} %"


def share_shown(sample: Sample) -> str:
    """Returns a share in per cent with its 95 % interval, in which it need not be the middle."""
    if (interval := sample.interval()) is None:
        return percent(sample.mean)
    # One decimal at most.
    half = max(50 * (interval[1] - interval[0]), 1.0)
    mean, low, high = (shown(100 * value, half) for value in (sample.mean, *interval))
    return f"{mean} % ({low} to {high})"


def estimate(sample: Sample, unit: str = "") -> str:
    """Returns a mean with its standard error over images, or with its interval over seeds."""
    interval = sample.interval()
    if sample.spread is None or interval is None:
        return with_error(sample.mean, sample.error, unit)
    return f"{rounded(sample.mean, interval)}{unit} {_interval_shown(interval)}"


def size_shown(gap: Difference, unit: str = NATS, *, interval: bool = True) -> str:
    """Returns the size of a difference with its interval, or with its standard error."""
    size = abs(gap.value)
    if gap.interval is None:
        return f"{shown(size)}{unit}"
    if not interval and gap.kind == "images":
        return with_error(size, gap.error, unit)
    low, high = gap.interval
    ends = (low, high) if gap.value >= 0 else (-high, -low)
    return f"{rounded(size, ends)}{unit} {_interval_shown(ends)}"


def rounded(value: float, interval: tuple[float, float]) -> str:
    """Returns a number with as many digits as its interval allows, one of its half width."""
    return shown(value, 10 * (interval[1] - interval[0]) / 2)


def _interval_shown(interval: tuple[float, float]) -> str:
    low, high = (rounded(end, interval) for end in interval)
    return f"[{low} to {high}]"


def key_name(key: str) -> str:
    """Returns what a key is called, such as `latent dimensions`."""
    return KEY_NAMES.get(key, key)


def level_name(key: str, value: Any) -> str:
    """Returns a key's value, such as `conv`, `10 latent dimensions` or `beta 0.5`."""
    if key == "latent_dim":
        return f"{value} {plural('latent dimension', value)}"
    if isinstance(value, str) and key.endswith("._target_"):
        return value.rpartition(".")[2]
    if isinstance(value, str) and "." not in key:
        return value
    text = f"{value:g}" if isinstance(value, float) else json.dumps(value, default=str)
    return f"{key_name(key)} {'none' if value is None else text}"


def levels_named(key: str, values: Sequence[Any]) -> list[str]:
    """Returns values of a key; numbers have its name once, as `beta 0.5` and `4`."""
    names = [level_name(key, value) for value in values]
    if all(is_kind(it, float) for it in values):
        names[1:] = [f"{value:g}" for value in values[1:]]
    return names


def setting_name(setting: Setting) -> str:
    """Returns what a setting is called in a sentence, such as `conv with 10 latent dimensions`."""
    names = [level_name(key, value) for key, value in setting.values.items()]
    if not names:
        return setting.label
    return names[0] if len(names) == 1 else f"{names[0]} with {listed(names[1:])}"


def capital(text: str) -> str:
    """Returns a text that begins with a capital letter, unless that would change a name."""
    return text if set("._") & set(text.split(" ")[0]) else text[:1].upper() + text[1:]


def plural(noun: str, count: int | None) -> str:
    """Returns a noun, in its plural unless there is one of them."""
    return noun if count == 1 else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """Returns a number of things, such as `1 run` or `3 runs`."""
    return f"{count:,} {plural(noun, count)}"


def listed(items: Sequence[str]) -> str:
    """Returns `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def markdown_escaped(text: str) -> str:
    """Returns a text on one line, as Markdown shows it letter by letter."""
    shown_by_html = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", shown_by_html)
