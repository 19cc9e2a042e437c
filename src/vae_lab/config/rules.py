"""What a configuration may say, in tables: Trainer arguments, ranges, types, required keys."""

import math
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, NamedTuple

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
REMOVABLE = ("callbacks", "logger", "trainer", "report")

# Parts that null switches off as a whole.
OPTIONAL = ("report",)

# What every option of a group must say.
REQUIRED = (
    "model.encoder._target_",
    "model.decoder._target_",
    "data.name",
    "data.source._target_",
    "data.num_val",
    "data.split_seed",
    "data.batch_size",
    "data.binarize",
    "objective._target_",
    "likelihood._target_",
    "prior._target_",
    "optimizer._target_",
    "optimizer.schedule",
    "optimizer.warmup",
)


class Rule(NamedTuple):
    """A key or pattern of keys, what its value must be, in words and as a test."""

    pattern: str
    words: str
    holds: Callable[[Any], bool]


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Tells whether a value is a finite number; true and false are none."""
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(_whole(size) and size >= 1 for size in value)


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


def _inside_or_itself(value: Any) -> bool:
    return value == "." or stays_inside(value)


def _number_or_share(value: Any) -> bool:
    return (_whole(value) and value >= 0) or (is_number(value) and 0 <= value < 1)


AT_LEAST_1 = ("a whole number of at least 1", lambda value: _whole(value) and value >= 1)

AT_LEAST_2 = ("a whole number of at least 2", lambda value: _whole(value) and value >= 2)

AT_LEAST_3 = ("a whole number of at least 3", lambda value: _whole(value) and value >= 3)

AT_LEAST_0 = ("a whole number of at least 0", lambda value: _whole(value) and value >= 0)

ABOVE_0 = ("a number above 0", lambda value: is_number(value) and value > 0)

NOT_NEGATIVE = ("a number of at least 0", lambda value: is_number(value) and value >= 0)

RULES = (
    Rule("run_name", "a name of letters, digits and . _ + -, not beginning with a dot", _is_name),
    Rule("sweep_name", "a folder below outputs/sweeps", stays_inside),
    Rule("data.folder", "a folder below data.root", _inside_or_itself),
    Rule("latent_dim", *AT_LEAST_1),
    Rule("seed", *AT_LEAST_0),
    *(
        Rule(
            key,
            "a whole number of at least 1, or null for all cores",
            lambda value: value is None or (_whole(value) and value >= 1),
        )
        for key in ("threads", "model.threads")
    ),
    Rule("data.batch_size", *AT_LEAST_1),
    *(
        Rule(f"data.{key}", "a whole number of at least 0, or a share below 1", _number_or_share)
        for key in ("num_val", "num_test")
    ),
    Rule(
        "data.image_size",
        "a whole number of pixels from 8 to 64",
        lambda value: _whole(value) and 8 <= value <= 64,
    ),
    Rule("data.split_seed", *AT_LEAST_0),
    Rule(
        "data.binarize",
        "none, static, dynamic or threshold",
        lambda value: value in ("none", "static", "dynamic", "threshold"),
    ),
    Rule("data.timeout", *ABOVE_0),
    Rule("trainer.max_epochs", *AT_LEAST_1),
    Rule("trainer.check_val_every_n_epoch", *AT_LEAST_1),
    Rule(
        "compile",
        "null, default, reduce-overhead or max-autotune",
        lambda value: value in (None, "default", "reduce-overhead", "max-autotune"),
    ),
    Rule(
        "matmul_precision",
        "highest, high or medium",
        lambda value: value in ("highest", "high", "medium"),
    ),
    *(Rule(key, *ABOVE_0) for key in ("model.lr", "optimizer.lr", "optimizer.adam_lr")),
    Rule(
        "optimizer.momentum",
        "a number of at least 0, below 1",
        lambda value: is_number(value) and 0 <= value < 1,
    ),
    Rule("optimizer.iterations", *AT_LEAST_1),
    Rule("optimizer.eps", *ABOVE_0),
    Rule("optimizer.weight_decay", *NOT_NEGATIVE),
    Rule(
        "optimizer.schedule",
        "one_cycle, constant or tripling",
        lambda value: value in ("one_cycle", "constant", "tripling"),
    ),
    Rule(
        "optimizer.warmup",
        "a number between 0 and 1, neither included",
        lambda value: is_number(value) and 0 < value < 1,
    ),
    Rule("model.hidden_dims", "a list of sizes of at least 1, such as [512,256]", _sizes),
    Rule(
        "model.channels",
        "a list of one or more sizes of at least 1, such as [32,64], or null",
        lambda value: value is None or (_sizes(value) and len(value) > 0),
    ),
    Rule("model.num_blocks", *AT_LEAST_1),
    Rule("model.gains_from_bf16", "true or false", lambda value: isinstance(value, bool)),
    Rule("objective.beta", *NOT_NEGATIVE),
    Rule(
        "objective.warmup",
        "a number above 0 and at most 1",
        lambda value: is_number(value) and 0 < value <= 1,
    ),
    Rule("objective.cycles", *AT_LEAST_1),
    Rule("objective.free_bits", *NOT_NEGATIVE),
    Rule("objective.capacity", *NOT_NEGATIVE),
    Rule(
        "objective.alpha",
        "a number from 0 to 1",
        lambda value: is_number(value) and 0 <= value <= 1,
    ),
    Rule("objective.mmd_weight", *NOT_NEGATIVE),
    Rule("objective.bandwidth", *ABOVE_0),
    Rule("objective.num_samples", *AT_LEAST_1),
    Rule("likelihood.scale", *ABOVE_0),
    Rule("prior.num_components", *AT_LEAST_1),
    *(
        Rule(f"callbacks.*.{key}", *AT_LEAST_1)
        for key in ("every_n_epochs", "num_images", "columns", "scale", "max_rows", "max_width")
    ),
    *(Rule(f"callbacks.*.{key}", *AT_LEAST_2) for key in ("steps", "max_frames")),
    *(
        Rule(f"callbacks.*.{key}", *ABOVE_0)
        for key in ("extent", "threshold", "refreshes_per_second")
    ),
    *(
        Rule(
            f"callbacks.*.{key}",
            "a number of at least 0.02, since no film is shown faster",
            lambda value: is_number(value) and value >= 0.02,
        )
        for key in ("seconds_per_frame", "seconds_at_end")
    ),
    Rule(
        "callbacks.*.start",
        "a whole number of at least 0, or null for the prior's mean",
        lambda value: value is None or (_whole(value) and value >= 0),
    ),
    Rule("callbacks.*.pairs", "a list of two labels each, such as [[1,7],[0,6]]", _pairs),
    Rule("callbacks.*.pictures", "a list of names of pictures, such as [samples]", _picture_names),
    Rule("report", "null, or changed key by key, as in report.seed=1", lambda value: value is None),
    Rule("report.seed", *AT_LEAST_0),
    # The keys of conf/picture_metrics/: below `report` in a run, at the top in an evaluation.
    *(
        Rule(f"{parent}{key}", *rule)
        for parent in ("report.", "")
        for key, rule in (
            *((key, AT_LEAST_1) for key in ("neighbours", "manifold_neighbours")),
            *((key, AT_LEAST_2) for key in ("num_images", "num_train", "num_generated")),
            *((key, AT_LEAST_2) for key in ("num_pairs", "map_steps")),
            ("num_steps", AT_LEAST_3),
        )
    ),
    # The other keys of conf/evaluate.yaml.
    Rule("weights", "best, last or null", lambda value: value in ("best", "last", None)),
    Rule("split", "test or val", lambda value: value in ("test", "val")),
    *(Rule(key, *AT_LEAST_1) for key in ("num_samples", "decoder_batch", "grid_points")),
    Rule("grid_tolerance", *ABOVE_0),
    *(
        Rule(key, "a path or null", lambda value: value is None or isinstance(value, str))
        for key in ("data_root", "data_path")
    ),
)

# What a value must be where its default is of a type; bool before int, for a bool is an int.
TYPES = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list such as [1,2]",
}
