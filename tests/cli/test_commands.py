"""Commands as the first word of a command line, and their outcomes as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vae_lab.outcome import as_json


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)


@pytest.mark.parametrize("name", ["report", "evaluate", "explore", "board"])
def test_a_command_can_be_the_first_word(name: str) -> None:
    done, same = run("vae_lab", name, "--help"), run(f"vae_lab.{name}", "--help")
    assert done.returncode == 0
    assert done.stdout == same.stdout != ""


def test_with_json_an_error_is_one_document_on_standard_output(tmp_path: Path) -> None:
    done = run("vae_lab.explore", str(tmp_path), "--json")
    outcome = json.loads(done.stdout)
    assert done.returncode == outcome["exit_code"] == 2
    assert outcome["command"] == "explore"
    assert outcome["error"] in done.stderr and str(tmp_path) in outcome["error"]


def test_an_outcome_holds_only_what_json_has() -> None:
    outcome = {"bound": float("nan"), "folder": Path("a/b"), "runs": ({"seconds": 1.5},)}
    expected = {"bound": None, "folder": str(Path("a/b")), "runs": [{"seconds": 1.5}]}
    assert json.loads(as_json(outcome)) == expected
