"""What the printed evaluation says first: how good the weights are, and where the bound loses."""

from collections.abc import Mapping
from typing import Any

from vae_lab.evaluate.values import digits, value_with_error
from vae_lab.run_folder import Number

# The numbers that stand in a block of their own, in its order, and what each is.
ANATOMY = {
    "log_likelihood": "log p(x)",
    "approximation_gap": "lost by the family of the posterior",
    "best_bound": "the bound of the best posterior of the family",
    "amortisation_gap": "lost by the encoder",
    "encoder_bound": "the bound of the encoder's posterior",
}


def weights_block(numbers: Mapping[str, Number]) -> list[str]:
    """Returns how far the weights behind `iw_bound` can be trusted; nothing without it."""
    number = numbers.get("iw_bound")
    if number is None or "median_effective_samples" not in number.details:
        return []
    details, samples = number.details, int(number.protocol["samples"])
    rows = {
        "effective samples": f"smallest {_shown(details, 'smallest_effective_samples')}, lowest "
        f"tenth below {_shown(details, 'tenth_percentile_effective_samples')}, median "
        f"{_shown(details, 'median_effective_samples')} of {samples}",
    }
    if (k := details.get("median_pareto_k")) is not None:
        rows["Pareto k"] = f"median {k:.2f}, above 0.7 (too heavy a tail) in " + (
            f"{details.get('share_of_heavy_tails', 0.0):.0%} of the images"
        )
    if (half := details.get("with_half_the_samples")) is not None:
        rows["iw_bound"] = (
            f"{half:.2f} with {samples // 2} samples, {number.value:.2f} with {samples}"
            f"{_RISING[details.get('still_rising')]}"
        )
    rows["Monte Carlo error"] = _shown(details, "monte_carlo_error")
    warning = details.get("warning")
    return [
        f"importance weights, {samples} samples per image",
        *_aligned(rows),
        *([f"  iw_bound: {warning}"] if warning else []),
        "",
    ]


# By the detail `still_rising`, which older evaluations lack.
_RISING = {True: ": still rising", False: ": at rest", None: ""}


def anatomy_block(numbers: Mapping[str, Number]) -> list[str]:
    """Returns where the bound loses, as a small table and a sentence; nothing if not measured."""
    if not numbers.keys() >= ANATOMY.keys():
        return []
    parts = {name: numbers[name] for name in ANATOMY}
    protocol = parts["approximation_gap"].protocol
    log_p = "log p(x given y)" if "condition" in protocol else ANATOMY["log_likelihood"]
    what = ANATOMY | {"log_likelihood": log_p}
    width = max(map(len, ANATOMY))
    lines = [
        f"where the bound loses: {protocol.get('images')} images, posterior "
        f"{protocol.get('posterior')}, {log_p} by {protocol.get('by')}; best posterior by "
        f"{protocol.get('steps')} steps; bounds by {protocol.get('samples')} samples"
    ]
    for name, number in parts.items():
        # Gaps stand between the values that they separate.
        sign = "-" if name.endswith("_gap") else " "
        value = value_with_error(number)
        lines.append(f"  {sign} {name.ljust(width)}  {value:>16}  {what[name]}")
    family, encoder = (parts[name].value for name in ("approximation_gap", "amortisation_gap"))
    assert isinstance(family, float) and isinstance(encoder, float)
    lines.append(
        f"  The bound is {family + encoder:.2f} nats below {log_p}: {family:.2f} by the family of "
        f"the posterior (approximation), {encoder:.2f} by the encoder (amortisation)."
    )
    return [*lines, ""]


def _aligned(rows: Mapping[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"  {name.ljust(width)}  {text}" for name, text in rows.items()]


def _shown(details: Mapping[str, Any], key: str) -> str:
    return digits(details.get(key))
