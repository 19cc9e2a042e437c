"""What the Trainer may be given, held against Lightning's own Trainer."""

import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.accelerators import AcceleratorRegistry
from pytorch_lightning.strategies import StrategyRegistry

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.check import check_values
from vae_lab.config.rules import Rule
from vae_lab.config.trainer_rules import PRECISIONS, TRAINER_ARGUMENTS, TRAINER_RULES
from vae_lab.errors import UserError

# Argument -> values that are right, values that are not.
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "accelerator": (["auto", "cpu"], ["foo", None, 1, [], "CPU", "hpu"]),
    "accumulate_grad_batches": ([1, 8], [0, -1, 2.0, None, "2", {0: 1, 2: 4}]),
    "benchmark": ([None, True, False], [1, "yes"]),
    "check_val_every_n_epoch": ([1, 3], [0, -1, None, 0.5, "1"]),
    "detect_anomaly": ([False, True], [None, 1, "true"]),
    "deterministic": ([None, False, True, "warn"], [1, "yes", []]),
    "devices": ([1, 2, "auto"], [0, -2, 1.5, None, True, "x", [], [0, 0], [-1], [[0]], {"a": 1}]),
    "enable_checkpointing": ([None, True, False], [0, "no"]),
    "enable_model_summary": ([True, False], [None, 1]),
    "enable_progress_bar": ([True, False], [None, "false"]),
    "gradient_clip_algorithm": ([None, "norm", "value"], ["max", 1, []]),
    "gradient_clip_val": ([None, 0, 1, 0.5], [-1, "None", "1", float("nan"), True]),
    "limit_train_batches": ([None, 1, 1.0, 0.5], [0, 0.0, -1, 1.5, "1", True, float("inf")]),
    "limit_val_batches": ([None, 0, 1, 0.5], [-1, 1.5, "all", False]),
    "log_every_n_steps": ([0], [1, None, "x", -1]),
    "max_epochs": ([1, 20], [0, -1, None, 1.0, "3", 10**30]),
    "max_steps": ([-1, 1, 1000], [0, -2, None, 1.5]),
    "max_time": (
        [None, "00:12:00:00", "10:00:00:01", {"hours": 12}, {"days": 1, "minutes": 0.5}],
        ["1h", "12:00:00", "00:00:00:00", 3600, {}, {"hour": 1}, {"hours": "1"}, {"days": 1e9}],
    ),
    "min_epochs": ([None, 0, 2], [-1, 1.5, "2"]),
    "min_steps": ([None, 0, 50], [-1, 0.5, []]),
    "num_sanity_val_steps": ([-1, 0, 2], [-2, None, 0.5, "all"]),
    "overfit_batches": ([0, 0.0, 1, 0.5], [-1, 1.5, None, "1"]),
    "precision": (list(PRECISIONS), ["fp8", "bf17", "64-true", None, 8, True, ["32"]]),
    "profiler": ([None, "simple", "advanced", "pytorch"], ["foo", True, 1, "xla"]),
    "strategy": (
        ["auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false"],
        ["foo", "ddp_spawn", "ddp_fork", "fsdp", "deepspeed", None, 2],
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("argument", sorted(TRAINER_ARGUMENTS))
def test_what_is_accepted_lightning_accepts(
    argument: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    usual: dict[str, Any] = {"accelerator": "cpu", "logger": False, "default_root_dir": tmp_path}
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", os.environ.get("CUBLAS_WORKSPACE_CONFIG", ""))
    try:
        for value in VALUES[argument][0]:
            check_values({"trainer": {argument: value}})
            pl.Trainer(**{**usual, argument: value})
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]


@pytest.mark.parametrize("argument", sorted(TRAINER_ARGUMENTS))
def test_what_is_not_accepted_is_answered_with_what_is(argument: str) -> None:
    (rule,) = (rule for rule in TRAINER_RULES if f"trainer.{argument}" in rule.patterns.split())
    for value in VALUES[argument][1]:
        with pytest.raises(UserError) as error:
            check_values({"trainer": {argument: value}})
        assert str(error.value).startswith(
            (f"trainer.{argument} must be {rule.requirement}, got", f"trainer.{argument} is out of")
        )


def names(argument: str) -> set[Any]:
    """The texts that an argument may be."""
    return {value for value in VALUES[argument][0] if isinstance(value, str)}


def test_names_are_those_of_lightning() -> None:
    assert names("accelerator") | {"cuda", "mps"} <= {
        "auto",
        *AcceleratorRegistry.available_accelerators(),
    }
    assert names("strategy") - {"auto"} <= set(StrategyRegistry.available_strategies())
    parameters = inspect.signature(pl.Trainer).parameters
    assert all(f"'{name}'" in str(parameters["precision"].annotation) for name in PRECISIONS)
    with pytest.raises(MisconfigurationException, match="it can only be one of"):
        pl.Trainer(accelerator="cpu", logger=False, profiler="foo")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "trainer.min_epochs=3 trainer.max_epochs=1",
            "trainer.min_epochs=3 must be at most trainer.max_epochs=1.",
        ),
        (
            "trainer.min_steps=6 trainer.max_steps=5",
            "trainer.min_steps=6 must be at most trainer.max_steps=5.",
        ),
        (
            "trainer.gradient_clip_algorithm=value",
            "trainer.gradient_clip_algorithm=value has no effect without a limit: add "
            "trainer.gradient_clip_val=1.",
        ),
        (
            "trainer.devices=-1",
            "trainer.devices=-1 chooses among GPUs: add trainer.accelerator=gpu, or name a number "
            "of processes.",
        ),
        (
            "trainer.limit_train_batches=0.04",
            "trainer.limit_train_batches=0.04 is less than one of the 21 batches of an epoch: name "
            "a number of batches, trainer.limit_train_batches=1 or more.",
        ),
        (
            "trainer.accumulate_grad_batches=22",
            "trainer.accumulate_grad_batches=22 is more than the 21 batches of an epoch, after "
            "which a step is due: 21 or less.",
        ),
        (
            "trainer.accumulate_grad_batches=3 trainer.overfit_batches=2",
            "trainer.accumulate_grad_batches=3 is more than the 2 batches of an epoch, after which "
            "a step is due: 2 or less.",
        ),
        (
            "trainer.devices=3",
            "data.batch_size=64 must be a multiple of the 3 processes that share each batch, and "
            "data.num_val=200 at least as many or 0.",
        ),
        (
            "data.batch_size=1301",
            "data.batch_size=1301 is more than the 1300 training images: add data.batch_size=1300 "
            "or less, or more images.",
        ),
    ],
)
def test_values_that_mean_nothing_together_are_named(line: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        compose_jobs(["data=digits", *line.split()])
    assert str(error.value) == words


@pytest.mark.parametrize(
    "line",
    [
        "trainer.limit_train_batches=0.05",
        "trainer.accumulate_grad_batches=21",
        "trainer.devices=2",
        "data.batch_size=1300",
        "trainer.max_time={hours:1}",
        "trainer.min_steps=6 trainer.max_steps=-1",
        # The last epoch is validated all the same.
        "trainer.check_val_every_n_epoch=3 trainer.max_epochs=2",
    ],
)
def test_what_is_just_right_passes(line: str) -> None:
    assert compose_jobs(["data=digits", *line.split()])


@pytest.mark.parametrize("rule", TRAINER_RULES, ids=lambda rule: rule.patterns.split()[0])
def test_a_rule_answers_for_a_value_of_any_type(rule: Rule) -> None:
    odd: list[Any] = [
        None,
        True,
        1,
        -1,
        10**400,
        0.5,
        float("nan"),
        "",
        "x",
        [],
        [[]],
        [None],
        {},
        {"a": []},
    ]
    assert {rule.holds(value) for value in odd} <= {True, False}, json.dumps(str(odd))
