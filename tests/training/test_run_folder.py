"""What a run's folder says of the run: the schema of `result.json`, and what is refused."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from repository import ROOT

from vae_lab.config.identity import config_hash
from vae_lab.errors import UserError
from vae_lab.reading import is_kind
from vae_lab.run_folder import Number, RunFolder, RunResult

# The types of fields, in the words of docs/reference/result.md.
TYPES_IN_WORDS: dict[str, Any] = {
    "text": str,
    "whole number": int,
    "number": float,
    "list of texts": list[str],
    "list of whole numbers": list[int],
    "texts by name": dict[str, str],
    "numbers by name": dict[str, float],
    "numbers by name or null": dict[str, float | None],
    "object": dict[str, Any],
}


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    result = RunResult(
        name="a", status="success", latent_dim=2, metrics={"elbo/test": -1.5}, warnings=["blur"]
    )
    folder = RunFolder(tmp_path)
    assert folder.result is None and not folder.exists
    other = RunFolder(tmp_path)
    other.write_result(result)
    assert RunFolder(tmp_path).result == other.result == result
    assert folder.result is None, "what was read is kept"
    content = json.loads((tmp_path / "result.json").read_text())
    assert content == {key: value for key, value in asdict(result).items() if value is not None}


def test_results_of_earlier_versions_are_read() -> None:
    result = RunResult.from_json('{"status": "success", "findings": {"a": 1}, "unknown": 2}')
    assert result.picture_metrics == {"a": 1}


def test_the_configuration_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    config = {"seed": 0, "model": {"encoder": {"_target_": "vae_lab.resnet.ResNetEncoder"}}}
    run = RunFolder(tmp_path)
    run.write_config(config, {})
    run.write_result(
        RunResult(status="success", config_hash=config_hash(config, with_modules=True))
    )
    assert RunFolder(tmp_path).config == config
    run.write_config({**config, "seed": 1}, {})
    with pytest.raises(UserError, match="is not the configuration of this run"):
        _ = RunFolder(tmp_path).config


def test_a_number_is_read_as_it_was_written() -> None:
    number = Number("a_b", "the a of b", 1.5, 0.1, {"images": 2}, {"by_step": [1.0, 2.0]})
    assert Number.from_json("a_b", json.loads(json.dumps(number.to_json()))) == number
    assert Number.from_json("a_b", {"value": 1}) == Number("a_b", "a b", 1, None, {}), "no words"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "7",
        '{"name": "a"}',
        '{"status": "done"}',
        '{"status": "success", "name": 7}',
        '{"status": "success", "epochs": "x"}',
        '{"status": "success", "epochs": true}',
        '{"status": "success", "epochs": 1.5}',
        '{"status": "success", "metrics": {"elbo/test": "x"}}',
        '{"status": "success", "metrics": [1]}',
        '{"status": "success", "resumed_after": {"1": 2}}',
        '{"status": "success", "choices": {"model": 7}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_result_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    folder = RunFolder(tmp_path)
    assert folder.exists and folder.result is None and not folder.is_finished
    with pytest.raises(UserError, match=r"has no readable result\.json"):
        folder.require_result()


def test_figures_are_found_by_their_epochs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for name in ("samples_0010.png", "samples_0002.png", "samples_of_0001.png", "samples_x.png"):
        (tmp_path / "figures").mkdir(exist_ok=True)
        (tmp_path / "figures" / name).touch()
    assert list(folder.figures("samples")) == [2, 10]
    assert folder.figures("samples")[10] == folder.figure("samples", 10)


def test_the_documentation_has_every_field_of_a_result_with_its_type_and_an_example() -> None:
    page = (ROOT / "docs" / "reference" / "result.md").read_text(encoding="utf-8")
    pattern = r"^\| `(\w+)` \| (.*) \| ([\w ]+) \| `(.*)` \|$"
    rows = re.findall(pattern, page, flags=re.MULTILINE)
    hints = get_type_hints(RunResult, include_extras=True)
    meanings = {name: hint.__metadata__[0] for name, hint in hints.items()}
    assert {name: meaning for name, meaning, _, _ in rows} == meanings
    hints = get_type_hints(RunResult)
    for name, _, kind, example in rows:
        # What is left out is no part of the type.
        assert TYPES_IN_WORDS[kind] in (hints[name], *get_args(hints[name])), name
        assert is_kind(json.loads(example), hints[name]), name
