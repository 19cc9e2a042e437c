"""Runs and sweeps that were stopped go on, and end as if they had never been."""

import json
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import killable
import pytest
import torch
from command import QUICK, Command, Done
from runs import make_earlier, run_job
from stripes import small_config

from vae_lab.checkpoints import read_checkpoint
from vae_lab.config.identity import config_hash
from vae_lab.errors import JobFailed, Stopped, UserError
from vae_lab.files import PARTIAL
from vae_lab.run_folder import FAILED, RUNNING, SUCCESS, RunFolder, RunResult
from vae_lab.terminal import in_this_shell
from vae_lab.training import resume_state

EPOCHS = 6
PICTURES = ("callbacks=[samples,histograms,evolution]", "callbacks.samples.every_n_epochs=4")
# Pictures show the name of their run: it is the same in every folder.
NAME = "run_name=run"
LONG = (f"trainer.max_epochs={EPOCHS}", "threads=1", "logger=[tensorboard,csv]", NAME, *PICTURES)


Configured = tuple[dict[str, Any], dict[str, str]]


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Configured:
    return small_config(tmp_path_factory.mktemp("conf"), *LONG)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, configured: Configured) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    run_job(*configured, folder)
    return killable.fingerprint(folder)


def torture(value: Any) -> Any:
    """A parameter that `make torture` alone tries."""
    return pytest.param(value, marks=pytest.mark.torture)


def stop_at(monkeypatch: pytest.MonkeyPatch, epoch: int, error: BaseException) -> None:
    """Makes the next run end with an error when an epoch (from 1) begins."""

    def check(self: resume_state.ResumeState, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch + 1 == epoch:
            monkeypatch.undo()
            raise error

    monkeypatch.setattr(resume_state.ResumeState, "on_train_batch_start", check)


def stopped(
    folder: Path, configured: Configured, monkeypatch: pytest.MonkeyPatch, *, epoch: int
) -> Path:
    """Returns the folder of a run that a signal ended in the given epoch."""
    folder.mkdir(exist_ok=True)
    with monkeypatch.context() as patch:
        stop_at(patch, epoch, Stopped(15))
        with pytest.raises(Stopped):
            run_job(*configured, folder)
    return folder


def test_a_run_killed_five_times_ends_as_if_it_had_never_been(
    tmp_path: Path, configured: Configured, undisturbed: dict[str, Any]
) -> None:
    folder, chance = tmp_path / "run", random.Random(0)
    for kill in range(5):
        victim = killable.start_run(*configured, folder)
        while victim.is_alive() and not (folder / "checkpoints").exists():
            time.sleep(0.001)
        # Not before the first kills have left something to go on from.
        time.sleep(chance.uniform(0.0, 0.2) + 0.03 * kill)
        victim.kill()
        victim.join()
    last = killable.start_run(*configured, folder)
    last.join()
    assert last.exitcode == 0
    assert killable.fingerprint(folder) == undisturbed
    assert not [path for path in folder.rglob(".*") if path.name != ".lock"]


@pytest.mark.parametrize("epoch", [1, *map(torture, (2, 3, 4, 6)), 5])
def test_a_stopped_run_goes_on_bit_for_bit(
    epoch: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
    undisturbed: dict[str, Any],
) -> None:
    folder = stopped(tmp_path / "run", configured, monkeypatch, epoch=epoch)
    before = RunFolder(folder).result
    assert before is not None and before.status == "interrupted"
    result = run_job(*configured, folder)
    assert (result.resumed_after or [0]) == [epoch - 1]
    assert result.started == before.started or epoch == 1
    assert killable.fingerprint(folder) == undisturbed


def stop_after_training(
    folder: Path, configured: Configured, monkeypatch: pytest.MonkeyPatch, *, times: int
) -> list[int]:
    """Stops a run and its resumptions before the test; returns the epochs of each attempt."""
    epochs: list[int] = []

    def count(*_: Any) -> None:
        epochs[-1] += 1

    with monkeypatch.context() as patch:
        patch.setattr(resume_state.ResumeState, "on_fit_end", _stop)
        patch.setattr(resume_state.ResumeState, "on_train_epoch_end", count)
        for _ in range(times):
            epochs.append(0)
            with pytest.raises(Stopped):
                run_job(*configured, folder)
    return epochs


def test_after_any_number_of_stops_no_epoch_is_trained_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
    undisturbed: dict[str, Any],
) -> None:
    folder = tmp_path / "run"
    epochs = stop_after_training(folder, configured, monkeypatch, times=4)
    assert epochs == [EPOCHS, 0, 0, 0]
    assert read_checkpoint(folder / "checkpoints" / "previous.ckpt")["epoch"] == EPOCHS - 2
    assert run_job(*configured, folder).resumed_after == [EPOCHS]
    assert killable.fingerprint(folder) == undisturbed


@pytest.mark.parametrize(
    "limits",
    [
        ("trainer.max_epochs=1",),
        ("trainer.max_epochs=3", "trainer.max_steps=100"),
        ("trainer.max_epochs=9", "trainer.max_steps=8"),
    ],
    ids=["one epoch", "steps that are not reached", "steps"],
)
def test_a_run_with_any_limit_goes_on_bit_for_bit_from_every_epoch_and_from_its_end(
    limits: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An epoch has three steps.
    pictures = ("callbacks=[samples,evolution]", "callbacks.samples.every_n_epochs=2")
    configured = small_config(tmp_path, *limits, *pictures, "threads=1", NAME)
    result = run_job(*configured, tmp_path / "whole")
    whole = killable.fingerprint(tmp_path / "whole")
    for epoch in range(2, (result.epochs or 0) + 1):
        folder = stopped(tmp_path / f"epoch{epoch}", configured, monkeypatch, epoch=epoch)
        assert run_job(*configured, folder).resumed_after == [epoch - 1]
        assert killable.fingerprint(folder) == whole
    assert stop_after_training(tmp_path / "end", configured, monkeypatch, times=2)[1] == 0
    run_job(*configured, tmp_path / "end")
    assert killable.fingerprint(tmp_path / "end") == whole


def test_a_stop_that_waits_for_a_least_number_of_epochs_waits_after_a_resume_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Early stopping asks for the end after the second epoch.
    stopping = ("patience=1", "min_delta=1000")
    configured = small_config(
        *(tmp_path, "threads=1", "logger=csv", "trainer.max_epochs=7", "trainer.min_epochs=5"),
        *("callbacks=early_stopping", *(f"callbacks.early_stopping.{key}" for key in stopping)),
    )
    assert run_job(*configured, tmp_path / "whole").epochs == 5
    folder = stopped(tmp_path / "part", configured, monkeypatch, epoch=4)
    assert run_job(*configured, folder).epochs == 5
    assert killable.fingerprint(folder) == killable.fingerprint(tmp_path / "whole")


def test_a_broken_checkpoint_never_pushes_out_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: Configured
) -> None:
    folder = stopped(tmp_path / "run", configured, monkeypatch, epoch=4)
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"cut off")
    stopped(folder, configured, monkeypatch, epoch=4)
    epochs = [read_checkpoint(folder / "checkpoints" / f"{name}.ckpt")["epoch"]
              for name in ("last", "previous")]  # fmt: skip
    assert epochs == [2, 1]


@pytest.mark.parametrize("moved", [False, True])
def test_a_run_whose_folder_vanishes_fails(
    moved: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
    undisturbed: dict[str, Any],
) -> None:
    folder = tmp_path / "run"

    def vanish(_: Any, trainer: Any, *__: Any) -> None:
        if trainer.current_epoch == 3 and not (tmp_path / "moved").exists():
            folder.rename(tmp_path / "moved")

    monkeypatch.setattr(resume_state.ResumeState, "on_train_batch_start", vanish)
    with pytest.raises(JobFailed, match=r"run failed: .*run was removed or moved while the run"):
        run_job(*configured, folder)
    result = RunFolder(folder).require_result()
    assert result.status == FAILED and "FolderGone" in str(result.error)
    assert RunFolder(folder).config["seed"] == 0
    goes_on = tmp_path / "moved" if moved else folder
    assert run_job(*configured, goes_on).resumed_after == ([3] if moved else [])
    assert killable.fingerprint(goes_on) == undisturbed


@pytest.mark.parametrize(
    "broken", [("last",), torture(("last", "previous")), torture(("best",))], ids="-".join
)
def test_a_broken_checkpoint_is_passed_over(
    broken: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
    undisturbed: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = stopped(tmp_path / "run", configured, monkeypatch, epoch=5)
    for name in broken:
        path = folder / "checkpoints" / f"{name}.ckpt"
        content = bytearray(path.read_bytes())
        # One bit in the middle: a weight, which torch.load alone would take for right.
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a whole checkpoint"):
            read_checkpoint(path)
        assert torch.load(path, weights_only=True)["epoch"] >= 0
    result = run_job(*configured, folder)
    assert result.resumed_after == ([3] if broken == ("last",) else [])
    assert "not a whole checkpoint" in caplog.text
    assert killable.fingerprint(folder) == undisturbed


@pytest.mark.torture
def test_a_moved_folder_goes_on_too(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configured: Configured,
    undisturbed: dict[str, Any],
) -> None:
    folder = stopped(tmp_path / "here", configured, monkeypatch, epoch=4)
    moved = folder.rename(tmp_path / "there")
    assert run_job(*configured, moved).resumed_after == [3]
    assert killable.fingerprint(moved) == undisturbed


@pytest.mark.torture
def test_early_stopping_ends_a_resumed_run_where_it_would_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "callbacks").mkdir()
    (tmp_path / "callbacks" / "stop.yaml").write_text(
        "stop:\n  _target_: pytorch_lightning.callbacks.EarlyStopping\n  monitor: elbo/val\n"
        "  mode: max\n  patience: 1\n  min_delta: 1000\n"
    )
    configured = small_config(
        *(tmp_path, "trainer.max_epochs=8", "threads=1", "logger=csv", "callbacks=stop")
    )
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert run_job(*configured, tmp_path / "one").epochs == 2
    with monkeypatch.context() as patch:
        patch.setattr(resume_state.ResumeState, "on_fit_end", _stop)
        with pytest.raises(Stopped):
            run_job(*configured, tmp_path / "two")
    assert run_job(*configured, tmp_path / "two").epochs == 2
    assert killable.fingerprint(tmp_path / "two") == killable.fingerprint(tmp_path / "one")


def _stop(*_: Any) -> None:
    raise Stopped(15)


# The command line.


def told(done: Done) -> str:
    (line,) = (line for line in done.err.splitlines() if line.startswith("vae-lab: error: "))
    return line.removeprefix("vae-lab: error: ")


def test_resume_goes_on_with_what_the_folder_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vae_lab: Command
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 2, OSError(28, "No space left on device", "x.ckpt"))
        done = vae_lab(*QUICK, "callbacks=none", "run_name=night", "seed=3")
    assert done.code == 1
    assert told(done).startswith("night_") and "free some space" in told(done)
    (folder,) = (tmp_path / "outputs" / "runs").iterdir()
    resume = f"resume={folder.relative_to(tmp_path)}"
    again = in_this_shell(f"python -m vae_lab {resume} trust=true")
    assert f"To resume: {again}\n" in done.out
    hydra = (folder / ".hydra" / "overrides.yaml").read_text()
    assert told(vae_lab(resume, "seed=4")).startswith(
        "seed cannot be changed when a run is resumed"
    )
    assert told(vae_lab("-m", resume)).startswith("resume= takes one run")
    assert "not a folder" in told(vae_lab("resume=nowhere"))
    assert "is not trusted" in told(vae_lab(resume))
    done = vae_lab(resume, "trust=true", "trainer.enable_progress_bar=false")
    assert done.code == 0, done.err
    result = RunFolder(folder).result
    assert result is not None and result.status == "success" and result.seed == 3
    assert result.resumed_after == [1]
    assert (folder / ".hydra" / "overrides.yaml").read_text() == hydra
    done = vae_lab(resume)
    assert done.code == 0 and "already finished" in done.out


def test_a_sweep_goes_on_with_what_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vae_lab: Command
) -> None:
    night = ("-m", "latent_dim=2,3", "sweep_name=night", "callbacks=none", "logger=csv", *QUICK)
    with monkeypatch.context() as patch:
        stop_at(patch, 2, RuntimeError("the roof leaks"))
        done = vae_lab(*night)
    assert done.code == 1
    assert "the roof leaks" in told(done)
    again = "python -m vae_lab --config-dir conf -m " + " ".join(night[1:])
    assert f"To resume: {in_this_shell(again)}" in done.out
    root = tmp_path / "outputs" / "sweeps" / "night"
    stamp = (root / "linear-z3-stripes" / "per_image.npz").stat().st_mtime_ns
    done = vae_lab(*night)
    assert done.code == 0, done.err
    assert "linear-z2-stripes: resumes after epoch 1." in done.out
    assert "linear-z3-stripes: already finished" in done.out
    assert (root / "linear-z3-stripes" / "per_image.npz").stat().st_mtime_ns == stamp
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == [
        "linear-z2-stripes",
        "linear-z3-stripes",
    ]


def test_a_folder_in_use_is_refused(tmp_path: Path, vae_lab: Command) -> None:
    from vae_lab.files import locked

    with locked(tmp_path / "here"):
        done = vae_lab(*QUICK, "hydra.run.dir=here")
        assert done.code == 2
        assert told(done).startswith("another process is using")
        assert [path.name for path in (tmp_path / "here").iterdir()] == [".lock"]


def test_a_hostile_config_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: Configured, vae_lab: Command
) -> None:
    folder = stopped(tmp_path / "run", configured, monkeypatch, epoch=1)
    text = (folder / "config.yaml").read_text()
    attack = text.replace("stripes.StripedDigits", "vae_lab.training.run.subprocess.check_output")
    (folder / "config.yaml").write_text(attack)
    assert "is not the configuration of this run" in told(vae_lab("resume=run"))
    # Whoever changes one file can change the other.
    import yaml

    values = yaml.safe_load(attack)
    values.pop("choices")
    result = RunFolder(folder).result
    assert result is not None
    RunFolder(folder).write_result(replace(result, config_hash=config_hash(values)))
    done = vae_lab("resume=run")
    assert done.code == 1
    assert "cannot be found" in told(done)


def test_a_link_out_of_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: Configured, vae_lab: Command
) -> None:
    folder = stopped(tmp_path / "run", configured, monkeypatch, epoch=2)
    shutil.move(folder / "checkpoints", tmp_path / "elsewhere")
    (folder / "checkpoints").symlink_to(tmp_path / "elsewhere")
    done = vae_lab("resume=run")
    assert done.code == 2
    assert "is a link that leads out of the run's folder" in told(done)


def test_only_partial_files_of_the_run_itself_are_removed(
    tmp_path: Path, configured: Configured
) -> None:
    names = (".lock", ".hydra/config.yaml", ".notes.2024", ".vault.tmp", ".env.json.12")
    theirs = [tmp_path / name for name in names]
    theirs += [tmp_path / "figures" / ".a.png.7.tmp", tmp_path / "thesis" / ".labels.1"]
    # A run that is at work further down, and a name that only looks like ours.
    theirs.append(tmp_path / "runs" / "a" / f".last.ckpt.7.{PARTIAL}")
    theirs.append(tmp_path / f".notes.{PARTIAL}")
    ours = [tmp_path / f".result.json.12.{PARTIAL}", tmp_path / "figures" / f".a.png.7.{PARTIAL}"]
    for path in (*theirs, *ours):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(path.name))
    # A run that was killed before its first checkpoint.
    hash_ = config_hash(configured[0])
    RunFolder(tmp_path).write_result(RunResult(status=RUNNING, config_hash=hash_))
    run_job(*configured, tmp_path)
    assert all(path.exists() for path in theirs) and not any(path.exists() for path in ours)


@pytest.mark.parametrize(
    ("path", "has_best"),
    [
        ("local://{victim}", False),
        ("{victim}", False),
        ("{folder}/checkpoints/../../victim", True),
        ("http://127.0.0.1:9/beacon", True),
        ("/x/..", True),
        (7, True),
    ],
)
def test_paths_in_a_strangers_checkpoint_are_never_followed(
    tmp_path: Path,
    configured: Configured,
    monkeypatch: pytest.MonkeyPatch,
    path: Any,
    has_best: bool,
) -> None:
    folder = stopped(tmp_path / "run", configured, monkeypatch, epoch=2)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "diary.txt").write_text("x")
    evil = path.format(victim=victim, folder=folder) if isinstance(path, str) else path
    for name in ("last.ckpt", "previous.ckpt"):
        if (folder / "checkpoints" / name).exists():
            poison(folder / "checkpoints" / name, evil, has_best=has_best)
    run_job(*configured, folder)
    assert (victim / "diary.txt").read_text() == "x"
    assert {p.name for p in (folder / "checkpoints").iterdir()} >= {"best.ckpt", "last.ckpt"}
    assert RunFolder(folder).require_result().status == SUCCESS


def poison(checkpoint: Path, path: Any, *, has_best: bool) -> None:
    """Puts a path into the states of all callbacks that keep one."""
    content = torch.load(checkpoint, weights_only=True)
    for state in content["callbacks"].values():
        if isinstance(state, dict) and "best_model_path" in state:
            state.pop("dirpath", None)
            keys = [key for key in state if key.endswith("_model_path")]
            state |= dict.fromkeys(keys, path)
            state["best_k_models"] = {path: torch.tensor(0.0)}
            if not has_best:
                del state["best_k_models"]
    torch.save(content, checkpoint)


def test_a_run_of_an_earlier_version_does_not_go_on(
    tmp_path: Path, configured: Configured, monkeypatch: pytest.MonkeyPatch, vae_lab: Command
) -> None:
    folder = stopped(tmp_path / "run", configured, monkeypatch, epoch=2)
    make_earlier(folder)
    done = vae_lab("resume=run")
    assert done.code == 2
    assert "was made by an earlier version of VAE Lab" in told(done)
