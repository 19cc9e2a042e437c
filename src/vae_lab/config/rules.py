"""What a configuration may say, in tables: Trainer arguments, ranges, types, required keys."""

import math
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, NamedTuple

# pytorch_lightning.Trainer's arguments that a person may set. The rest (callbacks, logger,
# default_root_dir) are this project's own. A test holds both tables against its signature.
TRAINER_ARGUMENTS = frozenset(
    """
    accelerator accumulate_grad_batches benchmark check_val_every_n_epoch detect_anomaly
    deterministic devices enable_checkpointing enable_model_summary enable_progress_bar
    gradient_clip_algorithm gradient_clip_val limit_train_batches limit_val_batches
    log_every_n_steps max_epochs max_steps max_time min_epochs min_steps num_sanity_val_steps
    overfit_batches precision profiler strategy
    """.split()
)

# Those that would have no effect here, or another one than theirs: why, and what does the same.
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

# Groups of which a part can be taken away, as in ~callbacks.samples.
REMOVABLE = ("callbacks", "logger", "trainer", "report")

# Parts that null switches off as a whole.
OPTIONAL = ("report",)

# What every option of a group must say.
REQUIRED = """
    model.encoder._target_ model.decoder._target_ data.name data.source._target_ data.num_val
    data.split_seed data.batch_size data.binarize objective._target_ likelihood._target_
    prior._target_ optimizer._target_ optimizer.schedule optimizer.warmup
""".split()


class Rule(NamedTuple):
    """What a value must be, in words and as a test, and the patterns of the keys it belongs to."""

    requirement: str
    holds: Callable[[Any], bool]
    patterns: str


def is_number(value: Any) -> bool:
    """Tells whether a value is a finite number; true and false are none."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _whole(value: Any, least: float = -math.inf) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(_whole(size, 1) for size in value)


def _pairs(value: Any) -> bool:
    pairs = value if isinstance(value, list) and value else [None]
    return all(isinstance(pair, list) and [*map(_whole, pair)] == [True, True] for pair in pairs)


def _picture_names(value: Any) -> bool:
    # They are the beginnings of file names.
    names = value if isinstance(value, list) else [""]
    return all(re.fullmatch(r"\w[\w-]*", str(name)) for name in names)


def _is_name(value: Any) -> bool:
    return value is None or re.fullmatch(r"(?!\.)[\w.+-]+", str(value)) is not None


def stays_inside(value: Any) -> bool:
    """Tells whether a relative path leads to a place below the folder it starts from."""
    path = PurePath(str(value))
    inside = not path.is_absolute() and ".." not in path.parts and path.parts != ()
    return value is None or (inside and str(value).isprintable())


def _at_least(least: int, patterns: str) -> Rule:
    words = f"a whole number of at least {least}"
    return Rule(words, lambda value: _whole(value, least), patterns)


def _number(interval: str, holds: Callable[[float], bool], patterns: str) -> Rule:
    words = f"a number {interval}"
    return Rule(words, lambda value: is_number(value) and holds(value), patterns)


def _option(patterns: str, *options: str | None) -> Rule:
    names = ["null" if option is None else option for option in options]
    words = f"{', '.join(names[:-1])} or {names[-1]}"
    return Rule(words, lambda value: value in options, patterns)


def _report(keys: str) -> str:
    """The keys of conf/picture_metrics/: below `report` in a run, at the top in an evaluation."""
    return f"{keys} " + " ".join(f"report.{key}" for key in keys.split())


RULES = (
    _at_least(0, "seed data.split_seed report.seed"),
    _at_least(
        1,
        """
        latent_dim data.batch_size trainer.max_epochs trainer.check_val_every_n_epoch
        optimizer.iterations model.num_blocks objective.cycles objective.num_samples
        prior.num_components callbacks.*.every_n_epochs callbacks.*.num_images callbacks.*.columns
        callbacks.*.scale callbacks.*.max_rows callbacks.*.max_width
        num_samples decoder_batch grid_points
        """
        + _report("neighbours manifold_neighbours"),
    ),
    _at_least(
        2,
        "callbacks.*.steps callbacks.*.max_frames "
        + _report("num_images num_train num_generated num_pairs map_steps"),
    ),
    _at_least(3, _report("num_steps")),
    _number(
        "above 0",
        lambda value: value > 0,
        """
        data.timeout model.lr optimizer.lr optimizer.adam_lr optimizer.eps objective.bandwidth
        likelihood.scale callbacks.*.extent callbacks.*.threshold callbacks.*.refreshes_per_second
        grid_tolerance
        """,
    ),
    _number(
        "of at least 0",
        lambda value: value >= 0,
        """
        optimizer.weight_decay objective.beta objective.free_bits objective.capacity
        objective.mmd_weight
        """,
    ),
    _number("from 0 to 1", lambda value: 0 <= value <= 1, "objective.alpha"),
    _number("above 0 and at most 1", lambda value: 0 < value <= 1, "objective.warmup"),
    _number("of at least 0, below 1", lambda value: 0 <= value < 1, "optimizer.momentum"),
    _number("between 0 and 1, neither included", lambda value: 0 < value < 1, "optimizer.warmup"),
    _number(
        "of at least 0.02, since no film is shown faster",
        lambda value: value >= 0.02,
        "callbacks.*.seconds_per_frame callbacks.*.seconds_at_end",
    ),
    Rule(
        "a whole number of at least 0, or a share below 1",
        lambda value: _whole(value, 0) or (is_number(value) and 0 <= value < 1),
        "data.num_val data.num_test",
    ),
    Rule(
        "a whole number of at least 1, or null for all cores",
        lambda value: value is None or _whole(value, 1),
        "threads model.threads",
    ),
    Rule(
        "a whole number of at least 0, or null for the prior's mean",
        lambda value: value is None or _whole(value, 0),
        "callbacks.*.start",
    ),
    Rule(
        "a whole number of pixels from 8 to 64",
        lambda value: _whole(value, 8) and value <= 64,
        "data.image_size",
    ),
    Rule("a list of sizes of at least 1, such as [512,256]", _sizes, "model.hidden_dims"),
    Rule(
        "a list of one or more sizes of at least 1, such as [32,64], or null",
        lambda value: value is None or (_sizes(value) and len(value) > 0),
        "model.channels",
    ),
    Rule("a list of two labels each, such as [[1,7],[0,6]]", _pairs, "callbacks.*.pairs"),
    Rule("a list of names of pictures, such as [samples]", _picture_names, "callbacks.*.pictures"),
    Rule("a name of letters, digits and . _ + -, not beginning with a dot", _is_name, "run_name"),
    Rule("a folder below outputs/sweeps", stays_inside, "sweep_name"),
    Rule(
        "a folder below data.root",
        lambda value: value == "." or stays_inside(value),
        "data.folder",
    ),
    Rule(
        "a path or null",
        lambda value: value is None or isinstance(value, str),
        "data_root data_path",
    ),
    Rule("true or false", lambda value: isinstance(value, bool), "model.gains_from_bf16"),
    Rule("null, or changed key by key, as in report.seed=1", lambda value: value is None, "report"),
    Rule(
        "0, since nothing is logged per step: curves have a point per epoch",
        lambda value: value == 0,
        "trainer.log_every_n_steps",
    ),
    Rule(
        "auto, 32-true, bf16-mixed or 16-mixed: the terms of the bound need single precision",
        lambda value: str(value) in ("auto", *PRECISIONS),
        "trainer.precision",
    ),
    _option("data.binarize", "none", "static", "dynamic", "threshold"),
    _option("best_by", None, "elbo", "loss"),
    _option("compile", None, "default", "reduce-overhead", "max-autotune"),
    _option("matmul_precision", "highest", "high", "medium"),
    _option("optimizer.schedule", "one_cycle", "constant", "tripling"),
    _option("weights", "best", "last", None),
    _option("split", "test", "val"),
)
