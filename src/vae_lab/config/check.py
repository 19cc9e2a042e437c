"""The check of a run's configuration: known keys, types, ranges, combinations."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from typing import Any

from omegaconf import DictConfig

from vae_lab.config.combinations import (
    INVALID_COMBINATIONS,
    OPTIONS,
    check_labelled,
    check_stopping,
)
from vae_lab.config.constructors import check_keys, named_classes
from vae_lab.config.factor_rules import FACTOR_RULES
from vae_lab.config.identity import INIT_WEIGHTS, flatten
from vae_lab.config.remarks import REMARK_RULES
from vae_lab.config.resolve import resolved
from vae_lab.config.rules import (
    OPTIONAL,
    REMOVABLE,
    REQUIRED,
    REQUIRED_OF_TRAINER,
    RULES,
    Rule,
    is_number,
    is_representable,
    stays_inside,
)
from vae_lab.config.sizes import check_sizes
from vae_lab.config.trainer_rules import (
    CALLBACK_RULES,
    REFUSED_TRAINER_ARGUMENTS,
    TRAINER_ARGUMENTS,
    TRAINER_RULES,
    check_trainer,
)
from vae_lab.config.unknown_keys import unknown_key
from vae_lab.errors import UserError

# What a value must be if its default is of a type; bool before int, for a bool is an int.
TYPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list such as [1,2]",
}

# Characters of a value that are shown.
LONGEST = 100


def check(
    values: Mapping[str, Any], defaults: Mapping[str, Any], choices: Mapping[str, str]
) -> None:
    """Checks the resolved configuration of one job.

    `defaults` are the values without overrides by dotted key: the keys that exist, and their types.

    Raises:
        UserError: one line that says what was given, what is allowed, what to do.
    """
    given = dict(flatten(values))
    # If a command line names another class, the keys are those of its constructor.
    classes = named_classes(given, defaults)
    # The class first: the keys of one that is refused do not matter.
    check_values({f"{part}._target_": target for part, target in classes.items()})
    for part, target in classes.items():
        check_keys(part, target, given, defaults)
    usual = {key: value for key, value in given.items() if not _below(key, classes)}
    _check_known(usual, defaults, choices)
    for key in defaults:
        kept = key in given or any(_below(other, [key]) for other in given)
        if not kept and not _below(key, [*REMOVABLE, *classes]):
            raise UserError(f"{key} is missing: it cannot be removed, only changed.")
    check_values(values)
    # A user's option may leave something out.
    for key in (*REQUIRED, *REQUIRED_OF_TRAINER):
        group = key.partition(".")[0]
        if key not in given:
            raise UserError(f"{key} is missing: {group}={choices.get(group)} must set it.")
    _check_types(usual, defaults)
    check_trainer(values["trainer"])
    check_stopping(values)
    check_labelled(values, choices)
    if num_images := given.get("data.num_images"):
        check_sizes(values, num_images)
    _check_together(given)
    _check_meaning(given, choices)


def _below(key: str, parts: Iterable[str]) -> bool:
    return any(key.startswith(f"{part}.") for part in parts)


def check_settings(settings: DictConfig, known: DictConfig) -> dict[str, Any]:
    """Checks settings that belong to no run against the same without overrides, `known`.

    Returns the settings by dotted key.

    Raises:
        UserError: for the first that is not allowed.
    """
    given, reference = (dict(flatten(resolved(config))) for config in (settings, known))
    _check_known(given, reference, {})
    check_values(given)
    _check_types(given, reference)
    return given


def _check_known(
    given: Mapping[str, Any], reference: Mapping[str, Any], choices: Mapping[str, str]
) -> None:
    for key in given:
        group, _, name = key.partition(".")
        if group == "trainer" and (why := REFUSED_TRAINER_ARGUMENTS.get(name.partition(".")[0])):
            raise UserError(f"{key} cannot be set: {why}.")
        # A group of which every part was taken away is a key with nothing below it.
        new = key not in (*reference, *OPTIONAL, INIT_WEIGHTS)
        new = new and not (key in choices and given[key] == {})
        if new and not _is_trainer_argument(key) and not _inside(key, reference):
            raise UserError(_unknown(key, reference, choices))


def check_values(values: Mapping[str, Any]) -> None:
    """Raises UserError for the first value outside its range, of any resolved configuration."""
    given = dict(flatten(values))
    for key, value in _nodes(values):
        # The keys of a person's callback mean what its class makes of them.
        callback = ".".join(key.split(".")[:2]) if key.startswith("callbacks.") else ""
        target = str(given.get(f"{callback}._target_", "vae_lab."))
        if not target.startswith(("vae_lab.", "pytorch_lightning.")):
            continue
        if not is_representable(value):
            raise UserError(f"{key} is out of the range of numbers here, got {shown(value)}.")
        for rule in rules_of(key):
            if not rule.holds(value):
                # A list of values that are right one by one is a sweep.
                sweep = isinstance(value, list) and value != [] and all(map(rule.holds, value))
                hint = f" For a run of each: -m {key}={shown(value)[1:-1]}" * sweep
                raise UserError(f"{key} must be {rule.requirement}, got {shown(value)}.{hint}")
    data = values.get("data")
    files = data.get("files") if isinstance(data, Mapping) else None
    for name in files if isinstance(files, Mapping) else ():
        if not stays_inside(name) or "/" in str(name):
            raise UserError(f"data.files must hold names of files, got {shown(name)}.")


def requirement_broken(key: str, value: Any) -> str | None:
    """Returns what a value must be if it breaks a rule of the tables, None if it does not."""
    broken = (rule.requirement for rule in rules_of(key) if not rule.holds(value))
    return next(broken, None)


def check_recorded(values: Mapping[str, Any]) -> None:
    """Checks the configuration in a run's folder, which may be a stranger's, before it is used.

    Raises:
        UserError: a key is missing that every model and data set need, or a value is not allowed.
    """
    given = dict(flatten(values))
    for key in (*REQUIRED, "seed", "latent_dim"):
        if given.get(key) is None:
            raise UserError(
                f"{key} is missing in the run's configuration: the run is not complete."
            )
    check_values(values)


# What the training needs of a configuration beside REQUIRED.
_OF_A_TRAINING = ("threads", "compile", "matmul_precision", "run_name")


def check_resumed(values: Mapping[str, Any]) -> None:
    """As `check_recorded`, for a run that is resumed: also what its training needs.

    Raises:
        UserError: something is missing, or Trainer would get an argument that no run gives it.
    """
    check_recorded(values)
    for key in (*_OF_A_TRAINING, "trainer", "callbacks", "logger"):
        whole = isinstance(values.get(key), Mapping) or key in _OF_A_TRAINING
        if key not in values or not whole:
            raise UserError(
                f"{key} is missing in the run's configuration: the run is not complete."
            )
    for key in values["trainer"]:
        if not _is_trainer_argument(f"trainer.{key}"):
            raise UserError(f"trainer.{key} is not an argument that a run gives its trainer.")
    for key, node in [*values["callbacks"].items(), *values["logger"].items()]:
        if not isinstance(node, Mapping) or "_target_" not in node:
            raise UserError(f"{key} in the run's configuration names no class (_target_).")


def _nodes(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields each value with its dotted key, a mapping before what is in it."""
    for key, value in values.items():
        yield f"{prefix}{key}", value
        if isinstance(value, Mapping):
            yield from _nodes(value, f"{prefix}{key}.")


def _is_trainer_argument(key: str) -> bool:
    group, _, name = key.partition(".")
    return group == "trainer" and name.partition(".")[0] in TRAINER_ARGUMENTS


def _inside(key: str, reference: Mapping[str, Any]) -> bool:
    """Tells whether the key lies below a key that is null or empty by default: anything goes."""
    parents = [key[: match.start()] for match in re.finditer(r"\.", key)]
    return any(parent in reference and reference[parent] in (None, {}) for parent in parents[1:])


def _unknown(key: str, reference: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    names = set(reference)
    if "trainer" in choices:
        names |= {f"trainer.{argument}" for argument in TRAINER_ARGUMENTS}
    return unknown_key(key, names, choices)


@cache
def rules_of(key: str) -> list[Rule]:
    """Returns the rules that the value of a key must hold."""
    return [
        rule
        for rule in (*RULES, *FACTOR_RULES, *REMARK_RULES, *TRAINER_RULES, *CALLBACK_RULES)
        if any(fnmatch(key, pattern) for pattern in rule.patterns.split())
    ]


def _check_types(given: Mapping[str, Any], reference: Mapping[str, Any]) -> None:
    for key, value in given.items():
        default = reference.get(key)
        # The rows of the tables that say null, or several types, were asked before.
        if default is None or _is_trainer_argument(key) or (value is None and rules_of(key)):
            continue
        kind = next((kind for kind in TYPES if isinstance(default, kind)), object)
        right = is_number(value) if kind in (int, float) else isinstance(value, kind)
        if not right:
            raise UserError(f"{key} must be {TYPES[kind]}, got {shown(value)}.")


def check_halvings(shape: Sequence[int], channels: Sequence[int] | None) -> None:
    """Raises UserError if images (C, H, W) cannot be halved once for each of the channels."""
    if channels and any(size % 2 ** len(channels) for size in shape[1:]):
        raise UserError(
            f"model.channels={shown(channels)} halves the image {len(channels)} times, but "
            f"{shape[1]} x {shape[2]} is not a multiple of {2 ** len(channels)}: use fewer "
            f"channels."
        )


def _check_together(given: Mapping[str, Any]) -> None:
    if "data.path" in given and given["data.path"] is None:
        raise UserError("data.path is missing: add data.path=PATH, where your own images are.")
    if shape := given.get("data.image_shape"):
        check_halvings(shape, given.get("model.channels"))
    alpha, weight = given.get("objective.alpha"), given.get("objective.mmd_weight")
    if alpha is not None and weight is not None and alpha + weight < 1:
        raise UserError(
            f"objective.alpha + objective.mmd_weight must be at least 1, got {alpha} + {weight}: "
            f"below, codes are driven away from the prior. Raise objective.mmd_weight to "
            f"{1 - alpha:g}, which leaves the discrepancy out, or more."
        )
    clips = given.get("trainer.gradient_clip_val")
    if clips and given.get("optimizer.fused") and "mixed" in str(given.get("trainer.precision")):
        raise UserError(
            "trainer.gradient_clip_val cannot be used with a fused optimizer in mixed precision: "
            "add optimizer.fused=false."
        )


def _check_meaning(given: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    for row in INVALID_COMBINATIONS:
        settings = []
        for key, values in (row.first, row.second):
            target = given.get(f"{key}._target_")
            if (given.get(key) if target is None else OPTIONS.get(str(target))) in values:
                settings.append(f"{key}={given.get(key, choices.get(key))}")
        if len(settings) == 2:
            raise UserError(f"{' with '.join(settings)} is not supported: {row.why}; {row.remedy}.")


def shown(value: Any) -> str:
    """Returns a value as error messages show it."""
    if isinstance(value, list):
        return "[" + ",".join(map(shown, value)) + "]"
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
