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

import vae_lab
from vae_lab.cli.main import COMMANDS, main

PACKAGE = Path(str(vae_lab.__file__)).parent
RUNNABLE = [
    name
    for name, module in COMMANDS.items()
    if (place := Path(PACKAGE, *module.split(".")[1:])).with_suffix(".py").exists()
    or (place / "__main__.py").exists()
]

QUICK = ("data=digits", "trainer.max_epochs=1", "callbacks=none", "threads=1", "report=null")


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
    if outcome.get("page"):
        assert (work / outcome["page"]).is_file()
    if words[0] == "evaluate":
        (run,) = outcome["runs"]
        assert (work / run["file"]).is_file() and run["numbers"]["iw_bound"]["value"] < 0


def test_of_a_sweep_each_run_and_the_failed_ones(tmp_path: Path) -> None:
    rates = ("optimizer.lr=0.01,1e30", "optimizer.schedule=constant")
    words = ("-m", *QUICK, *rates, "hydra.sweep.dir=s", "hydra/launcher=joblib")
    outcome, _ = outcome_of(*words, code=1, folder=tmp_path)
    assert outcome["is_sweep"] is True and outcome["folder"] == "s"
    good, bad = outcome["runs"]
    assert (good["status"], bad["status"]) == ("success", "diverged")
    assert good["metrics"]["elbo/test"] < 0 and "not finite" in bad["error"]
    (name,) = outcome["unfinished"]
    assert bad["folder"] == str(Path("s", name))
    assert outcome["error"] == f"not finished: {name}."
    assert outcome["summary"] == str(Path("s", "summary.csv")) and outcome["report"] is None


def test_of_a_dry_run_what_it_would_do(tmp_path: Path) -> None:
    words = ("-m", *QUICK, "latent_dim=2,3", "hydra.sweep.dir=s", "--dry-run")
    outcome, _ = outcome_of(*words, folder=tmp_path)
    assert outcome["dry_run"] is True and outcome["is_sweep"] is True
    assert [run["state"] for run in outcome["runs"]] == ["new", "new"]
    assert not (tmp_path / "s").exists()


def test_of_a_failed_run_its_status_and_the_line(tmp_path: Path) -> None:
    words = (*QUICK, "hydra.run.dir=run", "optimizer.lr=1e30", "optimizer.schedule=constant")
    outcome, printed = outcome_of(*words, code=1, folder=tmp_path)
    (run,) = outcome["runs"]
    assert run["status"] == "diverged" and outcome["unfinished"] == ["run"]
    assert "bound is not finite" in outcome["error"] and outcome["error"] in printed


def printed_by(
    words: tuple[str, ...], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str]:
    """Runs a command line in this process; returns its exit code, and what it printed."""
    monkeypatch.setattr(sys, "argv", ["vae-lab", *words])
    # A module that another test imported is run from its file all the same.
    for module in (COMMANDS.get(words[0], ""), f"{COMMANDS.get(words[0])}.__main__"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, *capfd.readouterr()


@pytest.mark.parametrize("name", ["", *RUNNABLE])
def test_of_wrong_input_the_line_and_its_code(
    name: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = (name, "--no-such-flag") if name else ("latnet_dim=3",)
    code, out, err = printed_by((*words, "--json"), capfd, monkeypatch)
    outcome = json.loads(out)
    assert (code, outcome["exit_code"], outcome["command"]) == (2, 2, name or "train")
    assert f"vae-lab: error: {outcome['error']}\n" == err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["", *RUNNABLE])
def test_each_help_names_the_flag(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = printed_by((*[name] * bool(name), "--help"), capfd, monkeypatch)
    assert code == 0 and "--json" in out


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
