"""`vae-lab watch`: what the folders of jobs tell, and what is shown of it."""

import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from filelock import FileLock
from rich.console import Console

from vae_lab.desk.job_states import ENDED, Sweep, sweep_in
from vae_lab.desk.job_table import job_table, summary_line
from vae_lab.desk.watch import argument_parser, newest_sweep
from vae_lab.errors import UserError
from vae_lab.progress_files import PlannedJob, RunProgress, SweepPlan
from vae_lab.run_folder import CONFIG, RunFolder, RunResult

LINEAR, CONV = {"model": "linear"}, {"model": "conv"}


def write(folder: Path, status: str, *, age: float = 0.0, **result: object) -> Path:
    """A run of a status whose result was written so many seconds ago."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).touch()
    (folder / ".lock").touch()
    RunFolder(folder).write_result(RunResult(name=folder.name, status=status, **result))  # type: ignore[arg-type]  # any fields
    at = time.time() - age
    os.utime(folder / "result.json", (at, at))
    os.utime(folder / CONFIG, (at, at))
    return folder


def train(folder: Path, *, share: float = 0.5, left: float | None = 10.0, age: float = 0.0) -> None:
    RunProgress(
        epochs=5,
        max_epochs=10,
        share=share,
        seconds_per_epoch=2.0,
        seconds_left=left,
        elbo=-101.25,
        elbo_split="val",
        written=time.time() - age,
    ).write(folder)


def announce(root: Path, *names: str, num_jobs: int | None = None, age: float = 0.0) -> None:
    jobs = [PlannedJob(name, 10, CONV if "conv" in name else LINEAR) for name in names]
    SweepPlan(jobs, num_jobs, time.time() - age).write(root)


def states(sweep: Sweep) -> dict[str, str]:
    return {job.job: job.state for job in sweep.jobs}


def test_each_job_has_the_state_that_its_folder_tells(tmp_path: Path) -> None:
    names = ("done", "new", "begun", "trains", "tests", "lost", "stopped", "broken", "old")
    announce(tmp_path, *names, age=60)
    metrics = {"elbo/val": -99.0, "elbo/test": -98.5}
    write(tmp_path / "done", "success", age=100, epochs=10, metrics=metrics)
    for name in ("begun", "trains", "tests", "lost"):
        write(tmp_path / name, "running", age=5)
    train(tmp_path / "begun", age=20)  # of an attempt before this one
    train(tmp_path / "trains")
    train(tmp_path / "tests", share=1.0, left=0.0)
    train(tmp_path / "lost")
    write(tmp_path / "stopped", "interrupted")
    write(tmp_path / "broken", "failed", error="OSError: no space")
    write(tmp_path / "old", "interrupted", age=100)  # before this sweep began
    with ExitStack() as stack:
        for name in (".", "begun", "trains", "tests"):
            stack.enter_context(FileLock(tmp_path / name / ".lock"))
        sweep = sweep_in(tmp_path)
    assert states(sweep) == {
        "done": "finished",
        "new": "waiting",
        "begun": "starting",
        "trains": "training",
        "tests": "testing",
        "lost": "killed",
        "stopped": "interrupted",
        "broken": "failed",
        "old": "waiting",
    }
    jobs = {job.job: job for job in sweep.jobs}
    assert (jobs["done"].elbo, jobs["done"].elbo_test, jobs["done"].share) == (-99.0, -98.5, 1.0)
    assert (jobs["trains"].epochs, jobs["trains"].elbo) == (5, -101.25)
    assert jobs["begun"].elbo is None and jobs["new"].max_epochs == 10
    assert jobs["broken"].error == "OSError: no space"
    assert not sweep.is_done and len(sweep.ended) == 3


def test_without_its_command_nothing_is_waited_for(tmp_path: Path) -> None:
    announce(tmp_path, "a", "b")
    write(tmp_path / "a", "success")
    sweep = sweep_in(tmp_path)
    assert states(sweep) == {"a": "finished", "b": "not started"} and sweep.is_done
    assert summary_line(sweep) == "2 jobs: 1 finished, 1 not started"


def test_the_end_of_a_search_is_that_of_its_command(tmp_path: Path) -> None:
    announce(tmp_path, num_jobs=3)
    write(tmp_path / "trial-1", "success")
    with FileLock(tmp_path / ".lock"):
        sweep = sweep_in(tmp_path)
        assert not sweep.is_done and summary_line(sweep) == "3 jobs: 1 finished, 2 waiting"
    assert sweep_in(tmp_path).is_done


def test_the_rest_is_that_of_the_jobs_at_work_and_of_those_that_wait(tmp_path: Path) -> None:
    announce(tmp_path, "linear-a", "linear-b", "linear-c", "linear-d")
    with ExitStack() as stack:
        stack.enter_context(FileLock(tmp_path / ".lock"))
        for name, left in (("linear-a", 10.0), ("linear-b", 4.0)):
            write(tmp_path / name, "running", choices=LINEAR, age=5)
            train(tmp_path / name, left=left)
            stack.enter_context(FileLock(tmp_path / name / ".lock"))
        # (10 + 4 + 2 jobs of 10 epochs of 2 seconds) / 2 at a time.
        assert sweep_in(tmp_path).seconds_left == pytest.approx(27.0, abs=0.5)
        announce(tmp_path, "linear-a", "linear-b", "conv-a")
        assert sweep_in(tmp_path).seconds_left is None  # no job of conv has told its time
        announce(tmp_path, "linear-a", "linear-b")
        assert sweep_in(tmp_path).seconds_left == pytest.approx(10.0, abs=0.5)


def test_a_folder_of_runs_and_a_run_are_looked_at_too(tmp_path: Path) -> None:
    run = write(tmp_path / "runs" / "a", "success")
    write(tmp_path / "runs" / "b", "failed")
    assert states(sweep_in(tmp_path / "runs")) == {"a": "finished", "b": "failed"}
    assert states(sweep_in(run)) == {"a": "finished"}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"epochs": "x"}', '{"jobs": [1]}', "{"])
def test_files_that_hold_something_else_are_not_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "progress.json").write_text(content)
    (tmp_path / "plan.json").write_text(content)
    assert RunProgress.read(tmp_path) is None and SweepPlan.read(tmp_path) is None


def test_both_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    plan = SweepPlan([PlannedJob("a/b", None, CONV)], 1, 12.5)
    plan.write(tmp_path)
    progress = RunProgress(
        epochs=0,
        max_epochs=None,
        share=0.0,
        seconds_per_epoch=None,
        seconds_left=None,
        elbo=None,
        elbo_split="train",
        written=1.5,
    )
    progress.write(tmp_path)
    assert SweepPlan.read(tmp_path) == plan and RunProgress.read(tmp_path) == progress


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_table_is_as_wide_and_high_as_the_terminal(width: int, tmp_path: Path) -> None:
    names = [f"linear-z{number}-mnist_5k-seed0" for number in range(60)]
    announce(tmp_path, *names)
    for number, name in enumerate(names[:40]):
        status = "failed" if number == 30 else "success"
        write(tmp_path / name, status, epochs=10, metrics={"elbo/test": -123.4, "elbo/val": -124.5})
    console = Console(file=io.StringIO(), width=width, height=24)
    table = job_table(sweep_in(tmp_path), console, rows=18)
    console.print(table)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
    assert len(lines) <= 23 and max(map(len, lines)) <= width
    shown = [line for line in lines if "linear-z" in line]
    assert len(shown) == 18 and "and 42 more jobs" in "".join(lines)
    assert sum("failed" in line for line in shown) == 1
    assert ("s/epoch" in "".join(lines)) == (width == 100)


def test_a_folder_without_jobs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="holds no run and no plan of a sweep"):
        sweep_in(tmp_path)
    with pytest.raises(UserError, match="is not a folder"):
        sweep_in(tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="there is no sweep in outputs/sweeps"):
        newest_sweep()


def test_the_newest_sweep_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("new", "old")):
        path = tmp_path / "outputs" / "sweeps" / name / "command.txt"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1000 - number, 1000 - number))
    assert newest_sweep().name == "new"


def test_the_outcome_of_watch_is_a_document_and_an_exit_code(tmp_path: Path) -> None:
    announce(tmp_path, "a", "b")
    write(tmp_path / "a", "success", metrics={"elbo/test": -90.0})
    before = sorted(tmp_path.rglob("*"))
    done = watch(str(tmp_path), "--json")
    outcome = json.loads(done.stdout)
    assert done.returncode == outcome["exit_code"] == 1 and outcome["command"] == "watch"
    assert [job["state"] for job in outcome["jobs"]] == ["finished", "not started"]
    assert outcome["jobs"][0]["elbo_test"] == -90.0 and outcome["is_done"]
    assert "1 of 2 jobs are not finished: 1 not started" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before, "watching writes nothing"


def watch(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vae_lab", "watch", *words]
    return subprocess.run(command, capture_output=True, text=True)


def test_on_a_terminal_it_follows_the_jobs_to_their_end(tmp_path: Path) -> None:
    announce(tmp_path, "a", "b")
    write(tmp_path / "a", "success")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    lock = FileLock(tmp_path / ".lock")
    lock.acquire()
    command = [sys.executable, "-m", "vae_lab", "watch", str(tmp_path), "--every", "0.1"]
    shown = b""
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        while b"1 waiting" not in shown:
            shown += os.read(ours, 4096)
        write(tmp_path / "b", "success")
        lock.release()
        with suppress(OSError):  # at its end
            while part := os.read(ours, 4096):
                shown += part
        assert process.wait(60) == 0
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "2 jobs: 1 finished, 1 waiting" in text and text.rstrip().endswith("2 jobs: 2 finished")


def test_every_state_that_ends_a_job_has_a_place_in_the_line_below(tmp_path: Path) -> None:
    for status in ("failed", "diverged", "interrupted"):
        write(tmp_path / status, status)
    assert summary_line(sweep_in(tmp_path)) == "3 jobs: 1 interrupted, 1 diverged, 1 failed"
    assert {job.state for job in sweep_in(tmp_path).jobs} < set(ENDED)


def test_the_interval_is_bounded() -> None:
    assert argument_parser().parse_args([]).every == 1.0
    assert "--every must be between" in watch("x", "--every", "0").stderr
