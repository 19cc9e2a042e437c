"""README.md: its tables are those of docs/readme_numbers.json, its Python runs."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import readme_numbers
import torch
from repository import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def numbers() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(readme_numbers.NUMBERS.read_text(encoding="utf-8"))
    return content


def test_the_tables_are_those_of_the_measured_numbers() -> None:
    assert sorted(re.findall(r"<!-- numbers: (\w+) -->", README)) == [
        *("evaluation", "origin", "sweep")
    ]
    assert readme_numbers.with_tables(README, numbers()) == README
    assert re.fullmatch("[0-9a-f]{40}", numbers()["git_commit"]), "a commit without changes"


def test_a_table_is_written_again_and_another_text_is_left_alone() -> None:
    changed = numbers()
    changed["runs"]["conv-z10"]["metrics"]["elbo/test"] = -12.345
    made = readme_numbers.with_tables(README, changed)
    lines = zip(README.splitlines(), made.splitlines(), strict=True)
    different = [new for old, new in lines if old != new]
    assert len(different) == 2 and all("-12.3" in line for line in different)


def test_what_is_implemented_names_every_option_and_papers_of_the_code() -> None:
    section = README.split("## What is implemented")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, flags=re.MULTILINE))
    assert len(rows) == 8
    for group, cell in rows.items():
        options = {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
        assert set(re.findall(r"`(\w+)`", cell)) == options, group
    sources = [*(ROOT / "conf").rglob("*.yaml"), *(ROOT / "src").rglob("*.py")]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    papers = set(re.findall(r"arxiv\.org/abs/([\d.]+)", section))
    assert len(papers) >= 18
    assert {paper for paper in papers if f"arXiv:{paper}" not in code} == set()


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # runs go below the working directory
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    quick = '"data=digits", "trainer.max_epochs=1", "callbacks=none", "threads=1"'
    found: dict[str, Any] = {}
    exec(code.replace('"data=digits"', quick), found)
    images, ways, table = found["images"], found["ways"], found["table"]
    assert isinstance(images, torch.Tensor) and images.shape == (16, 1, 28, 28)
    assert ways.shape == (8, 1, 28, 28) and torch.equal(ways[0, :, :14], images[0, :, :14])
    assert found["scores"].rank.shape == (16,)
    assert found["mine"].latent_dim == 10
    assert isinstance(table, pd.DataFrame) and sorted(table["latent_dim"]) == [2, 10]
