"""What an evaluation prints of the scores of disentanglement: each with its error and its nulls."""

from collections.abc import Mapping

from vae_lab.evaluate.factors.numbers import DIMENSIONS, WORDS
from vae_lab.evaluate.values import value_with_error
from vae_lab.run_folder import Number

# The numbers that stand in this block.
OF_FACTORS = (*WORDS, DIMENSIONS)


def factors_block(numbers: Mapping[str, Number]) -> list[str]:
    """Returns a line per score, and what each latent dimension tells of; nothing without them."""
    scores = [numbers[name] for name in WORDS if name in numbers]
    if not scores:
        return []
    protocol, width = scores[0].protocol, max(map(len, WORDS))
    lines = [
        f"known factors: {protocol.get('factors')}; {protocol.get('images')} images, ± "
        f"{protocol.get('error')}",
        f"  {'':{width}}  {'':>16}  {'null: random':>13}  {'permuted':>8}",
    ]
    for number in scores:
        nulls = (number.details.get(f"null_{kind}") for kind in ("random", "permuted"))
        random, permuted = (f"{it:.3f}" if isinstance(it, float) else "–" for it in nulls)
        lines.append(
            f"  {number.name:{width}}  {value_with_error(number):>16}  {random:>13}  "
            f"{permuted:>8}  {number.words}"
        )
    return [*lines, *_dimension_lines(numbers.get(DIMENSIONS)), ""]


def _dimension_lines(number: Number | None) -> list[str]:
    if number is None or not isinstance(number.value, dict):
        return []
    titles = number.details.get("titles", [])
    parts = [
        f"{dim} {title} {share:.2f}" if title else f"{dim} none"
        for (dim, share), title in zip(number.value.items(), titles, strict=True)
    ]
    return [f"  what each dimension tells most of, as a share of its entropy: {', '.join(parts)}"]
