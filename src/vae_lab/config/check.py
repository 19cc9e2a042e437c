"""The check of a run's configuration: known keys, types, ranges, combinations."""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from functools import cache
from typing import Any

from omegaconf import DictConfig

from vae_lab.config.combinations import INVALID_COMBINATIONS, OPTIONS
from vae_lab.config.identity import flatten
from vae_lab.config.resolve import resolved
from vae_lab.config.rules import (
    OPTIONAL,
    REFUSED_TRAINER_ARGUMENTS,
    REMOVABLE,
    REQUIRED,
    RULES,
    TRAINER_ARGUMENTS,
    Rule,
    is_number,
    stays_inside,
)
from vae_lab.errors import UserError, did_you_mean

# What a value must be if its default is of a type; bool before int, for a bool is an int.
TYPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list such as [1,2]",
}


def check(
    values: Mapping[str, Any], defaults: Mapping[str, Any], choices: Mapping[str, str]
) -> None:
    """Checks the resolved configuration of one job.

    `defaults` are the values without overrides by dotted key: the keys that exist, and their types.

    Raises:
        UserError: one line that says what was given, what is allowed, what to do.
    """
    given = dict(flatten(values))
    _check_known(given, defaults, choices)
    for key in defaults:
        kept = key in given or any(other.startswith(f"{key}.") for other in given)
        if not kept and key.partition(".")[0] not in REMOVABLE:
            raise UserError(f"{key} is missing: it cannot be removed, only changed.")
    # A user's option may leave something out.
    for key in REQUIRED:
        group = key.partition(".")[0]
        if key not in given:
            raise UserError(f"{key} is missing: {group}={choices.get(group)} must set it.")
    check_values(values)
    _check_types(given, defaults)
    _check_together(given)
    _check_meaning(given, choices)


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
        new = key not in reference and key not in OPTIONAL
        if new and not _is_trainer_argument(key) and not _inside(key, reference):
            raise UserError(_unknown(key, reference, choices))


def check_values(values: Mapping[str, Any]) -> None:
    """Raises UserError for the first value outside its range, of any resolved configuration."""
    given = dict(flatten(values))
    for key, value in given.items():
        # The keys of a person's callback mean what its class makes of them.
        callback = ".".join(key.split(".")[:2]) if key.startswith("callbacks.") else ""
        if not str(given.get(f"{callback}._target_", "vae_lab.")).startswith("vae_lab."):
            continue
        for rule in _rules_of(key):
            if not rule.holds(value):
                raise UserError(f"{key} must be {rule.requirement}, got {_shown(value)}.")
    data = values.get("data")
    files = data.get("files") if isinstance(data, Mapping) else None
    for name in files if isinstance(files, Mapping) else ():
        if not stays_inside(name) or "/" in str(name):
            raise UserError(f"data.files must hold names of files, got {_shown(name)}.")


def check_recorded(values: Mapping[str, Any]) -> None:
    """Checks the configuration in a run's folder, which may be a stranger's, before it is used.

    Raises:
        UserError: a key is missing that every model and data set need, or a value is not allowed.
    """
    given = dict(flatten(values))
    for key in (*REQUIRED, "seed", "latent_dim"):
        if given.get(key) is None:
            raise UserError(f"{key} is missing in the run's configuration: it is no whole run.")
    check_values(values)


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
    if meant := did_you_mean(key, names):
        return f"unknown key {key}: did you mean {meant}?"
    top, dot, _ = key.partition(".")
    if dot and top in choices:
        names = {other for other in names if other.startswith(f"{top}.")}
        where = f"{top}={choices[top]} has"
    else:
        names = {other.partition(".")[0] for other in names}
        where = "the keys are"
    shown = sorted(
        {other.removeprefix(f"{top}.").partition(".")[0] for other in names} - {"_target_"}
    )
    return f"unknown key {key}: {where} {', '.join(shown)}."


@cache
def _rules_of(key: str) -> list[Rule]:
    return [
        rule for rule in RULES if any(fnmatch(key, pattern) for pattern in rule.patterns.split())
    ]


def _check_types(given: Mapping[str, Any], reference: Mapping[str, Any]) -> None:
    for key, value in given.items():
        default = reference.get(key)
        # Trainer's own arguments take many types (devices=1 or auto): it checks them itself.
        if value is None or (_is_trainer_argument(key) and not isinstance(default, bool)):
            continue
        kind = next((kind for kind in TYPES if isinstance(default, kind)), object)
        right = is_number(value) if kind in (int, float) else isinstance(value, kind)
        if not right:
            raise UserError(f"{key} must be {TYPES[kind]}, got {_shown(value)}.")


def check_halvings(shape: Sequence[int], channels: Sequence[int] | None) -> None:
    """Raises UserError if images (C, H, W) cannot be halved once for each of the channels."""
    if channels and any(size % 2 ** len(channels) for size in shape[1:]):
        raise UserError(
            f"model.channels={_shown(channels)} halves the image {len(channels)} times, but "
            f"{shape[1]} x {shape[2]} is no multiple of {2 ** len(channels)}: use fewer channels."
        )


def _check_together(given: Mapping[str, Any]) -> None:
    if "data.path" in given and given["data.path"] is None:
        raise UserError("data.path is missing: add data.path=PATH, where your own images are.")
    num_images, num_val = given.get("data.num_images"), given.get("data.num_val")
    if num_images and num_val and num_val >= num_images:
        raise UserError(
            f"data.num_val must be below {num_images}, the images that training and validation "
            f"share in data={given.get('data.name')}, got {num_val}."
        )
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
            raise UserError(f"{' with '.join(settings)} has no meaning: {row.why}; {row.remedy}.")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_shown, value)) + "]"
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
