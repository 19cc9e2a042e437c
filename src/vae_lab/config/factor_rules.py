"""What the settings of data with known factors may be (data=shapes, data=factors)."""

from typing import Any

from vae_lab.config.rules import Rule, at_least, is_whole


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(it, str) for it in value)


FACTOR_RULES = (
    at_least(0, "data.draw_seed"),
    Rule(
        "a whole number from 2 to 1,000,000, for the images are in memory together, or null",
        lambda value: value is None or (is_whole(value, 2) and value <= 1_000_000),
        "data.num_images",
    ),
    Rule(
        "a whole number from 1 to 256",
        lambda value: is_whole(value, 1) and value <= 256,
        "data.values.*",
    ),
    Rule("a list of shapes, such as [square,heart]", _are_names, "data.shapes"),
    Rule("true or false", lambda value: isinstance(value, bool), "data.correlated_test"),
)
