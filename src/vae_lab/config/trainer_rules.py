"""What Lightning's Trainer may be given: which arguments, their values, what they mean together.

Lightning looks at most of these only when the trainer is made, or while it trains. Names are those
of its own enumerations; a test holds every row against the Trainer itself.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vae_lab.config.rules import Rule, at_least, is_number, is_whole, option
from vae_lab.errors import UserError

# Arguments that would have no effect here, or another one than theirs: why, and what does the same.
REFUSED_TRAINER_ARGUMENTS = {
    "barebones": "a run needs its checkpoints; add callbacks=none logger=none",
    "enable_autolog_hparams": "the run's config.yaml holds its settings either way",
    "fast_dev_run": "it leaves out loggers and checkpoints; add trainer=debug",
    "inference_mode": "no evaluation of a run computes gradients either way",
    "limit_predict_batches": "a run predicts nothing",
    "limit_test_batches": "the final test uses every test image",
    "model_registry": "the weights of a run lie in its folder",
    "num_nodes": "a run works on one machine; for several processes add trainer=ddp",
    "plugins": "they are objects, which a command line cannot give",
    "reload_dataloaders_every_n_epochs": "each epoch has another order of the images either way",
    "sync_batchnorm": "no network here has a batch norm; one of your own may hold SyncBatchNorm",
    "use_distributed_sampler": "the processes share each batch either way",
    "val_check_interval": (
        "validation comes after whole epochs; for shorter epochs add "
        "trainer.limit_train_batches=0.5"
    ),
}

# Precisions of networks, and Lightning's short names for them.
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16")

# The parts of a duration, as datetime.timedelta names them.
_UNITS = {"weeks", "days", "hours", "minutes", "seconds"}


def _is_batches(value: Any) -> bool:
    # 1 is one batch, 1.0 all of them.
    share = isinstance(value, float) and 0 < value <= 1
    return value is None or is_whole(value, 1) or share


def _is_zero(value: Any) -> bool:
    return is_number(value) and value == 0


def _is_duration(value: Any) -> bool:
    if isinstance(value, dict):
        known = value.keys() <= _UNITS
        return known and all(map(is_number, value.values())) and 0 < sum(value.values()) < 1e6
    text = r"(?=.*[1-9])[0-9]{1,5}:[0-9]{2}:[0-9]{2}:[0-9]{2}"
    return value is None or (isinstance(value, str) and re.fullmatch(text, value) is not None)


def _is_devices(value: Any) -> bool:
    if isinstance(value, list):
        # As text: an unhashable value is not the number of a device either.
        distinct = len({str(each) for each in value}) == len(value)
        return value != [] and distinct and all(is_whole(each, 0) for each in value)
    return value == "auto" or is_whole(value, 1) or (is_whole(value) and value == -1)


# Callbacks of Lightning that would change a run behind its record.
REFUSED_CALLBACKS = (
    "BatchSizeFinder",
    "LearningRateFinder",
    "LearningRateMonitor",
    "StochasticWeightAveraging",
)

CALLBACK_RULES = (
    Rule(
        "a callback that leaves batch size, learning rate, curves and tested weights as recorded, "
        f"which {', '.join(REFUSED_CALLBACKS)} do not (the curve lr is always there; averages: "
        "callbacks=[default,ema])",
        lambda value: str(value).rpartition(".")[2] not in REFUSED_CALLBACKS,
        "callbacks.*._target_",
    ),
)

TRAINER_RULES = (
    at_least(
        1,
        "trainer.max_epochs trainer.check_val_every_n_epoch trainer.accumulate_grad_batches",
    ),
    Rule(
        "a whole number of at least 1, or -1 for no limit",
        lambda value: is_whole(value, 1) or (is_whole(value) and value == -1),
        "trainer.max_steps",
    ),
    Rule(
        "a whole number of at least 0, or null",
        lambda value: value is None or is_whole(value, 0),
        "trainer.min_epochs trainer.min_steps",
    ),
    Rule(
        "a whole number of at least 0, or -1 for all batches",
        lambda value: is_whole(value, -1),
        "trainer.num_sanity_val_steps",
    ),
    Rule(
        "days:hours:minutes:seconds such as 00:12:00:00, or such as {hours: 12}, or null",
        _is_duration,
        "trainer.max_time",
    ),
    Rule(
        "a number of batches such as 10, or a share of them such as 0.5, or null for all",
        _is_batches,
        "trainer.limit_train_batches",
    ),
    Rule(
        "a number of batches such as 10, or a share of them such as 0.5, or 0 for none",
        lambda value: _is_batches(value) or _is_zero(value),
        "trainer.limit_val_batches",
    ),
    Rule(
        "a number of batches such as 10, or a share of them such as 0.5, or 0 to switch it off",
        lambda value: value is not None and (_is_batches(value) or _is_zero(value)),
        "trainer.overfit_batches",
    ),
    Rule(
        "a number of at least 0, or null",
        lambda value: value is None or (is_number(value) and value >= 0),
        "trainer.gradient_clip_val",
    ),
    Rule(
        "a number of devices, or auto, or for GPUs -1 (all) or a list such as [0,1]",
        _is_devices,
        "trainer.devices",
    ),
    Rule(
        "0, since nothing is logged per step: curves have a point per epoch",
        _is_zero,
        "trainer.log_every_n_steps",
    ),
    Rule(
        "auto, 32-true, bf16-mixed or 16-mixed: the terms of the bound need single precision",
        lambda value: str(value) in ("auto", *PRECISIONS),
        "trainer.precision",
        ("auto", *PRECISIONS, 32, 16),
    ),
    Rule(
        "true or false",
        lambda value: isinstance(value, bool),
        "trainer.detect_anomaly trainer.enable_model_summary trainer.enable_progress_bar",
    ),
    Rule(
        "true, false or null",
        lambda value: value is None or isinstance(value, bool),
        "trainer.benchmark trainer.enable_checkpointing",
    ),
    Rule(
        "true, false, warn or null",
        lambda value: value is None or isinstance(value, bool) or value == "warn",
        "trainer.deterministic",
    ),
    option("trainer.accelerator", "auto", "cpu", "gpu", "cuda", "mps"),
    # Others fork, which waits for ever here, or cut the weights into pieces.
    option(
        "trainer.strategy",
        "auto",
        "ddp",
        "ddp_find_unused_parameters_false",
        "ddp_find_unused_parameters_true",
    ),
    option("trainer.profiler", None, "simple", "advanced", "pytorch"),
    option("trainer.gradient_clip_algorithm", None, "norm", "value"),
)

# What a person may set. The arguments that are left (callbacks, logger, default_root_dir) are this
# project's own.
TRAINER_ARGUMENTS = frozenset(
    pattern.removeprefix("trainer.") for rule in TRAINER_RULES for pattern in rule.patterns.split()
)


class Conflict(NamedTuple):
    """A test of the trainer's arguments, and what is wrong with those that meet it."""

    applies: Callable[[Mapping[str, Any]], bool]
    words: str


_CONFLICTS = (
    Conflict(
        lambda trainer: (trainer.get("min_epochs") or 0) > trainer["max_epochs"],
        "trainer.min_epochs={min_epochs} must be at most trainer.max_epochs={max_epochs}",
    ),
    Conflict(
        lambda trainer: 0 < trainer.get("max_steps", -1) < (trainer.get("min_steps") or 0),
        "trainer.min_steps={min_steps} must be at most trainer.max_steps={max_steps}",
    ),
    Conflict(
        lambda trainer: (
            trainer.get("gradient_clip_algorithm") is not None
            and not trainer.get("gradient_clip_val")
        ),
        "trainer.gradient_clip_algorithm={gradient_clip_algorithm} has no effect without a limit: "
        "add trainer.gradient_clip_val=1",
    ),
    Conflict(
        lambda trainer: (
            trainer["accelerator"] == "cpu"
            and trainer["devices"] != "auto"
            and not is_whole(trainer["devices"], 1)
        ),
        "trainer.devices={devices} chooses among GPUs: add trainer.accelerator=gpu, or name a "
        "number of processes",
    ),
)


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """Raises UserError for the first two arguments that contradict each other."""
    for conflict in _CONFLICTS:
        if conflict.applies(trainer):
            raise UserError(f"{conflict.words.format(**trainer)}.")
