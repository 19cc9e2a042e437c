"""Classes that a command line names itself, in place of an option's: which keys they take.

The constructor says it, so the class is imported, which the check of the options does not need.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from vae_lab.config.instantiate import locate
from vae_lab.errors import UserError, did_you_mean

# Groups of any number of parts, to which a command line may add one.
OPEN_GROUPS = ("callbacks", "logger")

# What the run itself gives to a constructor.
_GIVEN = {"params", "image_shape", "latent_dim", "encoder", "save_dir"}

# Keys of a group that are not its class's: those of the schedule are the optimizer group's.
_OTHERS = {"optimizer": {"schedule", "warmup"}}


def named_classes(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, str]:
    """Returns the parts whose class is not that of their option, and the names of these classes.

    `given` are the values by dotted key, `defaults` those without overrides.
    """
    parts: dict[str, str] = {}
    for key, target in given.items():
        part, _, name = key.rpartition(".")
        is_new = part.rpartition(".")[0] in OPEN_GROUPS
        changed = isinstance(target, str) and target != defaults.get(key)
        if name == "_target_" and changed and (key in defaults or is_new):
            parts[part] = target
    return parts


def check_keys(
    part: str, target: str, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Raises UserError for the first key below `part` that the class `target` does not take."""
    try:
        parameters = inspect.signature(locate(target, trust=True)).parameters
    except (TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise UserError(f"{part}.{error}") from error
        raise UserError(f"{part}._target_={target} is no class with settings: name one.") from error
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return
    names = set(parameters) - _GIVEN
    for key in given:
        name = key.removeprefix(f"{part}.").partition(".")[0]
        if not key.startswith(f"{part}.") or name in names | {"_target_"} | _OTHERS.get(
            part, set()
        ):
            continue
        if key in defaults:
            remedy = f"remove it with ~{part}.{name}"
        elif meant := did_you_mean(name, names):
            remedy = f"did you mean {part}.{meant}?"
        else:
            remedy = f"choose from {', '.join(sorted(names))}"
        end = "" if remedy.endswith("?") else "."
        raise UserError(f"{part}.{name} is no setting of {target}: {remedy}{end}")
