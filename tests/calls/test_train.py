"""`vae_lab.train` computes what the command line computes, and its errors are exceptions."""

import ast
import random
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import QUICK, environment
from stripes import write_conf

import vae_lab
from vae_lab.checkpoints import read_checkpoint
from vae_lab.cli.main import main
from vae_lab.errors import JobFailed, UserError
from vae_lab.run_folder import RunFolder
from vae_lab.training.final_test import final_test

STRIPES = ("--config-dir", "conf", *QUICK)
FEW = ("callbacks=[progress,samples]", "logger=csv", "explorer=null")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, with `data=stripes` at hand and its own data root."""
    write_conf(tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAE_LAB_DATA", str(tmp_path / "data"))
    return tmp_path


def in_a_new_process(*words: str) -> RunFolder:
    """Trains by the command line in a process of its own; the run is in `there`."""
    subprocess.run(
        [sys.executable, "-m", "vae_lab", *words, "hydra.run.dir=there"],
        check=True,
        env=environment(),
        capture_output=True,
        timeout=300,
    )
    return RunFolder(Path("there"))


def disturb() -> None:
    """Leaves the process as a notebook may have left it."""
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)


def restore() -> None:
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = read_checkpoint(run.checkpoint(None))["state_dict"]
    return state


def assert_the_same_run(one: RunFolder, other: RunFolder) -> None:
    results = [run.require_result() for run in (one, other)]
    for name in ("config_hash", "metrics", "standard_errors", "latent", "data", "choices"):
        assert getattr(results[0], name) == getattr(results[1], name), name
    bounds = [np.load(run.per_image) for run in (one, other)]
    assert {*bounds[0].files} == {*bounds[1].files}
    for name in bounds[0].files:
        assert bounds[0][name].tobytes() == bounds[1][name].tobytes(), name
    states = weights(one), weights(other)
    assert {*states[0]} == {*states[1]}
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    files = [
        {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
        for run in (one, other)
    ]
    assert files[0] == files[1]


def test_a_call_computes_what_a_command_line_computes_to_the_last_bit(elsewhere: Path) -> None:
    there = in_a_new_process(*STRIPES, *FEW, "seed=3")
    disturb()
    try:
        vae_lab.train(*STRIPES, *FEW, "seed=4", "hydra.run.dir=before")
        vae = vae_lab.train(*STRIPES, *FEW, "seed=3", "hydra.run.dir=here")
    finally:
        restore()
    here = RunFolder(elsewhere / "here")
    assert_the_same_run(here, there)
    assert vae.result == here.require_result() and vae.folder == Path("here")
    state = vae.model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in weights(here).items())


def test_images_of_an_array_are_those_of_a_file(elsewhere: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    labels = np.arange(60) % 4
    settings = ("data.batch_size=16", *QUICK[1:], *FEW)
    vae = vae_lab.train(*settings, "hydra.run.dir=here", data=images, labels=labels)
    (path,) = (elsewhere / "data/arrays").iterdir()
    with np.load(path) as file:
        assert np.array_equal(file["images"][:, 0], images)
        assert np.array_equal(file["labels"], labels)
    assert vae.result.data["labels"] == list("0123")
    there = in_a_new_process("data=npz", f"data.path={path}", *settings)
    assert_the_same_run(RunFolder(elsewhere / "here"), there)
    # The command that a run keeps repeats it.
    assert {"data=npz", f"data.path='{path}'"} <= {*shlex.split(vae.result.command)}


@pytest.mark.parametrize(
    "words",
    [
        ("model=conv", "latent_dim=0"),
        ("modle=conv", "latent_dim=10"),
        ("epochs=5", "model=conv"),
        ("resume=nowhere",),
        ("data=npz", "data.path=nowhere.npz"),
    ],
)
def test_errors_are_those_of_the_command_line(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["vae-lab", *words])
    with pytest.raises(SystemExit):
        main()
    of_line = capsys.readouterr().err.strip().removeprefix("vae-lab: error: ")
    with pytest.raises(UserError) as of_call:
        vae_lab.train(*words)
    said, typed, call = str(of_call.value).partition(" Type: ")
    assert said == of_line.partition(" Type: ")[0] and "\n" not in said
    if typed:
        # The same words, each one an argument.
        shown = shlex.split(of_line.partition(" Type: ")[2])
        assert list(ast.literal_eval(call.removeprefix("vae_lab.train"))) == shown[3:]
    assert not Path("outputs").exists()


def test_a_sweep_is_asked_for_by_its_own_name() -> None:
    for words in (("latent_dim=2,10",), ("-m", "latent_dim=2,10")):
        with pytest.raises(UserError) as refused:
            vae_lab.train(*words)
        assert str(refused.value).endswith('Type: vae_lab.sweep("latent_dim=2,10")')
        assert "vae_lab.sweep" in str(refused.value).partition("Type:")[0] or "-m" in words


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((["latent_dim=2"],), "an override is a text"),
        (("--cfg", "job"), "--cfg is a flag of the command line"),
        (("--version",), "--version is a flag of the command line"),
        (("trainer=ddp",), "starts this program several times"),
    ],
)
def test_what_only_a_command_line_can_is_refused(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        vae_lab.train(*words)


def test_a_run_that_fails_raises_its_error_and_a_sweep_keeps_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    diverging = ("optimizer.schedule=constant", "callbacks=none", "logger=none", "explorer=null")
    with pytest.raises(JobFailed, match="diverged: the train bound is not finite") as failed:
        vae_lab.train(*STRIPES, *diverging, "optimizer.lr=1e30", "run_name=one")
    assert str(failed.value) not in capsys.readouterr().err
    frame = vae_lab.sweep(*STRIPES, *diverging, "optimizer.lr=1e30,1e-3", "sweep_name=s")
    assert list(frame["run"]) == ["linear-z2-stripes-lr0.001"]
    assert frame.attrs["folder"] == "outputs/sweeps/s"
    ((name, why),) = frame.attrs["failed"].items()
    assert name == "linear-z2-stripes-lr1e+30" and why.startswith("NonFiniteError: ")
    with pytest.raises(JobFailed, match=r"no run of the sweep outputs/sweeps/t is finished: "):
        vae_lab.sweep(*STRIPES, *diverging, "optimizer.lr=1e30", "sweep_name=t")


def test_a_sweep_returns_its_own_runs(elsewhere: Path) -> None:
    quick = (*STRIPES, "callbacks=none", "logger=none", "explorer=null", "sweep_name=s")
    vae_lab.sweep(*quick, "latent_dim=2,3")
    frame = vae_lab.sweep(*quick, "latent_dim=3,4")
    assert sorted(frame["latent_dim"]) == [3, 4] and frame.attrs["failed"] == {}
    root = elsewhere / "outputs/sweeps/s"
    assert len([*root.glob("*/result.json")]) == 3
    # As the command line would have written it.
    lines = (root / "command.txt").read_text().splitlines()
    assert [line.split()[:4] for line in lines] == [["python", "-m", "vae_lab", "--config-dir"]] * 2


def test_without_the_data_a_call_takes_the_fallback(capsys: pytest.CaptureFixture[str]) -> None:
    vae = vae_lab.train(
        *("data.mirrors=[http://127.0.0.1:9/]", "trainer.max_epochs=1", "threads=1"),
        *("callbacks=none", "logger=none", "report=null", "explorer=null"),
    )
    assert vae.result.choices["data"] == "mnist_5k"
    assert "warning: MNIST could not be downloaded" in capsys.readouterr().err


def test_a_run_is_resumed(elsewhere: Path) -> None:
    quick = (*STRIPES, "callbacks=none", "logger=none", "explorer=null")
    first = vae_lab.train(*quick, "hydra.run.dir=here").result
    run = RunFolder(elsewhere / "here")
    (run.checkpoints / "last.ckpt").unlink()
    run.write_result(type(first)(**{**vars(first), "status": "interrupted"}))
    again = vae_lab.train("resume=here", "trust=true").result
    assert again.resumed_after == [1] and again.metrics == first.metrics


def test_a_second_training_of_a_process_is_refused_and_one_of_a_thread_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick = (*STRIPES, "callbacks=none", "logger=none", "explorer=null")
    found: list[object] = []
    is_trained, may_end = threading.Event(), threading.Event()

    def held(*arguments: Any) -> Any:
        is_trained.set()
        may_end.wait(timeout=120)
        return final_test(*arguments)

    def work() -> None:
        found.append(vae_lab.train(*quick, "run_name=thread").result.status)

    monkeypatch.setattr("vae_lab.training.final_test.final_test", held)
    thread = threading.Thread(target=work)
    thread.start()
    assert is_trained.wait(timeout=120)
    with pytest.raises(UserError, match="this process is training already"):
        vae_lab.train(*quick)
    may_end.set()
    thread.join()
    assert found == ["success"]
