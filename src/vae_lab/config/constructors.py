"""Classes that a command line names itself, in place of an option's: which keys they take.

The constructor says it, so the class is imported, which the check of the options does not need.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from vae_lab.config.instantiate import locate
from vae_lab.errors import UserError, did_you_mean

# Groups of any number of parts, to which a command line may add one.
OPEN_GROUPS = ("callbacks", "logger")

# What the run itself gives to a constructor.
_GIVEN = {"params", "image_shape", "latent_dim", "encoder", "save_dir"}

# Parameters that can be given by name.
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

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
    """Raises UserError for the first key below `part` that `target` does not take, or needs."""
    try:
        parameters = inspect.signature(locate(target, trust=True)).parameters
    except UserError as error:
        raise UserError(f"{part}.{error}") from error
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{part}._target_={target} does not say its settings: name another class."
        ) from error
    start = f"{part}."
    keys = {key.removeprefix(start).partition(".")[0] for key in given if key.startswith(start)}
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    names = parameters.keys() - _GIVEN
    known = names | _OTHERS.get(part, set()) | {"_target_"}
    for name in sorted(set() if takes_any else keys - known):
        remedy = _remedy(part, name, names, defaults)
        raise UserError(f"{part}.{name} is not a setting of {target}: {remedy}")
    for name in sorted(names - keys):
        if parameters[name].default is inspect.Parameter.empty and parameters[name].kind in _NAMED:
            raise UserError(f"{part}.{name} is missing: {target} needs it.")


def _remedy(part: str, name: str, names: Iterable[str], defaults: Mapping[str, Any]) -> str:
    if any(f"{key}.".startswith(f"{part}.{name}.") for key in defaults):
        return f"remove it with ~{part}.{name}."
    if meant := did_you_mean(name, names):
        return f"did you mean {part}.{meant}?"
    return f"choose from {', '.join(sorted(names))}."
