"""What `--help` and the page of keys know of conf/: comments, defaults, ranges."""

import inspect
from pathlib import Path

import pytorch_lightning as pl
import yaml

from vae_lab.config.descriptions import ConfigKey, Descriptions, limits
from vae_lab.config.trainer_rules import TRAINER_ARGUMENTS
from vae_lab.config.yaml_comments import YamlKey, read_comments

DESCRIPTIONS = Descriptions()


def keys(group: str, option: str) -> dict[str, ConfigKey]:
    return {key.name: key for key in DESCRIPTIONS.option(group, option).keys}


def test_a_comment_belongs_to_the_key_below_it_or_before_it(tmp_path: Path) -> None:
    file = tmp_path / "option.yaml"
    file.write_text(
        "# A sentence.\n# More.\n\n"
        "defaults:\n  - base\n  - model: linear  # A group.\n\n"
        "# The first\n# of two lines.\na: 1e-2  # Behind.\n"
        "b: 'x # y'\n"
        "# of nothing\n\n"
        "c:\n  # Inside.\n  d: [1,\n      2]\n  e: 3  # Last.\n"
        "# A block.\nf:\n  g: 1\n"
        "# h: null  # A key inside a comment.\n"
        "i:\n  - 1\n  - 2\n"
    )
    read = read_comments(file)
    assert read.header == ["A sentence.", "More."]
    assert read.included == [YamlKey("base", "", ""), YamlKey("model", "linear", "A group.")]
    assert read.entries == [
        YamlKey("a", "1e-2", "The first of two lines. Behind."),
        YamlKey("b", "'x # y'", ""),
        YamlKey("c.d", "[1, 2]", "Inside."),
        YamlKey("c.e", "3", "Last."),
        YamlKey("f", "{...}", "A block."),
        YamlKey("i", "[1, 2]", ""),
    ]
    assert read.left_out == [YamlKey("h", "null", "A key inside a comment.")]


def test_an_option_has_the_keys_that_it_builds_on_with_its_own_values() -> None:
    assert [*keys("objective", "elbo_capacity")] == [
        *("objective.beta", "objective.num_samples", "objective.capacity", "objective.warmup")
    ]
    assert keys("objective", "elbo_capacity")["objective.beta"].default == "30.0"
    assert keys("trainer", "debug")["trainer.max_epochs"].default == "1"
    assert "data.source.root" not in keys("data", "mnist"), "handed on from data.root"


def test_a_meaning_comes_from_the_option_else_from_the_default_of_its_group() -> None:
    linear, resnet = keys("model", "linear"), keys("model", "resnet")
    assert resnet["model.lr"].meaning == linear["model.lr"].meaning != ""
    assert resnet["model.channels"].meaning.startswith("The channels after each halving")
    samples, first = keys("callbacks", "samples"), keys("callbacks", "reconstructions")
    scale = first["callbacks.reconstructions.scale"].meaning
    assert samples["callbacks.samples.scale"].meaning == scale == "PNG pixels per image pixel."
    assert keys("callbacks", "kl_per_dim")["callbacks.kl_per_dim.scale"].meaning != scale


def test_a_range_is_that_of_the_rules_else_a_type() -> None:
    top = {key.name: key for key in DESCRIPTIONS.top_level()}
    assert top["latent_dim"].values == "a whole number of at least 1"
    assert top["compile"].values == "null, default, reduce-overhead or max-autotune"
    assert top["threads"].default == "model.threads"
    assert keys("optimizer", "adam")["optimizer.amsgrad"].values == "true or false"
    assert keys("optimizer", "adam")["optimizer.lr"].default == "model.lr"
    assert keys("optimizer", "muon")["optimizer.lr"].default == "model.muon_lr, else 2e-2"
    assert keys("data", "mnist")["data.root"].default == "$VAE_LAB_DATA, else data"


def test_the_keys_of_an_evaluation_stand_in_no_group() -> None:
    settings = DESCRIPTIONS.settings("evaluate.yaml", "picture_metrics/thorough.yaml")
    named = {key.name: key for key in settings}
    assert named["num_samples"].default == "500" and named["num_train"].default == "5000"
    assert all(key.meaning for key in settings)


def test_each_argument_of_the_trainer_is_described_with_lightnings_default() -> None:
    described = keys("trainer", "default")
    assert {key.removeprefix("trainer.") for key in described} == TRAINER_ARGUMENTS
    left_out = read_comments(DESCRIPTIONS.folders[-1] / "trainer" / "default.yaml").left_out
    signature = inspect.signature(pl.Trainer.__init__).parameters
    assert {entry.name: yaml.safe_load(entry.value) for entry in left_out} == {
        entry.name: signature[entry.name].default for entry in left_out
    }


def test_options_of_your_own_are_described_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text(
        "# Mine.\n\n# Units per layer.\nwidth: 8\nlr: 1\n"
    )
    own = Descriptions(tmp_path)
    assert own.groups["model"].options == ["linear", "burda", "conv", "mine", "resnet"]
    mine = own.option("model", "mine")
    assert mine.sentence == "Mine."
    assert mine.keys[0] == ConfigKey("model.width", "8", "Units per layer.", "a number")
    assert mine.keys[1].meaning == keys("model", "linear")["model.lr"].meaning


def test_what_an_option_cannot_be_combined_with_is_known_from_both_sides() -> None:
    assert any(line.startswith("Not with prior=") for line in limits("objective", "beta_tc"))
    assert any(line.startswith("Not with objective=beta_tc") for line in limits("prior", "vamp"))
    assert limits("objective", "elbo") == []
