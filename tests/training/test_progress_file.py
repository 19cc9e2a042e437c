"""`progress.json`: how far a run is, told after each epoch, without an effect on the training."""

import os
from pathlib import Path

import pytest
import torch
from command import QUICK, Command

from vae_lab.checkpoints import read_checkpoint
from vae_lab.progress_files import RunProgress, SweepPlan
from vae_lab.run_folder import RunFolder
from vae_lab.training import progress_file

QUIET = (*QUICK, "callbacks=none", "trainer.max_epochs=3")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[RunProgress]:
    """What runs tell of their progress, in its order, each epoch and each step."""
    monkeypatch.setattr(progress_file, "WITHIN", 0.0)
    monkeypatch.setattr(progress_file, "BETWEEN", 0.0)
    kept: list[RunProgress] = []
    write = RunProgress.write

    def keep(progress: RunProgress, folder: Path) -> None:
        write(progress, folder)
        kept.append(RunProgress.read(folder) or progress)

    monkeypatch.setattr(RunProgress, "write", keep)
    return kept


def test_a_run_tells_its_epochs_and_its_bound(told: list[RunProgress], vae_lab: Command) -> None:
    assert vae_lab(*QUIET, "hydra.run.dir=run").code == 0
    epochs = [progress.epochs for progress in told]
    assert epochs[0] == 0 and epochs[-1] == 3 and epochs == sorted(epochs)
    assert told[0].elbo is None and told[0].seconds_left is None
    assert {progress.max_epochs for progress in told} == {3}
    shares = [progress.share for progress in told]
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0.0, 1.0)
    last, result = told[-1], RunFolder(Path("run")).require_result()
    assert last.seconds_left == 0.0 and last.elbo_split == "val"
    assert last.elbo == pytest.approx(result.metrics["elbo/val"], abs=1e-4)
    assert 0 < (last.seconds_per_epoch or 0) < result.seconds["total"]
    assert not Path("run/progress.json").exists(), "result.json says the rest"


def test_without_validation_it_is_the_bound_of_the_training(
    told: list[RunProgress], vae_lab: Command
) -> None:
    assert vae_lab(*QUIET, "data.num_val=0", "hydra.run.dir=run").code == 0
    assert told[-1].elbo_split == "train" and told[-1].elbo is not None


def test_it_changes_no_weight(
    told: list[RunProgress], vae_lab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert vae_lab(*QUIET, "hydra.run.dir=with").code == 0
    number = len(told)
    monkeypatch.setattr(progress_file.ProgressFile, "_write", lambda *_, **__: None)
    assert vae_lab(*QUIET, "hydra.run.dir=without").code == 0
    assert len(told) == number > 3
    weights = [
        read_checkpoint(Path(name) / "checkpoints" / "last.ckpt")["state_dict"]
        for name in ("with", "without")
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0] | weights[1])


def test_a_file_that_cannot_be_written_ends_no_training(
    vae_lab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(RunProgress, "write", refuse)
    assert vae_lab(*QUIET, "hydra.run.dir=run").code == 0


def test_a_sweep_tells_its_jobs_before_the_first_one(vae_lab: Command) -> None:
    assert vae_lab("-m", "latent_dim=2,3", "sweep_name=s", *QUIET).code == 0
    plan = SweepPlan.read(Path("outputs/sweeps/s"))
    assert plan is not None and plan.num_jobs == 2
    assert [job.folder for job in plan.jobs] == ["linear-z2-stripes", "linear-z3-stripes"]
    assert all(job.max_epochs == 3 and job.options["model"] == "linear" for job in plan.jobs)
