"""`vae_lab.sweep` with jobs in other processes: a second one is not the first one again."""

import threading
from pathlib import Path

import pytest

import vae_lab

pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra joblib")
pytestmark = pytest.mark.engines


def test_a_second_sweep_with_joblib_has_processes_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    quick = ("data=digits", "trainer.max_epochs=1", "callbacks=none", "logger=none", "report=null")
    engine = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "explorer=null")
    before = {thread.name for thread in threading.enumerate()}
    for values in ("2,3,4", "5,6"):
        frame = vae_lab.sweep(*quick, *engine, f"latent_dim={values}")
        assert len(frame) == len(values.split(","))
        assert f"run 1 of {len(frame)}: linear-z{values[0]}-digits" in capfd.readouterr().out
        assert {thread.name for thread in threading.enumerate()} == before
