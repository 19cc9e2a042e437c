"""The recipes of CONTRIBUTING.md, followed word by word."""

import re
import textwrap
from pathlib import Path

import pytest
from repository import ROOT

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.training.run import run

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


def train(folder: Path, *overrides: str) -> Path:
    """Trains shortly on scikit-learn's digits with the options of a folder; returns the run's."""
    quick = ("data=digits", "trainer.max_epochs=1", "threads=1", "report=null", "logger=none")
    (job,) = compose_jobs(["--config-dir", str(folder / "conf"), *quick, *overrides])
    (folder / "run").mkdir()
    run(resolved(job.config), job.choices, folder / "run", "python -m vae_lab test")
    return folder / "run"


def test_a_picture_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_files("Add a picture", tmp_path)
    assert files == ["prior_mean.py", "conf/callbacks/prior_mean.yaml"]
    monkeypatch.syspath_prepend(tmp_path)
    figures = train(tmp_path, "callbacks=[prior_mean]") / "figures"
    drawn = sorted(path.name for path in figures.iterdir())
    assert drawn == ["prior_mean_0000.png", "prior_mean_0001.png"]
