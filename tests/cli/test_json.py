"""`--json`: each command prints one document on standard output, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_runs import write_run

from vae_lab.cli.main import COMMANDS

QUICK = ("data=digits", "trainer.max_epochs=1", "callbacks=none", "logger=none", "threads=1",
         "report=null")  # fmt: skip


def outcome_of(*words: str, code: int = 0, folder: Path) -> tuple[dict[str, Any], str]:
    """Runs a command line with `--json`; returns its document, and what it prints for people."""
    done = subprocess.run(
        [sys.executable, "-m", "vae_lab", *words, "--json"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(done.stdout)  # and nothing else
    assert done.returncode == document["exit_code"] == code, done.stderr
    return document, done.stderr


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run, `run`."""
    folder = tmp_path_factory.mktemp("json")
    outcome, printed = outcome_of(*QUICK, "hydra.run.dir=run", folder=folder)
    (folder / "outcome.json").write_text(json.dumps(outcome))
    assert "Explorer:" in printed
    return folder


def test_of_a_run_its_numbers_and_files(work: Path) -> None:
    outcome = json.loads((work / "outcome.json").read_text())
    result = json.loads((work / "run" / "result.json").read_text())
    assert (outcome["command"], outcome["error"]) == ("train", None)
    assert (outcome["is_sweep"], outcome["unfinished"]) == (False, [])
    (run,) = outcome["runs"]
    assert (run["name"], run["status"], run["folder"]) == (result["name"], "success", "run")
    assert run["metrics"] == result["metrics"] and run["metrics"]["elbo/test"] < 0
    assert {"result", "config", "best", "per_image"} <= run["files"].keys()
    assert all((work / path).is_file() for path in run["files"].values())


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (("evaluate", "run", "num_samples=5", "num_images=20"), {"runs", "failed", "left_out"}),
        (("report", "run", "--to", "pages"), {"page", "numbers", "num_runs", "left_out"}),
        (("explore", "run", "--to", "model.html"), {"page", "runs", "left_out"}),
        (("compare", "run", "run", "--no-pictures"), {"A", "B", "differing_keys", "test"}),
        (("query", "select run, elbo_test from runs", "--in", "run"), {"columns", "rows"}),
    ],
)  # fmt: skip
def test_of_a_command_what_it_made(work: Path, words: tuple[str, ...], keys: set[str]) -> None:
    outcome, _ = outcome_of(*words, folder=work)
    assert outcome["command"] == words[0] and outcome["error"] is None
    assert keys <= outcome.keys()
    if "page" in outcome:
        assert (work / outcome["page"]).is_file()
    if words[0] == "evaluate":
        (run,) = outcome["runs"]
        assert (work / run["file"]).is_file() and run["numbers"]["iw_bound"]["value"] < 0


def test_of_a_sweep_each_run_and_the_failed_ones(tmp_path: Path) -> None:
    # A run of another configuration is in the place of the first job.
    write_run(tmp_path / "s" / "linear-z2-digits", elbo=-1.0)
    words = ("-m", *QUICK, "latent_dim=2,3", "hydra.sweep.dir=s", "hydra/launcher=joblib")
    outcome, _ = outcome_of(*words, code=1, folder=tmp_path)
    assert outcome["is_sweep"] is True and outcome["folder"] == "s"
    assert outcome["unfinished"] == ["linear-z2-digits"]
    assert outcome["error"] == "not finished: linear-z2-digits."
    names = {run["name"]: run["metrics"]["elbo/test"] for run in outcome["runs"]}
    assert names.keys() == {"linear-z2-digits", "linear-z3-digits"}
    assert outcome["summary"] == str(Path("s", "summary.csv")) and outcome["report"] is None


def test_of_a_failed_run_its_status_and_the_line(tmp_path: Path) -> None:
    words = (*QUICK, "hydra.run.dir=run", "optimizer.lr=1e30", "optimizer.schedule=constant")
    outcome, printed = outcome_of(*words, code=1, folder=tmp_path)
    (run,) = outcome["runs"]
    assert run["status"] == "diverged" and outcome["unfinished"] == ["run"]
    assert "bound is not finite" in outcome["error"] and outcome["error"] in printed


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_of_wrong_input_the_line_and_its_code(name: str, tmp_path: Path) -> None:
    words = (name, "--no-such-flag") if name else ("latnet_dim=3",)
    outcome, printed = outcome_of(*words, code=2, folder=tmp_path)
    assert outcome["command"] == (name or "train")
    assert f"vae-lab: error: {outcome['error']}\n" == printed
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_each_help_names_the_flag(name: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "vae_lab", *[name] * bool(name), "--help"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "--json" in done.stdout


def started(*words: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "vae_lab", *words, "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip


def test_of_a_run_that_ctrl_c_ends_how_to_resume_it(tmp_path: Path) -> None:
    words = (*QUICK, "trainer.max_epochs=100000", "hydra.run.dir=run")
    with started(*words, folder=tmp_path) as process:
        deadline = time.monotonic() + 120
        while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=120)
    outcome = json.loads(printed)
    assert process.returncode == outcome["exit_code"] == 130
    assert outcome["runs"][0]["status"] == "interrupted"
    assert outcome["to_resume"].endswith("-m vae_lab resume=run")
    assert outcome["error"] == f"interrupted. To resume: {outcome['to_resume']}"


def test_of_the_board_its_address_while_it_serves(work: Path) -> None:
    with started("board", "run", folder=work) as process:
        assert process.stdout is not None
        printed = ""
        while not printed.endswith("}\n") or printed.count("{") > printed.count("}"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            printed += line
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=60)
    outcome = json.loads(printed)
    assert (process.returncode, outcome["exit_code"], rest) == (0, 0, "")
    assert outcome["address"].startswith("http://localhost:")
    assert all(it.startswith(outcome["address"].rstrip("/")) for it in outcome["links"].values())
