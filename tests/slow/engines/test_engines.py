"""Every engine and logger that is an extra, for real, on one machine. `make test-engines`."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import killable
import pytest
from command import QUICK, environment
from stripes import write_conf

pytestmark = pytest.mark.engines

# `make test-engines` installs every extra, so that nothing is skipped there; who runs a part of
# them by hand may have some alone, and sees which were skipped.

# Engine -> its plugin, and two jobs at once however many cores there are; submitit starts all.
ENGINES = {
    "joblib": ("hydra_joblib_launcher", ["hydra.launcher.n_jobs=2"]),
    "submitit_local": ("hydra_submitit_launcher", []),
    "ray": ("hydra_ray_launcher", ["+hydra.launcher.ray.init.num_cpus=2"]),
}
SWEEP = ("-m", "latent_dim=2,3,4,5", "data=stripes", "trainer.max_epochs=5", "report.num_train=80")
NAMES = [f"linear-z{z}-stripes" for z in (2, 3, 4, 5)]
TIMES: dict[str, float] = {}


def vae_lab(folder: Path, *arguments: str, code: int = 0) -> str:
    """Runs a command line to its end and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "vae_lab", "--config-dir", "conf", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engines")
    write_conf(folder / "conf")
    began = time.monotonic()
    vae_lab(folder, *SWEEP, "threads=1", "sweep_name=serial")
    TIMES["serial"] = time.monotonic() - began
    return folder


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sweep_gives_the_numbers_of_the_serial_one(engine: str, place: Path) -> None:
    plugin, settings = ENGINES[engine]
    pytest.importorskip(f"hydra_plugins.{plugin}")
    began = time.monotonic()
    vae_lab(place, *SWEEP, f"hydra/launcher={engine}", *settings, f"sweep_name={engine}")
    TIMES[engine] = time.monotonic() - began
    print({name: round(seconds, 1) for name, seconds in TIMES.items()})
    root, serial = (place / "outputs" / "sweeps" / name for name in (engine, "serial"))
    for name in NAMES:
        assert killable.fingerprint(root / name) == killable.fingerprint(serial / name)
    rows = [(path / "summary.csv").read_text().splitlines() for path in (root, serial)]
    assert [line.rpartition(",")[0] for line in rows[0]] == [
        line.rpartition(",")[0] for line in rows[1]
    ]
    assert (root / "report.html").exists()
    again = vae_lab(place, *SWEEP, "threads=1", f"sweep_name={engine}")
    assert again.count("already finished") == 4


def test_a_job_whose_time_is_up_is_queued_again_and_goes_on(place: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    arguments = ("-m", *QUICK[:1], "trainer.max_epochs=150", "callbacks=none", "report=null")
    command = [sys.executable, "-m", "vae_lab", "--config-dir", "conf", *arguments,
               "hydra/launcher=submitit_local", "sweep_name=queue"]  # fmt: skip
    launcher = subprocess.Popen(command, cwd=place, env=environment())
    folder = place / "outputs" / "sweeps" / "queue" / "linear-z2-stripes"
    while launcher.poll() is None and not (folder / "checkpoints" / "previous.ckpt").exists():
        time.sleep(0.01)
    commands = {path: _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")}
    (pid,) = [
        int(path.parent.name)
        for path, line in commands.items()
        if b"submitit.core._submit" in line and b"sweeps/queue" in line
    ]
    # What SLURM sends a while before the time is up.
    os.kill(pid, signal.SIGUSR2)
    assert launcher.wait(timeout=300) == 0
    assert json.loads((folder / "result.json").read_text())["resumed_after"]
    vae_lab(place, *arguments, "threads=1", "sweep_name=undisturbed")
    undisturbed = place / "outputs" / "sweeps" / "undisturbed" / folder.name
    assert killable.fingerprint(folder) == killable.fingerprint(undisturbed)


def test_ctrl_c_ends_the_jobs_on_ray(place: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    arguments = ("-m", "latent_dim=2,3", "data=stripes", "callbacks=none", "report=null",
                 "hydra/launcher=ray", *ENGINES["ray"][1], "sweep_name=stopped")  # fmt: skip
    command = [sys.executable, "-c", "import signal; "
               "signal.signal(signal.SIGINT, signal.default_int_handler); "
               "from vae_lab.cli.main import main; main()", "--config-dir", "conf", *arguments,
               "trainer.max_epochs=2000"]  # fmt: skip
    sweep = subprocess.Popen(command, cwd=place, env=environment(), start_new_session=True)
    root = place / "outputs" / "sweeps" / "stopped"
    while sweep.poll() is None and not list(root.glob("*/checkpoints/previous.ckpt")):
        time.sleep(0.1)
    os.kill(sweep.pid, signal.SIGINT)
    assert sweep.wait(timeout=60) == 130
    begun = [json.loads(path.read_text())["status"] for path in root.glob("*/result.json")]
    assert begun and set(begun) == {"interrupted"}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_search_survives_failing_trials_and_goes_on_after_a_stop(place: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    search = ("-m", "experiment=search", *QUICK, "callbacks=none", "sweep_name=search",
              "optimizer.lr=choice(1e-3,1e30)", "optimizer.schedule=constant",
              "hydra.sweeper.sampler.seed=1")  # fmt: skip
    root = place / "outputs" / "sweeps" / "search"
    victim = killable.start(place, "--config-dir", "conf", *search, "hydra.sweeper.n_trials=100")
    while victim.is_alive() and len(states(root, "COMPLETE")) < 3:
        time.sleep(0.05)
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGTERM)
    victim.join(timeout=120)
    text = killable.output(victim)
    assert killable.process_code(text) == 143, text
    before = {state: len(states(root, state)) for state in ("COMPLETE", "FAIL", "RUNNING")}
    assert before["FAIL"] >= 1 and before["RUNNING"] <= 1
    # The trial at work is gone for the study; its values would find their run again.
    lines = [line.replace("seed=1", "seed=2") for line in search]
    text = vae_lab(place, *lines, "hydra.sweeper.n_trials=4", code=1)
    assert (
        len(states(root, "COMPLETE")) + len(states(root, "FAIL"))
        == 4 + sum(before.values()) - (before["RUNNING"])
    )
    best = (root / "optimization_results.yaml").read_text()
    assert f"best_value: {max(states(root, 'COMPLETE'))}" in best
    assert "FAILED trial-" in text and "1e+30" not in best


def test_a_search_whose_trials_all_fail_has_failed(place: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="needs the extra optuna")
    search = ("-m", "experiment=search", *QUICK, "callbacks=none", "sweep_name=hopeless")
    text = vae_lab(
        place, *search, "optimizer.lr=interval(-2,-1)", "hydra.sweeper.n_trials=2", code=1
    )
    assert "vae-lab: error: no trial of the search succeeded." in text
    assert text.count("FAILED trial-") == 2 and "run 2 of 2: trial-" in text


def states(root: Path, state: str) -> list[float]:
    """Returns the values of the study's trials in a state, 0 where they have none."""
    if not (root / "study.db").exists():
        return []
    with sqlite3.connect(root / "study.db") as store:
        try:
            rows = store.execute(
                "select value from trials left join trial_values using (trial_id) where state = ?",
                (state,),
            ).fetchall()
        except sqlite3.OperationalError:  # not made yet
            return []
    return [value or 0.0 for (value,) in rows]


def test_pictures_and_scalars_reach_every_logger(place: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("wandb")
    vae_lab(place, *QUICK, "callbacks=[samples,latent_map]", "hydra.run.dir=logged",
            "logger=[tensorboard,csv,mlflow,wandb]")  # fmt: skip
    folder = place / "logged"
    expected = json.loads((folder / "result.json").read_text())["metrics"]
    client = mlflow.MlflowClient(f"sqlite:///{place}/outputs/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'vae-lab'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.info.run_name == "logged"
    assert run.data.params["latent_dim"] == "2"
    assert run.data.metrics["elbo/test"] == pytest.approx(expected["elbo/test"])
    steps = [metric.step for metric in client.get_metric_history(run.info.run_id, "elbo/val")]
    assert steps == [1, 2]
    stored = [path.name for path in (place / "outputs" / "mlflow").rglob("*.png")]
    tags = killable.curves(folder)
    assert len(stored) >= sum(
        len(tags[tag]) for tag in tags if tag.startswith(("samples", "latent"))
    )
    assert list(folder.glob("wandb/offline-run-*/files/media/images/**/*.png"))
    assert "elbo/val" in (folder / "metrics.csv").read_text()
