"""The JSON schema accepts what the check accepts, and refuses what a schema can refuse."""

import json
import subprocess
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # without types

from vae_lab.config.compose import Composer, conf_folder
from vae_lab.config.identity import RECIPES as GROUPS
from vae_lab.config.json_schema import ConfigurationSchema
from vae_lab.config.remarks import REMARK_RULES
from vae_lab.config.rule_schemas import rule_schema
from vae_lab.config.rules import RULES, Rule, at_least
from vae_lab.config.trainer_rules import CALLBACK_RULES, TRAINER_RULES
from vae_lab.errors import UserError
from vae_lab.reading import parse_yaml

COMPOSER = Composer()
SCHEMAS = ConfigurationSchema()
SCHEMA = SCHEMAS.of_configuration()
VALIDATOR = Draft202012Validator(SCHEMA)
ALL_RULES = (*RULES, *REMARK_RULES, *TRAINER_RULES, *CALLBACK_RULES)
RECIPES = sorted(path for name in GROUPS for path in (conf_folder() / name).glob("*.yaml"))

# Options of each group; the n-th of all groups are composed together.
OPTIONS = {
    name: [option for option in group.options if option != "null"]
    for name, group in SCHEMAS.groups.items()
    if name not in GROUPS
}


def composed(*overrides: str) -> dict[str, Any]:
    """What a run writes into its config.yaml, the check left out."""
    job = COMPOSER.job([*overrides], RunMode.RUN)
    return {**json.loads(json.dumps(job.values)), "choices": job.choices}


def errors(content: Any) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(content)]


def test_the_schemas_are_schemas() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for name in OPTIONS:
        Draft202012Validator.check_schema(SCHEMAS.of_option(name))


@pytest.mark.parametrize("number", range(max(map(len, OPTIONS.values()))))
def test_every_option_is_valid(number: int) -> None:
    options = [f"{group}={names[number % len(names)]}" for group, names in OPTIONS.items()]
    assert errors(composed(*options)) == []


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_valid_as_a_file_and_as_a_run(path: Path) -> None:
    assert errors(parse_yaml(path.read_bytes())) == []
    assert errors(composed(f"{path.parent.name}={path.stem}")) == []


@pytest.mark.parametrize("name", OPTIONS)
def test_the_files_of_a_group_are_valid_options(name: str) -> None:
    validator = Draft202012Validator(SCHEMAS.of_option(name))
    for path in (conf_folder() / SCHEMAS.groups[name].folder).glob("*.yaml"):
        content = parse_yaml(path.read_bytes())
        assert [error.message for error in validator.iter_errors(content)] == [], path


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("seed", "one"),
        ("latent_dim", 0),
        ("latent_dim", None),
        ("latent_dims", 2),
        ("threads", 1025),
        ("compile", "fast"),
        ("note", 5),
        ("tags", "baseline"),
        ("tags", ["a"] * 21),
        ("model.hidden_dims", [0]),
        ("model.depth", 3),
        ("data.binarize", "sometimes"),
        ("data.num_val", 1.5),
        ("data.batch_size", 12.5),
        ("optimizer.lr", 0),
        ("optimizer.betas", [0.9]),
        ("optimizer.betas", [0.9, 1.0]),
        ("optimizer.warmup", 1),
        ("trainer.max_epochs", 0),
        ("trainer.max_steps", 0),
        ("trainer.precision", "64"),
        ("trainer.fast_dev_run", True),
        ("callbacks.samples.scale", 0),
        ("callbacks.samples.columns", 100_001),
        ("callbacks.samples.rows", 4),
        ("callbacks.early_stopping.monitor", "elbo/test"),
        ("report.seed", -1),
        ("defaults", [{"override /model": "cnn"}]),
    ],
)
def test_a_planted_mistake_is_one_error(key: str, value: Any) -> None:
    *parents, name = key.split(".")
    content: dict[str, Any] = reduce(
        lambda inner, parent: {parent: inner}, [*parents[::-1]], {name: value}
    )
    assert len(errors(content)) == 1, errors(content)


@pytest.mark.parametrize(
    "content",
    [
        {"defaults": [{"override /model": "conv"}, {"override /callbacks": ["default", "ema"]}]},
        {"optimizer": {"lr": "${model.lr}"}, "latent_dim": "${oc.env:Z}"},
        {"callbacks": {"mine": {"_target_": "my_package.Mine", "anything": [1]}}},
        {"likelihood": {"_target_": "my_package.Cauchy", "width": 0.3}},
        {"trainer": {"max_steps": -1, "devices": [0, 1], "max_time": {"hours": 12}}},
        {"report": None, "data": {"num_val": 0, "num_test": 0.2}},
        {},
    ],
)
def test_what_the_check_allows_is_valid(content: Any) -> None:
    assert errors(content) == []


# No schema knows a whole number from a number such as 1.0.
PLAIN = st.none() | st.booleans() | st.integers(-5, 2000) | st.floats(-3, 200_000)
PLAIN = PLAIN.filter(lambda value: not isinstance(value, float) or not value.is_integer())
ITEMS = PLAIN | st.sampled_from(["a", "auto", "elbo/val", "mean", "32", "conv", "0:1"])
ANY = ITEMS | st.lists(ITEMS, max_size=4) | st.lists(st.lists(PLAIN, max_size=3), max_size=2)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.patterns.split()[0])
@settings(deadline=None, max_examples=60, derandomize=True)
@given(value=ANY)
def test_a_value_that_a_rule_allows_is_valid(rule: Rule, value: Any) -> None:
    if rule.holds(value):
        assert Draft202012Validator(rule_schema(rule)).is_valid(value)


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.patterns.split()[0])
@settings(deadline=None, max_examples=60, derandomize=True)
@given(value=PLAIN)
def test_a_number_that_breaks_a_rule_is_refused(rule: Rule, value: Any) -> None:
    if not rule.holds(value):
        assert not Draft202012Validator(rule_schema(rule)).is_valid(value)


def test_limits_are_the_numbers_that_were_written() -> None:
    def number(holds: Any) -> dict[str, Any]:
        return rule_schema(Rule("", lambda it: isinstance(it, float) and holds(it), ""))

    assert rule_schema(at_least(3, "x")) == {"type": "integer", "minimum": 3}
    assert number(lambda it: 0 < it <= 100) == {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 100,
    }
    assert number(lambda it: it >= 1e-6) == {"type": "number", "minimum": 1e-6}
    assert number(lambda it: 0.02 <= it < 1) == {
        "type": "number",
        "minimum": 0.02,
        "exclusiveMaximum": 1,
    }


def test_meanings_are_there_for_the_editor() -> None:
    seed = SCHEMA["properties"]["seed"]["description"]
    assert seed.startswith("The seed of starting weights") and "at least 0" in seed
    scale = SCHEMA["properties"]["callbacks"]["properties"]["samples"]["properties"]["scale"]
    assert "description" in scale


def test_own_options_are_known_with_their_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("# A model of mine.\nwidth: 3  # Its width.\n")
    recipe = {"defaults": [{"override /model": "mine"}], "model": {"width": 5}}
    assert len(errors(recipe)) == 2
    own = Draft202012Validator(ConfigurationSchema(tmp_path).of_configuration())
    assert [*own.iter_errors(recipe)] == []
    assert [*own.iter_errors({"model": {"width": "wide"}})] != []


def test_a_group_without_keys_is_refused() -> None:
    with pytest.raises(UserError, match="experiment is not a group with keys: choose from model, "):
        SCHEMAS.of_option("experiment")


def test_the_command_prints_the_schema_and_nothing_else() -> None:
    command = [sys.executable, "-m", "vae_lab", "schema"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json.loads(json.dumps(SCHEMA)) and done.stderr == ""
