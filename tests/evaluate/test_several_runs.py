"""Several runs evaluated by one command: one table, what is known is skipped, failures wait."""

import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from runs import SMALL, train

from vae_lab.errors import UserError
from vae_lab.evaluate import __main__, printing, progress
from vae_lab.evaluate.progress import EvaluationProgress
from vae_lab.evaluate.requests import check
from vae_lab.evaluations import GAPS


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two runs with very long names, of two and of three latent dimensions."""
    folder = tmp_path_factory.mktemp("sweep")
    for latent_dim in (2, 3):
        words = ("callbacks=none", "logger=none", f"latent_dim={latent_dim}")
        _, run = train(folder / f"made{latent_dim}", *words)
        name = f"a-run-with-a-very-long-name-of-many-words-z{latent_dim}"
        result = json.loads((run / "result.json").read_text()) | {"name": name}
        (run / "result.json").write_text(json.dumps(result))
    return folder


@pytest.fixture
def folder(sweep: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sweep, tmp_path / "sweep")


def command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, words), *SMALL])
    try:
        __main__.main()
    except SystemExit as stop:
        return int(str(stop.code))
    return 0


def evaluations(folder: Path) -> list[Path]:
    return sorted(folder.rglob("evaluation-*.json"))


def test_a_sweep_gets_one_table_and_is_measured_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, folder) == 0
    assert len(evaluations(folder)) == 2
    told = capsys.readouterr()
    assert "1/2 a-run-with" in told.err and "exact" in told.err
    rows = [line.split() for line in told.out.splitlines() if line.startswith(" a-run")]
    bounds = {row[0]: float(row[4]) for row in rows[:2]}
    for path in evaluations(folder):
        record = json.loads(path.read_text())
        assert bounds[record["run"]] == pytest.approx(
            record["numbers"]["iw_bound"]["value"], abs=0.1
        )
    values = list(bounds.values())
    assert values == sorted(values, reverse=True), "the best comes first"
    # Both are known now: the same table, and no file is touched.
    before = {path: path.stat().st_mtime_ns for path in evaluations(folder)}
    assert command(monkeypatch, folder, *(path.parent for path in before)) == 0
    again = capsys.readouterr()
    assert again.out == told.out
    assert {path: path.stat().st_mtime_ns for path in evaluations(folder)} == before


def test_a_narrow_table_goes_on_below_with_whole_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printing, "WIDE", 64)
    assert command(monkeypatch, folder) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith(" ")]
    assert max(map(len, table)) <= 64
    first = table[: next(n for n, line in enumerate(table[1:], 1) if line.startswith(" run"))]
    assert sum("a-run-with" in line for line in table) > 2, "names again in each part"
    for latent_dim in (2, 3):
        name = f"a-run-with-a-very-long-name-of-many-words-z{latent_dim}"
        assert sum(name in line for line in first) == 1
    # Without anatomy=true there are no gaps, without a condition no classes.
    absent = {*GAPS, "summed_bound", "bayes_accuracy"}
    for name, heading in printing.COLUMNS.items():
        assert sum(heading in line for line in table) == (0 if name in absent else 1)


def test_a_run_that_fails_holds_up_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = folder / "made2" / "run" / "checkpoints" / "best.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    assert command(monkeypatch, folder) == 1
    told = capsys.readouterr()
    (kept,) = evaluations(folder)
    assert kept.is_relative_to(folder / "made3")
    errors = [line for line in told.err.splitlines() if line.startswith("vae-lab: error:")]
    assert "z2: " in errors[0] and "is not a whole checkpoint" in errors[0]
    assert errors[1].endswith(
        "not evaluated, or not kept: a-run-with-a-very-long-name-of-many-words-z2."
    )
    assert "many-words-z3" in told.out and "many-words-z2" not in told.out


def test_what_is_not_finished_is_left_out_and_what_is_broken_is_a_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder / "made2", folder / "going")
    result = json.loads((folder / "going" / "run" / "result.json").read_text())
    path = folder / "going" / "run" / "result.json"
    path.write_text(json.dumps(result | {"status": "interrupted"}))
    plan = check([str(folder), *SMALL])
    assert len(plan.requests) == 2 and plan.broken == {}
    assert plan.unfinished == {path.parent: "interrupted"}
    assert command(monkeypatch, folder) == 0
    assert f"left out {path.parent}: interrupted" in capsys.readouterr().err
    (folder / "made3" / "run" / "config.yaml").write_text("seed: 7\n")
    assert command(monkeypatch, folder) == 1
    assert "is not the configuration of this run" in capsys.readouterr().err


def test_a_wrong_word_is_told_before_anything_begins(folder: Path, tmp_path: Path) -> None:
    runs = [str(folder / "made2" / "run"), str(folder / "made3" / "run")]
    assert len(check([*runs, str(folder), *SMALL]).requests) == 2, "each once"
    for words, message in (
        ([*runs, str(tmp_path / "nowhere")], "is not a folder"),
        ([*runs, str(folder / "made2" / "conf")], "is not a run"),
        ([str(folder), "num_samples=0"], "num_samples must be"),
    ):
        with pytest.raises(UserError, match=message):
            check([*words, "trust=true"])
    for run in runs:
        shutil.rmtree(Path(run) / "checkpoints")
    with pytest.raises(UserError, match=r"no finished run in .* has no checkpoint best or last"):
        check([str(folder)])
    assert evaluations(folder) == []


def test_the_bar_grows_over_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_a_terminal(**options: Any) -> Console:
        return Console(file=io.StringIO(), force_terminal=True, width=80)

    monkeypatch.setattr(progress, "Console", on_a_terminal)
    costs, shares = {"quick": 1.0, "slow": 3.0}, []
    with EvaluationProgress(2) as shown:
        (task,) = shown.bars.tasks
        for name in ("a", "b"):
            shown.next_run(name)
            with shown.stage("quick", costs):
                shares.append(task.completed)
            with shown.stage("slow", costs) as advance:
                advance(1, 2)
                shares.append(task.completed)
        assert task.total == 2 and task.description == "2/2 b: slow"
    assert shares == [0, 0.625, 1, 1.625]
