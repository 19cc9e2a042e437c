"""How values are written: with as many digits as their error allows."""

import math
from typing import Any

from vae_lab.run_folder import Number

_MOST_DECIMALS = 4


def value_with_error(number: Number | None) -> str:
    """Returns a value with as many digits as its error allows, and the error; `–` without any."""
    if number is None:
        return "–"
    if isinstance(number.value, dict):
        return ", ".join(f"{label}: {digits(part)}" for label, part in number.value.items())
    value, error = number.value, number.standard_error
    if not error or not isinstance(value, float) or not math.isfinite(error):
        return digits(value)
    # As many digits as the error allows, two of the error's: 0.998 is 1.0, not 1.00.
    digit = math.floor(math.log10(float(f"{error:.1e}")))
    decimals = min(max(0, 1 - digit), _MOST_DECIMALS)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def digits(value: Any) -> str:
    """Returns a value with four digits, or two decimals of a large one; `–` for none."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {digits(part)}" for name, part in value.items())
    if not isinstance(value, float):
        return "–" if value is None else str(value)
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4g}"
