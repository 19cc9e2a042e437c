"""The rules of values as JSON schema, found by asking each rule about values.

A rule is a test, so its range is written down once. Which kinds of values it allows, and between
which numbers, is found by trying. What only the test knows, such as the form of a text, no schema
says: it allows more than the rule, never less.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vae_lab.config.rules import LARGEST_NUMBER, Rule

Schema = dict[str, Any]
Holds = Callable[[Any], bool]

# Values of each kind. Rules of numbers allow an interval, and one of these is in it.
_TEXTS = ("a", "auto", "warn", "00:12:00:00")
_NUMBERS = (0.5, 0.0, 1e-7, 0.99, 1.0, 1.5, 3.0, 50.0, 1e3, 1e5)
_WHOLE = (0, 1, 2, 3, 4, 8, 16, 50, 1000, -1)
_OBJECTS: tuple[Mapping[str, Any], ...] = ({}, {"hours": 12})

# Lengths of a list that are tried, and lists in lists.
_LONGEST, _DEEPEST = 64, 2


def rule_schema(rule: Rule) -> Schema:
    """Returns what a JSON schema can say of a rule: every value that the rule allows is valid."""
    if rule.options:
        return {"enum": list(rule.options)}
    return _schema(rule.holds, depth=0)


def _schema(holds: Holds, depth: int) -> Schema:
    # A rule of numbers only lets everything else pass.
    if all(map(holds, (None, True, "a", [], {}))):
        number = next(value for value in _NUMBERS if holds(value))
        return _interval(holds, number)
    kinds = [*_plain_kinds(holds), *_number_kinds(holds)]
    if depth < _DEEPEST:
        kinds += _list_kinds(holds, depth)
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _plain_kinds(holds: Holds) -> Iterator[Schema]:
    if holds(None):
        yield {"type": "null"}
    truths = [value for value in (True, False) if holds(value)]
    if truths:
        yield {"type": "boolean"} if len(truths) == 2 else {"const": truths[0]}
    if any(map(holds, _TEXTS)):
        yield {"type": "string"}
    if any(map(holds, _OBJECTS)):
        yield {"type": "object"}


def _number_kinds(holds: Holds) -> Iterator[Schema]:
    number = next((value for value in _NUMBERS if holds(value)), None)
    whole = next((value for value in _WHOLE if holds(value)), None)
    interval = {} if number is None else _interval(holds, number)
    if number is not None:
        yield {"type": "number", **interval}
    if whole is not None:
        of_whole = _whole_interval(holds, whole)
        if number is None or not _covers(interval, of_whole):
            yield {"type": "integer", **of_whole}
        # No limit, beside the numbers from 1.
        if holds(-1) and of_whole.get("minimum", -1) > -1:
            yield {"const": -1}


def _covers(interval: Schema, of_whole: Schema) -> bool:
    """Tells whether an interval of numbers holds all whole numbers of another interval."""
    low = interval.get("minimum", interval.get("exclusiveMinimum", -math.inf))
    high = interval.get("maximum", interval.get("exclusiveMaximum", math.inf))
    least, most = of_whole.get("minimum", -math.inf), of_whole.get("maximum", math.inf)
    return bool(low <= least and most <= high)


def _interval(holds: Holds, inside: float) -> Schema:
    """Returns the limits of the interval of numbers around one that is allowed."""
    bounds: Schema = {}
    for key, farthest in (("Minimum", -LARGEST_NUMBER), ("Maximum", LARGEST_NUMBER)):
        if not holds(farthest):
            allowed, refused = _edge(holds, inside, farthest)
            # One of the two neighbours is the number that a person wrote.
            is_allowed = len(repr(allowed)) <= len(repr(refused))
            name = key.lower() if is_allowed else f"exclusive{key}"
            bounds[name] = _tidy(allowed if is_allowed else refused)
    return bounds


def _edge(holds: Holds, allowed: float, refused: float) -> tuple[float, float]:
    """Returns the neighbouring numbers of which the first is allowed and the other is not."""
    while (middle := allowed + (refused - allowed) / 2) not in (allowed, refused):
        allowed, refused = (middle, refused) if holds(middle) else (allowed, middle)
    return allowed, refused


def _whole_interval(holds: Holds, inside: int) -> Schema:
    bounds: Schema = {}
    for key, sign in (("minimum", -1), ("maximum", 1)):
        allowed, step = inside, sign
        # In growing steps, so that no gap next to the interval is passed over.
        while abs(step) < 2**62 and holds(allowed + step):
            allowed, step = allowed + step, 2 * step
        if abs(step) < 2**62:
            refused = allowed + step
            while abs(refused - allowed) > 1:
                middle = (allowed + refused) // 2
                allowed, refused = (middle, refused) if holds(middle) else (allowed, middle)
            bounds[key] = allowed
    return bounds


def _tidy(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _list_kinds(holds: Holds, depth: int) -> Iterator[Schema]:
    """Yields the schema of the lists that are allowed, by lists of one value several times."""
    empty = holds([])
    samples: list[Any] = [*_WHOLE, *_NUMBERS, *_TEXTS, [1, 7]]
    of_length = {
        length: value for length in (1, 2, 3) for value in samples if holds([value] * length)
    }
    if of_length:
        shortest = min(of_length)
        value = of_length[shortest]
        most = next((n for n in range(shortest, _LONGEST) if not holds([value] * (n + 1))), None)
        # A list of distinct values has no value twice: its length is not limited.
        is_limited = most is not None and (most > 1 or (not holds([1, 2]) and not holds([0, 1])))
        yield {
            "type": "array",
            "items": _schema(lambda item: holds([item] * shortest), depth + 1),
            **({} if empty else {"minItems": shortest}),
            **({"maxItems": most} if is_limited else {}),
        }
    elif empty:
        yield {"type": "array"}
