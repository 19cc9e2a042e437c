"""The classes of a conditional model: their names, and which one a person means. No torch."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vae_lab.config.identity import is_conditional
from vae_lab.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from vae_lab.run_folder import RunResult

# What `condition` of a protocol says if every image has its class: the bound is on log p(x|y).
CONDITION = "label"

# Names that a message lists.
_NAMED = 20


def classes_of(config: Mapping[str, Any], result: "RunResult") -> tuple[str, ...]:
    """Returns the names of the classes 0, 1, ... that a model is given; none if it is given none.

    `config` is the resolved configuration of its run, `result` what is known of it.
    """
    return tuple(result.data.get("labels") or ()) if is_conditional(config) else ()


def class_index(label: int | str, classes: Sequence[str]) -> int:
    """Returns the place of the class that a person means.

    Text is the name of a class. A whole number is the name too if all names are whole numbers, as
    those of digits are; if not, it is the place.

    Raises:
        UserError: There is no such class.
    """
    name = str(label)
    if name in classes:
        return classes.index(name)
    has_numbers = all(re.fullmatch(r"-?\d+", each) for each in classes)
    if isinstance(label, int) and not has_numbers and 0 <= label < len(classes):
        return label
    close = did_you_mean(name, classes)
    meant = f" Did you mean {close}?" if close else ""
    raise UserError(f"{name} is not a class of this model: name one of {listed(classes)}.{meant}")


def listed(classes: Sequence[str]) -> str:
    """Returns the names of classes as a message lists them; of many, the first."""
    rest = len(classes) - _NAMED
    return ", ".join(classes[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
