"""Sweeps whose jobs run side by side: like serial ones in everything but the time they take."""

import csv
import os
import re
import signal
import time
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import killable
import pytest
from command import QUICK, Command
from stripes import write_conf

from vae_lab.cli import launchers
from vae_lab.cli.command_lines import parse_words
from vae_lab.cli.jobs import compose_jobs, jobs_of
from vae_lab.cli.plan import plan
from vae_lab.config.compose import Composer
from vae_lab.errors import UserError
from vae_lab.run_folder import RunFolder, RunResult

PARALLEL = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
NAMES = ["linear-z2-stripes", "linear-z3-stripes"]


@pytest.fixture
def joblib() -> None:
    pytest.importorskip(
        "hydra_plugins.hydra_joblib_launcher",
        reason="needs the extra joblib: pip install .[joblib]",
    )


def planned(*arguments: str) -> list[str]:
    """Returns the overrides of the first job of a sweep."""
    line = parse_words(["-m", *arguments])
    composer = Composer(config_dir=line.config_dir)
    runs = plan(composer, jobs_of(composer, line, datetime.now())).runs
    assert runs is not None
    return runs[0].overrides


def test_jobs_side_by_side_have_one_thread_and_no_bar_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = ["++threads=1", "++trainer.enable_progress_bar=False"]
    assert planned("latent_dim=2,3", PARALLEL[0])[:2] == ours
    assert not {*ours} & {*planned("latent_dim=2,3")}
    # What the person says comes later, and counts.
    asked = ("threads=2,1", "trainer.enable_progress_bar=true", PARALLEL[0])
    assert planned(*asked)[:2] == ["++threads=2", "++trainer.enable_progress_bar=True"]
    recipe = tmp_path / "own" / "experiment" / "mine.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("# @package _global_\nthreads: 2\n")
    assert ours[0] not in planned("--config-dir", "own", "experiment=mine", *PARALLEL)


def test_an_engine_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launchers, "find_spec", lambda _: None)
    with pytest.raises(UserError) as error:
        compose_jobs(["-m", PARALLEL[0], "latent_dim=2,3"])
    assert str(error.value) == (
        "hydra/launcher=joblib needs a package that is not installed: "
        "pip install 'vae-lab[joblib]'."
    )
    with pytest.raises(UserError, match="logger=wandb needs a package that is not installed"):
        compose_jobs(["logger=[csv,wandb]"])
    assert compose_jobs(["-m", "latent_dim=2,3"])


def test_a_run_whose_process_is_gone_is_interrupted_and_one_at_work_is_not(tmp_path: Path) -> None:
    from vae_lab.files import locked

    folders = [tmp_path / name for name in ("gone", "at_work", "done", "never")]
    for folder, status in zip(folders, ("running", "running", "success"), strict=False):
        folder.mkdir()
        RunFolder(folder).write_result(RunResult(name=folder.name, status=status))
    with locked(folders[1]):
        launchers.mark_lost_runs(folders)
    results = [RunFolder(folder).result for folder in folders]
    found = [result and result.status for result in results]
    assert found == ["interrupted", "running", "success", None]
    assert not folders[3].exists()


def start(tmp_path: Path, *arguments: str) -> tuple[ForkServerProcess, tuple[str, ...], Path]:
    """Starts a parallel sweep; returns it, its command, and its folder when z3 is at work."""
    write_conf(tmp_path / "conf")
    command = ("--config-dir", "conf", "-m", "latent_dim=2,3", "sweep_name=stopped",
               *PARALLEL, *arguments)  # fmt: skip
    victim = killable.start(tmp_path, *command)
    root = tmp_path / "outputs" / "sweeps" / "stopped"
    while victim.is_alive() and not list(root.glob("linear-z3-*/checkpoints/previous.ckpt")):
        time.sleep(0.01)
    return victim, command, root


def workers_of(process: ForkServerProcess) -> list[int]:
    """Returns the processes that a victim's launcher started for jobs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == process.pid and b"popen_loky" in command:
            found.append(int(path.parent.name))
    return found


def errors(text: str) -> list[str]:
    assert "Traceback" not in text and "Warning" not in text, text
    return [line for line in text.splitlines() if line.startswith("vae-lab: error: ")]


@pytest.mark.engines
def test_a_parallel_sweep_that_lost_a_worker_ends_as_the_serial_one(
    tmp_path: Path, vae_lab: Command, joblib: None
) -> None:
    # Jobs of four, two of which fail. The parallel ones have one thread without being told.
    jobs = ("optimizer.lr=1e-3,1e30", "optimizer.schedule=constant", "callbacks=[samples]",
            "data=stripes", "trainer.max_epochs=60", "report=null")  # fmt: skip
    victim, command, parallel = start(tmp_path, *jobs)
    os.kill(workers_of(victim)[0], signal.SIGKILL)
    victim.join(timeout=120)
    killable.kill_tree(victim)
    text = killable.output(victim)
    assert killable.process_code(text) == 1, text
    assert "a process with a job in it was ended from outside" in errors(text)[-1]
    assert "FAILED linear-z3-stripes-lr0.001: interrupted" in text
    assert re.search(r"^To resume: .*python\S* -m vae_lab ", text, re.MULTILINE)

    code, text = killable.finish(tmp_path, *command)
    assert code == 1
    names = [f"linear-z{z}-stripes-lr{lr}" for z in (2, 3) for lr in ("0.001", "1e+30")]
    assert sorted(line.split()[2] for line in errors(text)) == names[1::2]
    done = vae_lab("-m", "latent_dim=2,3", *jobs, "threads=1", "sweep_name=serial")
    assert done.code == 1
    serial = parallel.with_name("serial")
    for root in (parallel, serial):
        with (root / "summary.csv").open() as file:
            found = [(row["run"], row["status"]) for row in csv.DictReader(file)]
        assert found == list(zip(names, ["success", "diverged"] * 2, strict=True))
    for name in names[::2]:
        assert killable.fingerprint(parallel / name) == killable.fingerprint(serial / name)
    assert RunFolder(parallel / names[2]).require_result().resumed_after
    # What is finished is finished for the serial engine as well.
    again = vae_lab("-m", "latent_dim=2,3", *jobs, "threads=1", "sweep_name=stopped")
    assert again.code == 1 and again.out.count("already finished") == 2


def test_the_workers_of_a_killed_launcher_end_after_their_jobs(
    tmp_path: Path, joblib: None
) -> None:
    victim, _, root = start(tmp_path, *QUICK, "trainer.max_epochs=100", "callbacks=none")
    workers = workers_of(victim)
    assert len(workers) == 2
    victim.kill()
    victim.join()
    deadline = time.monotonic() + 120
    while alive := [pid for pid in workers if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"still there: {alive}"
        time.sleep(0.1)
    assert [RunFolder(root / name).require_result().status for name in NAMES] == ["success"] * 2


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        pytest.param(signal.SIGINT, 130, "interrupted", marks=pytest.mark.torture),
        (signal.SIGTERM, 143, "terminated"),
    ],
)
def test_a_signal_ends_the_workers_and_gives_the_table(
    number: int, code: int, word: str, tmp_path: Path, joblib: None
) -> None:
    victim, _, root = start(tmp_path, *QUICK, "trainer.max_epochs=100000", "callbacks=none")
    while not (root / NAMES[0] / "result.json").exists():
        time.sleep(0.01)
    workers = workers_of(victim)
    assert len(workers) == 2 and victim.pid is not None
    os.kill(victim.pid, number)
    victim.join(timeout=120)
    text = killable.output(victim)
    assert killable.process_code(text) == code, text
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    assert errors(text) == [] and f"vae-lab: {word}.\n" in text
    for name in NAMES:
        assert f"unfinished {name}: interrupted" in text
        assert RunFolder(root / name).require_result().status == "interrupted"
    assert re.search(r"^To resume: .*python\S* -m vae_lab ", text, re.MULTILINE)
