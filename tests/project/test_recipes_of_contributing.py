"""The recipes of CONTRIBUTING.md, followed word by word."""

import math
import re
import textwrap
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from repository import ROOT
from runs import evaluated, run_job, train

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.run_folder import RunResult

BLOCK = re.compile(r"^( *)```\w+\n( *# ([\w./-]+\.\w+)\n.*?)^\1```$", re.DOTALL | re.MULTILINE)


def write_files(recipe: str, folder: Path) -> list[str]:
    """Writes the files of a recipe, whose blocks open with their names; returns these names."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, heading, section = text.partition(f"\n### {recipe}\n")
    assert heading, f"CONTRIBUTING.md has no recipe of the name {recipe}"
    section = re.split(r"^##+ ", section, flags=re.MULTILINE)[0]
    blocks = [(name, code) for _, code, name in BLOCK.findall(section)]
    for name, code in blocks:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(code), encoding="utf-8")
    return [name for name, _ in blocks]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., RunResult]:
    """Writes the files of a recipe and trains shortly with its option, on scikit-learn's digits."""

    def follow(name: str, *overrides: str) -> RunResult:
        files = write_files(name, tmp_path)
        assert {Path(file).suffix for file in files} == {".py", ".yaml"}
        monkeypatch.syspath_prepend(tmp_path)
        quick = ("trainer.max_epochs=1", "threads=1", "report=null", "logger=none")
        words = ["--config-dir", str(tmp_path / "conf"), *quick, *overrides]
        (job,) = compose_jobs(words)
        (tmp_path / "run").mkdir()
        return run_job(resolved(job.config), job.choices, tmp_path / "run")

    return follow


def test_a_picture_is_added(recipe: Callable[..., RunResult], tmp_path: Path) -> None:
    recipe("Add a picture", "data=digits", "callbacks=[prior_mean]")
    drawn = sorted(path.name for path in (tmp_path / "run" / "figures").glob("*.png"))
    assert drawn == ["prior_mean_0000.png", "prior_mean_0001.png"]


def test_a_likelihood_is_added(recipe: Callable[..., RunResult]) -> None:
    result = recipe("Add a likelihood", "data=digits", "likelihood=cauchy", "callbacks=none")
    assert result.choices["likelihood"] == "cauchy"
    assert math.isfinite(result.metrics["elbo/test"])


def test_a_data_set_is_added(recipe: Callable[..., RunResult]) -> None:
    result = recipe("Add a data set", "data=checkers", "callbacks=none")
    assert result.data.pop("fingerprint")
    assert result.data == {
        "name": "checkers",
        "train": 80,
        "val": 20,
        "test": 20,
        "labels": ["0", "1"],
    }
    assert result.image_shape == [1, 8, 8]


def test_a_metric_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vae_lab.evaluate import evaluation
    from vae_lab.evaluate.bound import elbo

    assert write_files("Add a metric", tmp_path) == ["widths.py"]
    monkeypatch.syspath_prepend(tmp_path)
    metric = import_module("widths").posterior_width
    monkeypatch.setattr(evaluation, "METRICS", (elbo, metric))
    _, folder = train(tmp_path, "callbacks=none", "logger=none")
    capsys.readouterr()
    number = evaluated(folder)["numbers"]["posterior_width"]
    assert 0 < number["value"] < 2 and number["standard_error"] > 0
    assert "posterior_width" in capsys.readouterr().out
