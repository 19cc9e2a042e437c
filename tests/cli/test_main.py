"""The command line for real: runs, sweeps, summaries, exit codes, interruptions."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import killable
import numpy as np
import pytest
from command import QUICK, Command, Done, command, environment
from stripes import write_conf

from vae_lab.cli import main as main_module
from vae_lab.cli.hydra_jobs import launch
from vae_lab.cli.training_outcome import TrainingOutcome
from vae_lab.errors import JobFailed, Stopped
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.terminal import in_this_shell
from vae_lab.training.signals import check_stopped, handle_signals


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A two-job sweep; returns its folder and what it printed."""
    folder = tmp_path_factory.mktemp("sweep")
    write_conf(folder / "conf")
    done = subprocess.run(
        command("-m", "latent_dim=2,3", "sweep_name=first", *QUICK[:-1]),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "outputs" / "sweeps" / "first", done.stdout


def test_a_sweep_leaves_a_folder_per_job_with_everything_in_it(sweep: tuple[Path, str]) -> None:
    root, _ = sweep
    folders = sorted(path.name for path in root.iterdir() if path.is_dir())
    runs = ["linear-z2-stripes", "linear-z3-stripes"]
    assert folders == ["comparison", *runs, "report_figures"]
    for name in runs:
        result = json.loads((root / name / "result.json").read_text())
        assert result["status"] == "success" and result["name"] == name
        assert "run_name" not in result["command"] and "latent_dim=" in result["command"]
        assert len(list((root / name).glob("events.out.tfevents.*"))) == 2  # events, session end
        assert (root / name / "figures" / "samples_0002.png").exists()
        assert (root / name / "checkpoints" / "last.ckpt").exists()
        assert "epoch 2" in (root / name / "run.log").read_text()
    (typed,) = (root / "command.txt").read_text().splitlines()
    assert typed.startswith(
        "python -m vae_lab --config-dir conf -m latent_dim=2,3 sweep_name=first"
    )


def test_a_sweep_ends_with_its_table_and_the_line_that_opens_tensorboard(
    sweep: tuple[Path, str],
) -> None:
    root, printed = sweep
    with (root / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["linear-z2-stripes", "linear-z3-stripes"]
    for row in rows:
        result = json.loads((root / row["run"] / "result.json").read_text())
        assert row["elbo/test"] == f"{result['metrics']['elbo/test']:.2f}"
        assert row["epochs"] == "2" and float(row["seconds"]) > 0
        assert row["run"] in printed and row["elbo/test"] in printed
    for module in ("board", "evaluate"):
        assert f" -m vae_lab.{module} {root.relative_to(root.parents[2])}\n" in printed


def test_a_sweep_ends_with_its_report(sweep: tuple[Path, str]) -> None:
    root, printed = sweep
    page = root / "report.html"
    assert f"Report:       {page.relative_to(root.parents[2])}" in printed
    html = page.read_text()
    assert "linear-z2-stripes" in html and "Measured on the pictures" in html
    # Two runs: originals once, two reconstructions, samples, maps, scatters, five pairs of each.
    assert html.count("<img ") >= 1 + 2 + 3 * 2 + 5 * 2 + 1
    markdown = (root / "report.md").read_text()
    assert "not measured in every run" not in markdown
    for name in ("linear-z2-stripes", "linear-z3-stripes"):
        assert json.loads((root / name / "result.json").read_text())["picture_metrics"]


def test_the_same_sweep_again_does_nothing_and_another_seed_gets_a_folder_of_its_own(
    sweep: tuple[Path, str], vae_lab: Command
) -> None:
    root, _ = sweep
    stamps = {path: path.stat().st_mtime_ns for path in root.glob("*/per_image.npz")}
    again = ("-m", f"hydra.sweep.dir={root}", *QUICK)
    done = vae_lab(*again, "latent_dim=2,3")
    assert done.code == 0, done.err
    assert done.out.count("already finished") == 2
    done = vae_lab(*again, "latent_dim=2", "seed=5", "callbacks=none")
    assert done.code == 0, done.err
    assert (root / "linear-z2-stripes-2" / "result.json").exists()
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_a_failed_job_is_named_and_the_others_go_on(tmp_path: Path, vae_lab: Command) -> None:
    done = vae_lab(
        *("-m", "optimizer.lr=1e30,1e-3", "optimizer.schedule=constant", *QUICK),
        *("hydra.sweep.dir=here", "callbacks=none"),
    )
    assert done.code == 1
    (error,) = (line for line in done.err.splitlines() if line.startswith("vae-lab: error: "))
    assert "linear-z2-stripes-lr1e+30 diverged: the train bound is not finite" in error
    assert "Traceback" not in done.err + done.out
    assert "FAILED linear-z2-stripes-lr1e+30: NonFiniteError" in done.out
    with (tmp_path / "here" / "summary.csv").open() as file:
        statuses = {row["run"]: row["status"] for row in csv.DictReader(file)}
    assert statuses == {
        "linear-z2-stripes-lr1e+30": "diverged",
        "linear-z2-stripes-lr0.001": "success",
    }
    assert "Traceback" in (tmp_path / "here" / "linear-z2-stripes-lr1e+30" / "run.log").read_text()


def test_a_single_run_goes_where_it_is_told(tmp_path: Path, vae_lab: Command) -> None:
    done = vae_lab(*QUICK, "hydra.run.dir=here/it is", "callbacks=[samples]", "logger=csv")
    assert done.code == 0, done.err
    assert (tmp_path / "here" / "it is" / "result.json").exists()
    assert not (tmp_path / "outputs").exists()
    # It ends with what to look at next.
    assert done.out.splitlines()[-4:] == [
        "Pictures:     here/it is/figures/index.html",
        "Explorer:     here/it is/explorer.html",
        "TensorBoard:  " + in_this_shell("python -m vae_lab.board 'here/it is'"),
        "Likelihoods:  " + in_this_shell("python -m vae_lab.evaluate 'here/it is'"),
    ]
    assert (tmp_path / "here" / "it is" / "figures" / "index.html").exists()


def test_folders_named_by_the_person_are_found_with_what_became_of_them(
    tmp_path: Path, vae_lab: Command
) -> None:
    (tmp_path / "here" / "job0").mkdir(parents=True)
    done = vae_lab(
        *("-m", "optimizer.lr=1e30", "optimizer.schedule=constant", *QUICK, "callbacks=none"),
        *("hydra.sweep.dir=here", "hydra.sweep.subdir=job${hydra.job.num}"),
    )
    assert done.code == 1
    assert "FAILED job0: NonFiniteError" in done.out
    assert [path.name for path in (tmp_path / "here").iterdir() if path.is_dir()] == ["job0"]


FAST = ("data=stripes", "trainer.max_epochs=1", "threads=1", "report=null", "callbacks=none",
        "logger=none")  # fmt: skip


def results(root: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in root.glob("*/result.json")}


def test_each_job_of_a_shuffled_sweep_is_what_its_name_says(
    tmp_path: Path, vae_lab: Command
) -> None:
    sweep = ("-m", *FAST, "latent_dim=shuffle(2,3,4,5)", "sweep_name=s")
    done = vae_lab(*sweep)
    assert done.code == 0, done.err
    root = tmp_path / "outputs" / "sweeps" / "s"
    dims = {name: result["latent_dim"] for name, result in results(root).items()}
    assert dims == {f"linear-z{z}-stripes": z for z in (2, 3, 4, 5)}
    # The order is another one the next time; the runs are the same.
    again = vae_lab(*sweep)
    assert (again.code, again.out.count("already finished")) == (0, 4), again.err
    assert len(results(root)) == 4


def test_jobs_of_one_folder_are_refused_before_the_first_and_repeated_ones_run_once(
    tmp_path: Path, vae_lab: Command
) -> None:
    done = vae_lab("-m", *FAST, "seed=0,1", "hydra.sweep.subdir=x", "sweep_name=s")
    assert done.code == 2
    assert "hydra.sweep.subdir puts different jobs into one folder" in done.err
    assert not (tmp_path / "outputs").exists()
    done = vae_lab("-m", *FAST, "seed=0,0,1", "sweep_name=s")
    assert done.code == 0, done.err
    assert "1 of 3 jobs are the same as others: each is run once." in done.out
    root = tmp_path / "outputs" / "sweeps" / "s"
    assert sorted(results(root)) == ["linear-z2-stripes-seed0", "linear-z2-stripes-seed1"]
    done = vae_lab("-m", *FAST, "seed=range(3,0)")
    assert done.code == 2
    assert "vae-lab: error: the sweep is empty: seed=range(3,0) names no value." in done.err


def test_a_job_that_is_refused_counts_as_failed(
    tmp_path: Path, vae_lab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "outputs" / "sweeps" / "s" / "linear-z3-stripes"

    def late(*arguments: Any) -> list[Any]:
        # Another process was faster: its run is in the folder of a job that has been planned.
        RunFolder(folder).write_result(
            RunResult(name=folder.name, status="success", config_hash="another")
        )
        return launch(*arguments)

    monkeypatch.setattr("vae_lab.cli.execution.launch", late)
    done = vae_lab("-m", *FAST, "latent_dim=2,3", "sweep_name=s")
    assert done.code == 1
    assert "linear-z3-stripes holds a run of another configuration" in done.err
    assert f"FAILED {folder.name}: " in done.out
    with (folder.parent / "summary.csv").open() as file:
        rows = [(row["run"], row["status"]) for row in csv.DictReader(file)]
    assert rows == [("linear-z2-stripes", "success"), ("linear-z3-stripes", "failed")]


def test_a_run_goes_on_from_any_folder_and_with_its_images_in_another_place(
    tmp_path: Path, vae_lab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez("own (1).npz", images=images)
    np.savez("other.npz", images=images[::-1])
    own = ("data=npz", "data.path=own (1).npz", "data.batch_size=16", *FAST[2:])
    assert vae_lab(*own, "trainer.max_epochs=2", "hydra.run.dir=run").code == 0
    first = RunFolder(tmp_path / "run").require_result()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write_conf(Path("conf"))

    copy = RunFolder(tmp_path / "copy")

    def resume(*arguments: str) -> Done:
        shutil.rmtree(copy.path, ignore_errors=True)
        shutil.copytree(tmp_path / "run", copy.path)
        copy.write_result(replace(first, status="interrupted"))
        (copy.checkpoints / "last.ckpt").unlink()
        return vae_lab(f"resume={copy.path}", "trust=true", *arguments)

    def assert_the_same(done: Done) -> None:
        assert done.code == 0, done.err
        assert "resumes after epoch 1" in done.out
        result = RunFolder(copy.path).require_result()
        assert result.metrics == first.metrics and result.config_hash == first.config_hash

    assert_the_same(resume())
    (tmp_path / "own (1).npz").rename(tmp_path / "moved, here.npz")
    done = resume()
    assert done.code == 2
    assert "own (1).npz any more: add data.path=PATH" in done.err
    assert_the_same(resume("data.path=../moved, here.npz"))
    done = resume("data.path=../other.npz")
    assert done.code == 1
    assert "the images are others" in done.err


def test_the_jobs_of_a_sweep_find_their_images_in_whatever_folder_hydra_starts_them(
    tmp_path: Path, vae_lab: Command
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez("own.npz", images=images)
    own = ("data=npz", "data.path=own.npz", "data.batch_size=16", *FAST[1:])
    # Hydra's own settings are in the common part and in each job: a key that is new comes once.
    callback = "+hydra.callbacks.x._target_=hydra.experimental.callbacks.LogJobReturnCallback"
    done = vae_lab("-m", *own, "latent_dim=2,3", "hydra.job.chdir=true", callback, "sweep_name=s")
    assert done.code == 0, done.err
    moved = results(tmp_path / "outputs" / "sweeps" / "s")["linear-z2-npz"]
    assert vae_lab(*own, "hydra.run.dir=here").code == 0
    here = RunFolder(tmp_path / "here").require_result()
    assert (moved["config_hash"], moved["metrics"]) == (here.config_hash, here.metrics)


NO_MIRROR = ("data.mirrors=[http://127.0.0.1:9/]", "data.root=none")


def test_without_the_data_a_sweep_falls_back_once_and_says_so(
    tmp_path: Path, vae_lab: Command
) -> None:
    done = vae_lab(
        *("-m", "latent_dim=2,3", *NO_MIRROR, "sweep_name=fallen"),
        *("trainer.max_epochs=1", "threads=1", "callbacks=none", "report=null"),
    )
    assert done.code == 0, done.err
    what, instead, change = [line for line in done.err.splitlines() if "warning" in line]
    assert what.startswith("vae-lab: warning: MNIST could not be downloaded (http://127.0.0.1:9/ ")
    assert instead == (
        "vae-lab: warning: Every run uses data=mnist_5k instead, and its name says so. Its "
        "numbers are not comparable with those of MNIST."
    )
    assert change == (
        "vae-lab: warning: To use MNIST, put its files into none/MNIST/raw. To stop instead: "
        "data.fallback=null"
    )
    root = tmp_path / "outputs" / "sweeps" / "fallen"
    for name in ("linear-z2-5k", "linear-z3-5k"):
        result = json.loads((root / name / "result.json").read_text())
        labels = list("0123456789")
        assert result["data"].pop("fingerprint")
        assert result["data"] == {
            **{"name": "mnist_5k", "train": 4000, "val": 500, "test": 500},
            "labels": labels,
        }
        assert result["choices"]["data"] == "mnist_5k"


def test_without_the_data_and_a_fallback_it_is_an_error(tmp_path: Path, vae_lab: Command) -> None:
    done = vae_lab(*NO_MIRROR, "data.fallback=null")
    assert done.code == 2
    error = done.err.splitlines()[-1]
    assert error.startswith("vae-lab: error: cannot download") and "data=mnist_5k" in error
    assert not (tmp_path / "outputs").exists()


def start_sweep(tmp_path: Path) -> tuple[ForkServerProcess, Path]:
    """Starts a sweep that would take for ever; returns it and its first job when it is at work."""
    write_conf(tmp_path / "conf")
    victim = killable.start(
        *(tmp_path, "--config-dir", "conf", "-m", "latent_dim=2,3", "sweep_name=stopped"),
        *(*QUICK, "trainer.max_epochs=100000", "callbacks=none"),
    )
    folder = tmp_path / "outputs" / "sweeps" / "stopped" / "linear-z2-stripes"
    while victim.is_alive() and not (folder / "checkpoints" / "previous.ckpt").exists():
        time.sleep(0.01)
    return victim, folder


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_signal_ends_a_sweep_with_a_result_and_its_table(
    number: int, code: int, word: str, tmp_path: Path
) -> None:
    victim, folder = start_sweep(tmp_path)
    assert victim.pid is not None
    os.kill(victim.pid, number)
    victim.join(timeout=120)
    if victim.is_alive():
        victim.kill()
        pytest.fail("it goes on, whatever the signal")
    text = killable.output(victim)
    assert killable.process_code(text) == code, text
    assert f"vae-lab: {word}.\n" in text and "error:" not in text and "Traceback" not in text
    assert "unfinished linear-z2-stripes: interrupted" in text
    assert "FAILED linear-z3-stripes: never started" in text
    assert re.search(r"^To resume: .*python\S* -m vae_lab ", text, re.MULTILINE)
    result = json.loads((folder / "result.json").read_text())
    assert result["status"] == "interrupted"
    assert {path.name for path in (folder / "checkpoints").iterdir()} >= {"best.ckpt", "last.ckpt"}


def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    before = signal.getsignal(signal.SIGTERM)
    with handle_signals():
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Stopped):
            check_stopped()
        with contextlib.suppress(Stopped):
            signal.raise_signal(signal.SIGINT)
    assert ended == [130]
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_was_finished_when_a_sweep_lost_a_worker_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object) -> list[Any]:
        folder = tmp_path / "s" / "linear-z2-digits-seed0"
        RunFolder(folder).write_result(RunResult(name=folder.name, status="success"))
        raise JobFailed("a process was ended from outside")

    monkeypatch.setattr("vae_lab.cli.execution.launch", lose)
    argv = ["-m", "data=digits", "seed=0,1", f"hydra.sweep.dir={tmp_path / 's'}", "report=null"]
    assert main_module._main(argv, TrainingOutcome()) == 1
    with (tmp_path / "s" / "summary.csv").open() as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["success", "failed"]


def test_an_error_that_nobody_thought_of_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise KeyError("seed")

    monkeypatch.setattr(main_module, "_main", fail)
    with pytest.raises(SystemExit) as ended:
        main_module.main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "KeyError: 'seed'" in line and "HYDRA_FULL_ERROR=1" in line


@pytest.mark.real_mnist
def test_a_debug_run_on_real_mnist_counts_its_images(
    mnist_root: Path, tmp_path: Path, vae_lab: Command
) -> None:
    done = vae_lab("trainer=debug", f"data.root={mnist_root}", "callbacks=none", "run_name=real")
    assert done.code == 0, done.err
    (folder,) = (tmp_path / "outputs" / "runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    sizes = {name: result["data"][name] for name in ("train", "val", "test")}
    assert sizes == {"train": 55_000, "val": 5_000, "test": 10_000}
    assert (result["data"]["name"], result["data"]["labels"]) == ("mnist", list("0123456789"))
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
