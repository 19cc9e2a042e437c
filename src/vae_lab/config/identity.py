"""What tells one run from another: its hash, and the short name that people see.

The hash covers what a run computes. Threads and precision belong to it, since equality to the last
bit is promised only where they are equal.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

# Keys that change where or how visibly a run works, never what it computes.
NOT_IN_HASH = (
    "sweep_name",
    "run_name",
    "note",
    "tags",
    "report",
    "picture_metrics@report",
    "explorer",
    "data.root",
    "data.source.root",
    "data.timeout",
    "data.mirrors",
    "data.fallback",
    "trainer.enable_progress_bar",
    "trainer.enable_model_summary",
)

# The weights that a run starts from: their place, which does not count, and their checksum, which a
# run with such weights has, and which nobody types.
INIT_FROM, INIT_WEIGHTS = "init_from", "init_weights"

# Defaults that another key takes: the value of that key counts.
ONLY_DEFAULTS = ("model.muon_lr",)

# Keys that came later: with this value a run computes what it computed before, with the same hash.
ADDED_LATER = {
    "best_by": None,
    "posterior._target_": "vae_lab.posteriors.Diagonal",
    "condition._target_": "vae_lab.conditions.Unconditional",
    "init_strict": True,
    INIT_FROM: None,
    INIT_WEIGHTS: None,
}

# The option of a group that came later, with which a run computes what it computed before.
GROUPS_ADDED_LATER = {"posterior": "diagonal", "condition": "none"}

# What a name says by itself, or need not say.
NOT_IN_NAME = ("model", "data", "latent_dim", "experiment", "debug")

# The groups whose options set keys of any group. Their names come first in that of a run.
RECIPES = ("experiment", "debug")

# What the name of a single run need not say, if no other job differs in it.
NOT_IN_SINGLE_RUN_NAME = ("callbacks", "logger", "threads")


def config_hash(values: Mapping[str, Any], *, with_modules: bool = False) -> str:
    """Returns 12 hexadecimal digits that identify what a resolved configuration computes.

    Of a class of this package only its name counts: a move of its file changes no hash. Earlier
    versions made it `with_modules`.
    """
    relevant = {key: value for key, value in flatten(values) if not is_volatile(key)}
    for key in (INIT_FROM, *ONLY_DEFAULTS):
        relevant.pop(key, None)
    if relevant.get(INIT_WEIGHTS) is None:
        relevant.pop("init_strict", None)
    for key, value in ADDED_LATER.items():
        if relevant.get(key) == value:
            relevant.pop(key, None)
    for key, value in relevant.items():
        is_class = key.rpartition(".")[2] == "_target_" and isinstance(value, str)
        if is_class and value.startswith("vae_lab.") and not with_modules:
            relevant[key] = value.rpartition(".")[2]
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()[:12]


def options_of(choices: Mapping[str, str]) -> dict[str, str]:
    """Returns the option of each group, for the choices of an older run of later groups too."""
    return {**GROUPS_ADDED_LATER, **choices} if choices else {}


def condition_of(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the condition of a resolved configuration; of an older run, that there is none."""
    return values.get("condition", {"_target_": ADDED_LATER["condition._target_"]})


def is_conditional(values: Mapping[str, Any]) -> bool:
    """Tells whether the model of a resolved configuration is given more than pixels."""
    return condition_of(values)["_target_"] != ADDED_LATER["condition._target_"]


def has_hash(values: Mapping[str, Any], recorded: str) -> bool:
    """Tells whether a configuration has a hash that this version or an earlier one recorded."""
    try:
        return recorded in (config_hash(values, with_modules=modules) for modules in (False, True))
    except (TypeError, ValueError, RecursionError):  # a date, or keys of two kinds
        return False


def run_name(choices: Mapping[str, str], latent_dim: int, others: Mapping[str, str]) -> str:
    """Returns a short name such as `conv-z10`, `conv-z10-beta4` or `conv-z10-5k`.

    `others` is what else was overridden, key -> value as text, in order.
    """
    parts = [choices["model"], f"z{latent_dim}"]
    if data := choices["data"].removeprefix("mnist").strip("_"):
        parts.append(data)
    parts += [_part(key, value) for key, value in others.items()]
    return "-".join(filter(None, parts))


def source_name(source: str) -> str:
    """Returns what `init_from` is called: `conv-z10` of `outputs/runs/conv-z10`."""
    return PurePath(source).name.rpartition(":")[2]


def _part(key: str, value: str) -> str:
    if key == "data.path":
        # The file's name says it. Where two are alike, their folders are numbered.
        return _short(PurePath(value).stem)
    if key == INIT_FROM:
        return "" if value == "null" else f"from-{_short(source_name(value))}"
    *parents, name = key.replace("/", ".").split(".")
    if name.isdigit():  # a place in a list
        name = f"{parents[-1]}{name}-"
    text = re.sub(r"^\[(.*)\]$", r"\1", value)
    short = _short(text)
    if short != text and "," not in text:
        # Something was lost: two values must not become one folder.
        short += hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:4]
    return f"{name.removeprefix('max_')}{short}"


def _short(text: str) -> str:
    """Returns a text as a part of a name: its letters of any language, digits, `.` and `+`."""
    kept = [
        letter if unicodedata.category(letter)[0] in "LMN" or letter in ".+" else "-"
        for letter in unicodedata.normalize("NFC", text)
    ]
    return re.sub("-+", "-", "".join(kept)).strip("-.")[:20]


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields each value with its dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def is_volatile(key: str) -> bool:
    """Tells whether a dotted key changes where or how visibly a run works, and nothing else."""
    return any(key == name or key.startswith(f"{name}.") for name in NOT_IN_HASH)
