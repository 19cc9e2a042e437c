"""SIGKILL at random moments: every run is resumed and compared with the undisturbed one."""

import importlib.util
import random
import signal
import time
from pathlib import Path

import killable
import pytest
from fault_counts import count, repeats
from stripes import small_config, write_conf

pytestmark = pytest.mark.torture

OVERRIDES = (
    *("trainer.max_epochs=8", "threads=1", "logger=[tensorboard,csv]"),
    *("callbacks=[samples,histograms,evolution]", "callbacks.samples.every_n_epochs=3"),
)
SWEEP = ("--config-dir", "conf", "-m", "data=stripes", "latent_dim=2,3,4", *OVERRIDES)


def test_killed_runs_end_as_the_undisturbed_one(tmp_path: Path) -> None:
    config, choices = small_config(tmp_path / "conf", "run_name=run", *OVERRIDES)
    began = time.monotonic()
    for name in ("warm", "undisturbed"):
        began = time.monotonic()
        victim = killable.start_run(config, choices, tmp_path / name)
        victim.join()
        assert victim.exitcode == 0
    duration = time.monotonic() - began
    expected, chance = killable.fingerprint(tmp_path / "undisturbed"), random.Random(7)
    lost, in_time = [], 0
    for number in range(repeats(100)):
        folder = tmp_path / f"run{number}"
        victim = killable.start_run(config, choices, folder)
        time.sleep(chance.uniform(0, duration))
        victim.kill()
        victim.join()
        in_time += victim.exitcode == -signal.SIGKILL
        again = killable.start_run(config, choices, folder)
        again.join()
        if again.exitcode != 0 or killable.fingerprint(folder) != expected:
            lost.append(number)
    count(f"a run killed by SIGKILL ({in_time} of them before its end)", repeats(100), len(lost))
    assert not lost
    assert in_time >= repeats(100) // 2, "most kills must hit a run that is at work"


PARALLEL = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
HAS_JOBLIB = (
    importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher")
    if (importlib.util.find_spec("hydra_plugins"))
    else None
)


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("serial", ()),
        pytest.param(
            "parallel",
            PARALLEL,
            marks=pytest.mark.skipif(not HAS_JOBLIB, reason="needs hydra-joblib-launcher"),
        ),
    ],
)
def test_killed_sweeps_end_as_the_undisturbed_one(
    kind: str, extra: tuple[str, ...], tmp_path: Path
) -> None:
    write_conf(tmp_path / "conf")
    began = time.monotonic()
    code, text = killable.finish(tmp_path, *SWEEP, *extra, "sweep_name=undisturbed", timeout=600)
    duration = time.monotonic() - began
    assert code == 0, text
    sweeps = tmp_path / "outputs" / "sweeps"
    names = [f"linear-z{z}-stripes" for z in (2, 3, 4)]
    expected = [killable.fingerprint(sweeps / "undisturbed" / name) for name in names]
    lost, chance = [], random.Random(11)
    for number in range(repeats(10)):
        command = (*SWEEP, *extra, f"sweep_name=night{number}")
        victim = killable.start(tmp_path, *command)
        time.sleep(chance.uniform(0.1 * duration, 0.9 * duration))
        killable.kill_tree(victim)
        code, text = killable.finish(tmp_path, *command, timeout=600)
        folders = [sweeps / f"night{number}" / name for name in names]
        if code != 0 or [killable.fingerprint(folder) for folder in folders] != expected:
            lost.append(text)
    count(f"a {kind} sweep killed by SIGKILL", repeats(10), len(lost))
    assert not lost
