"""Which keys vary between runs, without those that follow from others."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

# Keys that change no number, or what follows from the rest.
IGNORED = (
    *("callbacks", "logger", "report", "threads", "trainer.accelerator", "trainer.devices"),
    *("trainer.log_every_n_steps", "trainer.num_sanity_val_steps"),
)

# The callbacks that only look: those of other packages may change the training.
ONLY_LOOKING = "vae_lab.callbacks."

# What counts of the data if the images are the same: the other keys only say which images.
OF_SAME_IMAGES = ("data.batch_size", "data.binarize", "data.num_val", "data.split_seed")

FIRST = ("model", "latent_dim")

# Keys that another group's option may settle, beside their own group's: precision `auto`, and the
# optimizer that a model names.
SETTLED_BY = {"trainer.precision": "model", "optimizer": "model"}

# The rates of each optimizer that are the model's, unless somebody chose others.
RATES_OF_MODEL = {
    "adam": {"optimizer.lr": "model.lr"},
    "muon": {"optimizer.lr": "model.muon_lr", "optimizer.adam_lr": "model.lr"},
}


def varying_keys(settings: Sequence[Mapping[str, Any]], *, same_images: bool = False) -> list[str]:
    """Returns the keys whose values differ, seeds aside, without those that follow from others.

    A key of a group that is the same wherever the option is the same follows from the option; so do
    keys with the same values in every run as another. With the `same_images` in all runs, it does
    not matter under which name they were read.
    """
    names = dict.fromkeys(name for of_run in settings for name in of_run)
    columns = {
        name: tuple(
            json.dumps(_chosen(name, of_run), default=str, sort_keys=True) for of_run in settings
        )
        for name in names
        if _matters(name, settings, same_images)
    }
    varying = {name: column for name, column in columns.items() if len(set(column)) > 1}
    kept: list[str] = []
    explained: set[tuple[str, ...]] = set()
    for name in sorted(varying, key=_order):
        column = varying[name]
        option = varying.get(SETTLED_BY.get(name, _option(name)), column)
        pairs = set(zip(option, column, strict=True))
        follows = option is not column and len(pairs) == len(set(option))
        if not follows and column not in explained:
            kept.append(name)
        explained.add(column)
    return kept


def _chosen(name: str, of_run: Mapping[str, Any]) -> Any:
    """Returns the value of a key; None of a rate that is the model's own."""
    value = of_run.get(name)
    usual = RATES_OF_MODEL.get(of_run.get("optimizer", ""), {}).get(name, "")
    return None if value == of_run.get(usual) else value


def _option(name: str) -> str:
    """Returns the key that can settle another: the option of its group, or a callback's class."""
    group, _, rest = name.partition(".")
    return f"callbacks.{rest.partition('.')[0]}._target_" if group == "callbacks" else group


def _matters(name: str, settings: Sequence[Mapping[str, Any]], same_images: bool) -> bool:
    """Tells whether a key can change what a run computes, its seed aside."""
    group, _, rest = name.partition(".")
    if group == "callbacks" and rest:
        targets = {str(of_run.get(_option(name), ONLY_LOOKING)) for of_run in settings}
        return not all(it.startswith(ONLY_LOOKING) for it in targets)
    if group == "data" and same_images:
        return name in OF_SAME_IMAGES
    return name != "seed" and group not in IGNORED and name not in IGNORED


def _order(name: str) -> tuple[int, int, bool, str]:
    first = FIRST.index(name) if name in FIRST else len(FIRST)
    # Groups come first. model.lr is looked at before optimizer.lr, which is taken from it.
    return first, name.count("."), not name.startswith("model."), name
