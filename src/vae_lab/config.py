"""What a valid run is: known keys, types, ranges, cross-field checks.

Knows nothing of torch or Lightning, so a mistake is answered before anything heavy is imported.
"""

import difflib
import json
import math
import os
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae_lab.errors import UserError
from vae_lab.identity import flatten

# pytorch_lightning.Trainer's arguments that a person may set; a test holds them against its
# signature. The rest (callbacks, logger, default_root_dir) are this project's own.
TRAINER_ARGUMENTS = frozenset(
    """
    accelerator accumulate_grad_batches barebones benchmark check_val_every_n_epoch detect_anomaly
    deterministic devices enable_autolog_hparams enable_checkpointing enable_model_summary
    enable_progress_bar fast_dev_run gradient_clip_algorithm gradient_clip_val inference_mode
    limit_predict_batches limit_test_batches limit_train_batches limit_val_batches
    log_every_n_steps max_epochs max_steps max_time min_epochs min_steps model_registry num_nodes
    num_sanity_val_steps overfit_batches plugins precision profiler
    reload_dataloaders_every_n_epochs strategy sync_batchnorm use_distributed_sampler
    val_check_interval
    """.split()
)

# Groups of which a part can be taken away, as in ~callbacks.samples.
REMOVABLE = ("callbacks", "logger", "trainer")


class Rule(NamedTuple):
    """A key or pattern of keys, what its value must be, in words and as a test."""

    pattern: str
    words: str
    holds: Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(_whole(size) and size >= 1 for size in value)


AT_LEAST_1 = ("a whole number of at least 1", lambda value: _whole(value) and value >= 1)
AT_LEAST_0 = ("a whole number of at least 0", lambda value: _whole(value) and value >= 0)
ABOVE_0 = ("a number above 0", lambda value: _number(value) and value > 0)
NOT_NEGATIVE = ("a number of at least 0", lambda value: _number(value) and value >= 0)

RULES = (
    Rule("latent_dim", *AT_LEAST_1),
    Rule("seed", *AT_LEAST_0),
    Rule(
        "threads",
        "a whole number of at least 1, or null for all cores",
        lambda value: value is None or (_whole(value) and value >= 1),
    ),
    Rule("data.batch_size", *AT_LEAST_1),
    Rule("data.num_val", *AT_LEAST_0),
    Rule("data.split_seed", *AT_LEAST_0),
    Rule("data.timeout", *ABOVE_0),
    Rule("trainer.max_epochs", *AT_LEAST_1),
    Rule("trainer.check_val_every_n_epoch", *AT_LEAST_1),
    Rule("optimizer.lr", *ABOVE_0),
    Rule("optimizer.eps", *ABOVE_0),
    Rule("optimizer.weight_decay", *NOT_NEGATIVE),
    Rule(
        "optimizer.schedule",
        "one_cycle or constant",
        lambda value: value in ("one_cycle", "constant"),
    ),
    Rule(
        "optimizer.warmup",
        "a number between 0 and 1, neither included",
        lambda value: _number(value) and 0 < value < 1,
    ),
    Rule("model.lr", *ABOVE_0),
    Rule("model.hidden_dims", "a list of sizes of at least 1, such as [512,256]", _sizes),
    Rule(
        "model.channels",
        "a list of one or more sizes of at least 1, such as [32,64]",
        lambda value: _sizes(value) and len(value) > 0,
    ),
    Rule("objective.beta", *NOT_NEGATIVE),
    Rule("objective.num_samples", *AT_LEAST_1),
    Rule("likelihood.scale", *ABOVE_0),
    Rule("callbacks.*.every_n_epochs", *AT_LEAST_1),
)

# What a value must be where its default is of a type; bool before int, for a bool is an int.
TYPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list such as [1,2]",
}


def check(config: DictConfig, known: DictConfig, choices: Mapping[str, str]) -> None:
    """Checks one job's configuration.

    Args:
        config: as composed, with every override.
        known: the same options of every group, without an override: the keys that exist, and types.
        choices: these options, by group.

    Raises:
        UserError: one line that says what was given, what is allowed, what to do.
    """
    given, reference = _flat(config), _flat(known)
    for key in given:
        if key not in reference and not _is_trainer_argument(key) and not _inside(key, reference):
            raise UserError(_unknown(key, reference, choices))
    for key in reference:
        kept = key in given or any(other.startswith(f"{key}.") for other in given)
        if not kept and key.partition(".")[0] not in REMOVABLE:
            raise UserError(f"{key} is missing: it cannot be removed, only changed.")
    for key, value in given.items():
        _check_rule(key, value)
    for key, value in given.items():
        _check_type(key, value, reference.get(key))
    _check_together(given)


def resolved(config: DictConfig) -> dict[str, Any]:
    """Returns the configuration as plain values, without Hydra's part and with `threads` settled.

    Raises:
        UserError: where an interpolation leads nowhere.
    """
    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    try:
        values = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key}: {str(error).splitlines()[0]}") from error
    assert isinstance(values, dict)
    plain = {str(key): value for key, value in values.items()}
    if "threads" in plain and plain["threads"] is None:
        plain["threads"] = available_cores()
    return plain


def available_cores() -> int:
    """Returns how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _flat(config: DictConfig) -> dict[str, Any]:
    return dict(flatten(resolved(config)))


def _is_trainer_argument(key: str) -> bool:
    group, _, name = key.partition(".")
    return group == "trainer" and name.partition(".")[0] in TRAINER_ARGUMENTS


def _inside(key: str, reference: Mapping[str, Any]) -> bool:
    """Tells whether the key lies below one that is null or empty by default: anything goes."""
    parents = [key[: match.start()] for match in re.finditer(r"\.", key)]
    return any(parent in reference and reference[parent] in (None, {}) for parent in parents[1:])


def _unknown(key: str, reference: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    group, _, name = key.rpartition(".")
    names = {*reference, *(f"trainer.{argument}" for argument in TRAINER_ARGUMENTS)}
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.75)
    if not close:
        ends = {other.rpartition(".")[2]: other for other in sorted(names, key=len, reverse=True)}
        close = [ends[end] for end in difflib.get_close_matches(name, ends, n=1, cutoff=0.75)]
    if close:
        return f"unknown key {key}: did you mean {close[0]}?"
    top = key.partition(".")[0]
    if group and top in choices:
        names = {other for other in names if other.startswith(f"{top}.")}
        where = f"{top}={choices[top]} has"
    else:
        names = {other.partition(".")[0] for other in names}
        where = "the keys are"
    shown = sorted(
        {other.removeprefix(f"{top}.").partition(".")[0] for other in names} - {"_target_"}
    )
    return f"unknown key {key}: {where} {', '.join(shown)}."


def _check_rule(key: str, value: Any) -> None:
    for rule in RULES:
        if fnmatch(key, rule.pattern) and not rule.holds(value):
            raise UserError(f"{key} must be {rule.words}, got {_shown(value)}.")


def _check_type(key: str, value: Any, default: Any) -> None:
    # Trainer's own arguments take many types (devices=1 or auto): it checks them itself.
    if value is None or (_is_trainer_argument(key) and not isinstance(default, bool)):
        return
    for kind, words in TYPES.items():
        if isinstance(default, kind):
            right = _number(value) if kind in (int, float) else isinstance(value, kind)
            if not right:
                raise UserError(f"{key} must be {words}, got {_shown(value)}.")
            return


def _check_together(given: Mapping[str, Any]) -> None:
    num_images, num_val = given.get("data.num_images"), given.get("data.num_val")
    if num_images and num_val and num_val >= num_images:
        raise UserError(
            f"data.num_val must be below {num_images}, the images that training and validation "
            f"share in data={given.get('data.name')}, got {num_val}."
        )
    shape, channels = given.get("data.image_shape"), given.get("model.channels")
    if shape and channels and any(size % 2 ** len(channels) for size in shape[1:]):
        raise UserError(
            f"model.channels={_shown(channels)} halves the image {len(channels)} times, but "
            f"{shape[1]} x {shape[2]} is no multiple of {2 ** len(channels)}: use fewer channels."
        )
    clips = given.get("trainer.gradient_clip_val")
    if clips and given.get("optimizer.fused") and "mixed" in str(given.get("trainer.precision")):
        raise UserError(
            "trainer.gradient_clip_val cannot be used with a fused optimizer in mixed precision: "
            "add optimizer.fused=false."
        )


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_shown, value)) + "]"
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
