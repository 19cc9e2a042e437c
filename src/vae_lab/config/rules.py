"""What a configuration may say, in tables: ranges, types, required keys."""

import math
import re
import unicodedata
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, NamedTuple

# Groups of which a part can be taken away, as in ~callbacks.samples.
REMOVABLE = ("callbacks", "logger", "report", "explorer")

# Parts that null switches off as a whole.
OPTIONAL = ("report", "explorer")

# What every option of a group must say.
REQUIRED = """
    model.encoder._target_ model.decoder._target_ data.name data.source._target_ data.num_val
    data.split_seed data.batch_size data.binarize objective._target_ likelihood._target_
    prior._target_ optimizer._target_ optimizer.schedule optimizer.warmup
""".split()

# What it takes to train.
REQUIRED_OF_TRAINER = """
    trainer.max_epochs trainer.accelerator trainer.devices trainer.precision
    trainer.check_val_every_n_epoch trainer.enable_progress_bar posterior._target_
    condition._target_
""".split()

# The means of an epoch over its images, which the curves show.
METRICS = ("elbo", "loss", "recon", "kl")

# Of single precision, about.
LARGEST_NUMBER = 3.4e38


class Rule(NamedTuple):
    """What a value must be, in words and as a test, and the patterns of the keys it belongs to.

    `options` are all the values that are allowed, if they are few.
    """

    requirement: str
    holds: Callable[[Any], bool]
    patterns: str
    options: tuple[Any, ...] = ()


def is_number(value: Any) -> bool:
    """Tells whether a value is a finite number; true and false are none."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def is_representable(value: Any) -> bool:
    """Tells whether the numbers in a value are small enough for tensors."""
    if isinstance(value, list):
        return all(map(is_representable, value))
    if isinstance(value, float) and math.isfinite(value):
        return abs(value) < LARGEST_NUMBER
    return not isinstance(value, int) or abs(value) < 2**63


def is_whole(value: Any, least: float = -math.inf) -> bool:
    """Tells whether a value is a whole number of at least `least`; true and false are not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(is_whole(size, 1) for size in value)


def _labels(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(map(is_whole, value))


def _pairs(value: Any) -> bool:
    pairs = value if isinstance(value, list) and value else [None]
    return all(isinstance(pair, list) and [*map(is_whole, pair)] == [True, True] for pair in pairs)


def _picture_names(value: Any) -> bool:
    # They are the beginnings of file names.
    names = value if isinstance(value, list) else [""]
    return all(re.fullmatch(r"\w[\w-]*", str(name)) for name in names)


def _is_name(value: Any) -> bool:
    # Marks are parts of letters in many languages; they are not \w.
    letters = [letter for letter in str(value) if unicodedata.category(letter)[0] != "M"]
    return value is None or re.fullmatch(r"(?!\.)[\w.+-]+", "".join(letters)) is not None


def _is_texts(value: Any) -> bool:
    texts = [] if value is None else value
    return isinstance(texts, list) and all(isinstance(text, str) for text in texts)


def _is_betas(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2
    return pair and all(is_number(beta) and 0 <= beta < 1 for beta in value)


def stays_inside(value: Any) -> bool:
    """Tells whether a relative path leads to a place below the folder it starts from."""
    path = PurePath(str(value))
    inside = not path.is_absolute() and ".." not in path.parts and path.parts != ()
    return value is None or (inside and str(value).isprintable())


def at_least(least: int, patterns: str) -> Rule:
    """Returns the rule of whole numbers from `least` on."""
    words = f"a whole number of at least {least}"
    return Rule(words, lambda value: is_whole(value, least), patterns)


def _number(interval: str, holds: Callable[[float], bool], patterns: str) -> Rule:
    words = f"a number {interval}"
    return Rule(words, lambda value: is_number(value) and holds(value), patterns)


def option(patterns: str, *options: str | None) -> Rule:
    """Returns the rule of values of which one is chosen."""
    names = ["null" if option is None else option for option in options]
    words = f"{', '.join(names[:-1])} or {names[-1]}"
    return Rule(words, lambda value: value in options, patterns, options)


def _report(keys: str) -> str:
    """The keys of conf/picture_metrics/: below `report` in a run, at the top in an evaluation."""
    return f"{keys} " + " ".join(f"report.{key}" for key in keys.split())


# What a callback can look at.
CURVES = tuple(f"{name}/{part}" for part in ("val", "train") for name in METRICS)

_TEXTS = "logger.*.columns logger.*.metrics data.source.label_names"
_COUNTS = "condition.labelled"

_SWITCHES = "model.gains_from_bf16 anatomy init_strict"

RULES = (
    at_least(0, "seed data.split_seed report.seed callbacks.*.patience callbacks.*.first_epochs"),
    at_least(
        1,
        """
        latent_dim data.batch_size optimizer.iterations model.num_blocks objective.cycles
        data.num_train data.passes_per_epoch
        objective.num_samples prior.num_components
        callbacks.*.every_n_epochs callbacks.*.num_images callbacks.*.columns callbacks.*.rows
        callbacks.*.scale callbacks.*.max_rows callbacks.*.max_width
        callbacks.*.update_every_n_steps callbacks.*.num_draws num_samples decoder_batch grid_points
        temperatures chains leapfrog_steps
        posterior_samples
        explorer.num_images explorer.pixel_bytes
        """
        + _report("neighbours manifold_neighbours class_samples"),
    ),
    at_least(
        2,
        "callbacks.*.steps callbacks.*.max_frames simulated_images factor_images factor_bins "
        + _report("num_images num_train num_generated num_pairs map_steps class_images"),
    ),
    at_least(3, _report("num_steps")),
    at_least(4, "posterior_steps callbacks.*.posterior_steps"),
    Rule(
        "at most 100,000, for they are in memory together",
        lambda value: not is_number(value) or value <= 100_000,
        "callbacks.*.num_images callbacks.*.columns callbacks.*.max_rows callbacks.*.scale",
    ),
    Rule(
        "at most 1,000, for a map has the square of it",
        lambda value: not is_number(value) or value <= 1000,
        "callbacks.*.steps " + _report("map_steps num_steps"),
    ),
    _number(
        "above 0",
        lambda value: value > 0,
        """
        model.lr model.muon_lr optimizer.lr optimizer.adam_lr optimizer.eps objective.bandwidth
        callbacks.*.extent callbacks.*.threshold callbacks.*.max_megabytes grid_tolerance
        start_width
        posterior_rate
        """,
    ),
    _number(
        "of at least 0",
        lambda value: value >= 0,
        """
        optimizer.weight_decay objective.beta objective.free_bits objective.capacity
        objective.mmd_weight callbacks.*.min_delta condition.classifier_weight
        """,
    ),
    _number(
        "from 0 to 1",
        lambda value: 0 <= value <= 1,
        "objective.alpha callbacks.*.decay callbacks.*.least_recognised "
        "callbacks.*.least_exactness",
    ),
    _number("above 0 and at most 1", lambda value: 0 < value <= 1, "objective.warmup"),
    _number(
        "of at least 0, below 1",
        lambda value: 0 <= value < 1,
        "optimizer.momentum",
    ),
    _number("between 0 and 1, neither included", lambda value: 0 < value < 1, "optimizer.warmup"),
    _number(
        "from 0.02 to 600, since no film is shown faster or slower",
        lambda value: 0.02 <= value <= 600,
        "callbacks.*.seconds_per_frame callbacks.*.seconds_at_end",
    ),
    _number("above 0, at most 100", lambda x: 0 < x <= 100, "callbacks.*.refreshes_per_second"),
    _number("of seconds above 0, at most a day", lambda x: 0 < x <= 86400, "data.timeout"),
    _number(
        "of at least 1e-6, in units of the pixel range [0, 1]",
        lambda value: value >= 1e-6,
        "likelihood.scale",
    ),
    Rule(
        "two numbers of at least 0, below 1, such as [0.9,0.999]",
        _is_betas,
        "optimizer.betas",
    ),
    Rule(
        "a whole number of at least 0, or a share below 1",
        lambda value: is_whole(value, 0) or (is_number(value) and 0 <= value < 1),
        "data.num_val data.num_test",
    ),
    Rule(
        "a whole number from 1 to 1024, or null for all cores",
        lambda value: value is None or (is_whole(value, 1) and value <= 1024),
        "threads model.threads",
    ),
    Rule(
        "a label, a list of labels such as [0,1,4], or null for the prior's mean",
        lambda value: value is None or is_whole(value) or _labels(value),
        "callbacks.*.start",
    ),
    Rule(
        "a list of three labels, such as [0,1,7]",
        lambda value: _labels(value) and len(value) == 3,
        "callbacks.*.corners",
    ),
    Rule(
        "a whole number of pixels from 8 to 64",
        lambda value: is_whole(value, 8) and value <= 64,
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
        "the folder of a run or of an export, or example:NAME, or null",
        lambda value: value is None or (isinstance(value, str) and value != ""),
        "init_from",
    ),
    Rule(
        "a folder below data.root",
        lambda value: value == "." or stays_inside(value),
        "data.folder",
    ),
    Rule(
        "a path or null",
        lambda value: value is None or isinstance(value, str),
        "data_root data_path data.path",
    ),
    Rule("true or false", lambda value: isinstance(value, bool), _SWITCHES),
    Rule(
        "null, or changed key by key, as in report.seed=1",
        lambda value: value is None or isinstance(value, dict),
        "report",
    ),
    Rule(
        "a whole number of at least 0, or null",
        lambda value: value is None or is_whole(value, 0),
        "callbacks.*.update_starting_at_step callbacks.*.update_starting_at_epoch",
    ),
    Rule("a whole number above 0, or null", lambda it: it is None or is_whole(it, 1), _COUNTS),
    option("callbacks.*.monitor", *CURVES),
    option("callbacks.*.mode", "max", "min"),
    option("callbacks.*.projection", "pca", "tsne"),
    Rule("the name of a data set, or null", _is_name, "data.fallback"),
    Rule("a list of addresses, or null", _is_texts, "data.mirrors"),
    Rule("a list of texts", lambda value: value is not None and _is_texts(value), _TEXTS),
    option("data.binarize", "none", "static", "dynamic", "threshold"),
    option("best_by", None, "elbo", "loss"),
    option("compile", None, "default", "reduce-overhead", "max-autotune"),
    option("matmul_precision", "highest", "high", "medium"),
    option("optimizer.schedule", "one_cycle", "constant", "tripling"),
    option("weights", "best", "last", None),
    option("split", "test", "val"),
)
