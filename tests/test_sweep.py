"""The command line for real, in processes of its own: runs, sweeps, summaries, exit codes."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small import write_conf

TESTS = Path(__file__).parent
QUICK = ("data=stripes", "trainer.max_epochs=2", "threads=1")


def vae_lab(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in `folder`, with data=stripes at hand."""
    write_conf(folder / "conf")
    return subprocess.run(
        [sys.executable, "-m", "vae_lab", "--config-dir", "conf", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(TESTS), "COLUMNS": "120"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A two-job sweep; returns its folder and what it printed."""
    folder = tmp_path_factory.mktemp("sweep")
    done = vae_lab(folder, "-m", "latent_dim=2,3", "sweep_name=first", *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder / "outputs" / "sweeps" / "first", done.stdout


def test_a_sweep_leaves_a_folder_per_job_with_everything_in_it(sweep: tuple[Path, str]) -> None:
    root, _ = sweep
    folders = sorted(path.name for path in root.iterdir() if path.is_dir())
    assert folders == ["linear-z2-stripes", "linear-z3-stripes"]
    for name in folders:
        result = json.loads((root / name / "result.json").read_text())
        assert result["status"] == "success" and result["name"] == name
        assert "run_name" not in result["command"] and "latent_dim=" in result["command"]
        assert len(list((root / name).glob("events.out.tfevents.*"))) == 2  # events, session end
        assert (root / name / "figures" / "samples_0002.png").exists()
        assert (root / name / "checkpoints" / "last.ckpt").exists()
        assert "epoch 2" in (root / name / "run.log").read_text()


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
    assert f"tensorboard --logdir {root.relative_to(root.parents[2])}" in printed


def test_the_same_sweep_again_does_nothing_and_another_budget_gets_folders_of_its_own(
    sweep: tuple[Path, str],
) -> None:
    root, _ = sweep
    stamps = {path: path.stat().st_mtime_ns for path in root.glob("*/per_image.npz")}
    done = vae_lab(root.parents[2], "-m", "latent_dim=2,3", "sweep_name=first", *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("already finished") == 2
    done = vae_lab(root.parents[2], "-m", "latent_dim=2", "sweep_name=first", *QUICK, "seed=5")
    assert done.returncode == 0, done.stderr
    assert (root / "linear-z2-stripes-2" / "result.json").exists()
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_a_failed_job_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    done = vae_lab(
        tmp_path, "-m", "optimizer.lr=1e30,1e-3", "optimizer.schedule=constant", *QUICK,
        "hydra.sweep.dir=here", "callbacks=none",
    )  # fmt: skip
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("vae-lab: error: ")]
    assert len(errors) == 1 and "linear-z2-stripes-lr1e+30 failed" in errors[0]
    assert "Traceback" not in done.stderr + done.stdout
    assert "FAILED linear-z2-stripes-lr1e+30: NonFiniteError" in done.stdout
    with (tmp_path / "here" / "summary.csv").open() as file:
        statuses = {row["run"]: row["status"] for row in csv.DictReader(file)}
    assert statuses == {
        "linear-z2-stripes-lr1e+30": "failed",
        "linear-z2-stripes-lr0.001": "success",
    }
    assert "Traceback" in (tmp_path / "here" / "linear-z2-stripes-lr1e+30" / "run.log").read_text()


def test_a_single_run_goes_where_it_is_told(tmp_path: Path) -> None:
    done = vae_lab(tmp_path, *QUICK, "hydra.run.dir=here/it is", "callbacks=none", "logger=csv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "it is" / "result.json").exists()
    assert not (tmp_path / "outputs").exists()


def test_without_the_data_a_sweep_falls_back_once_and_says_so(tmp_path: Path) -> None:
    done = vae_lab(
        tmp_path, "-m", "latent_dim=2,3", "data.mirrors=[http://127.0.0.1:9/]", "data.root=none",
        "trainer.max_epochs=1", "threads=1", "callbacks=none", "sweep_name=fallen",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("vae-lab: warning: data=mnist is not to be had") == 1
    root = tmp_path / "outputs" / "sweeps" / "fallen"
    for name in ("linear-z2-5k", "linear-z3-5k"):
        result = json.loads((root / name / "result.json").read_text())
        assert result["data"] == {"name": "mnist_5k", "train": 4000, "val": 500, "test": 500}
        assert result["choices"]["data"] == "mnist_5k"


def test_without_the_data_and_a_fallback_it_is_an_error(tmp_path: Path) -> None:
    done = vae_lab(
        tmp_path, "data.mirrors=[http://127.0.0.1:9/]", "data.root=none", "data.fallback=null"
    )
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]
    assert error.startswith("vae-lab: error: cannot download") and "data=mnist_5k" in error
    assert not (tmp_path / "outputs").exists()


@pytest.mark.real_mnist
def test_a_debug_run_on_real_mnist_counts_its_images(mnist_root: Path, tmp_path: Path) -> None:
    done = vae_lab(
        tmp_path, "trainer=debug", f"data.root={mnist_root}", "callbacks=none", "run_name=real"
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "runs").iterdir()
    result = json.loads((folder / "result.json").read_text())
    assert result["data"] == {"name": "mnist", "train": 55_000, "val": 5_000, "test": 10_000}
    assert len(list((folder / "checkpoints").iterdir())) == 2
