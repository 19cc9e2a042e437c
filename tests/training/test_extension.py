"""`resume=RUN trainer.max_epochs=N`: a run of more epochs, as if they had been planned."""

import ast
import json
import shlex
from pathlib import Path
from typing import Any

import killable
import pytest
from command import QUICK, Command
from repository import ROOT

import vae_lab
from vae_lab.cli.longer import CHANGING_OBJECTIVES
from vae_lab.errors import Stopped
from vae_lab.run_folder import RunFolder
from vae_lab.training import resume_state

KEPT = "after-3-epochs"
SHORT, LONG = "trainer.max_epochs=3", "trainer.max_epochs=6"
LINE = (
    *QUICK[:1],
    *("threads=1", "report=null", "explorer=null", "run_name=run", "optimizer.schedule=constant"),
)
PICTURES = (
    "logger=[tensorboard,csv]",
    "callbacks=[samples,histograms,evolution]",
    "callbacks.samples.every_n_epochs=4",
)
QUIET = ("callbacks=none", "logger=none")


@pytest.fixture
def trained(vae_lab: Command) -> Any:
    def train(folder: str, *overrides: str) -> Path:
        shown = () if PICTURES[0] in overrides else QUIET
        assert vae_lab(*LINE, *shown, f"hydra.run.dir={folder}", *overrides).code == 0
        return Path(folder)

    return train


def fingerprint(folder: Path) -> dict[str, Any]:
    """All that must be the same; only the longer run says that it continues another."""
    found = killable.fingerprint(folder)
    found["result"].pop("continues")
    return found


def test_more_epochs_give_the_run_that_had_them_from_the_start(
    trained: Any, vae_lab: Command, tmp_path: Path
) -> None:
    short, long = trained("short", SHORT, *PICTURES), trained("long", LONG, *PICTURES)
    before = (short / "result.json").read_text()
    per_image = (short / "per_image.npz").read_bytes()
    done = vae_lab("resume=short", "trust=true", LONG)
    assert done.code == 0, done
    assert fingerprint(short) == fingerprint(long)
    result, planned = RunFolder(short).require_result(), RunFolder(long).require_result()
    assert result.config_hash == planned.config_hash
    assert RunFolder(short).config == RunFolder(long).config | {"run_name": "run"}
    assert (result.epochs, result.ended_by, result.resumed_after) == (6, "max_epochs", [3])
    assert result.command.endswith(LONG) and result.command.count("max_epochs") == 1
    # What the shorter run ended with is a run of its own.
    kept = short / KEPT
    assert (kept / "result.json").read_text() == before
    assert (kept / "per_image.npz").read_bytes() == per_image
    assert result.continues == {"3": json.loads(before)["config_hash"]}
    assert RunFolder(kept).config["trainer"]["max_epochs"] == 3
    # The picture that was due only at the end of the shorter run is no picture of the longer one.
    assert (kept / "figures" / "samples_0003.png").exists()
    assert not (short / "figures" / "samples_0003.png").exists()
    # It is over, and longer still it becomes again.
    assert "already finished" in (vae_lab("resume=short", "trust=true", LONG)).out
    longest = trained("longest", "trainer.max_epochs=7", *PICTURES)
    assert vae_lab("resume=short", "trust=true", "trainer.max_epochs=7").code == 0
    assert fingerprint(short) == fingerprint(longest)
    assert (short / "after-6-epochs" / "checkpoints" / "best.ckpt").exists()


def test_what_a_shorter_run_ended_with_can_be_loaded(trained: Any, vae_lab: Command) -> None:
    short = trained("short", SHORT)
    first = weights_of(short)
    assert vae_lab("resume=short", "trust=true", LONG).code == 0
    assert weights_of(short / KEPT) == first


def weights_of(folder: Path) -> dict[str, str]:
    model = vae_lab.load(folder, trust=True).model
    return killable.tensors(model.state_dict(), "")


def test_weights_that_stay_the_best_belong_to_the_longer_run_too(
    trained: Any, vae_lab: Command
) -> None:
    # So small a step that no later epoch is better than the first.
    short = trained("short", SHORT, "optimizer=adam", "optimizer.lr=1e-30")
    assert vae_lab("resume=short", "trust=true", LONG).code == 0
    result = RunFolder(short).require_result()
    assert result.protocol["weights"] == "best" and result.protocol["weights_epoch"] == 1
    assert weights_of(short) == weights_of(short / KEPT)


def test_a_longer_run_that_was_stopped_is_resumed(
    trained: Any, vae_lab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    short, long = trained("short", SHORT), trained("long", LONG)
    for epoch in (4, 5):
        with monkeypatch.context() as patch:
            stop_at(patch, epoch)
            assert vae_lab("resume=short", "trust=true", LONG).code == 143
        assert RunFolder(short).require_result().status == "interrupted"
    assert vae_lab("resume=short", "trust=true").code == 0
    assert fingerprint(short) == fingerprint(long)


def test_an_interrupted_run_can_become_longer(
    trained: Any, vae_lab: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        assert vae_lab(*LINE, *QUIET, "hydra.run.dir=short", SHORT).code == 143
    long = trained("long", LONG)
    assert vae_lab("resume=short", "trust=true", LONG).code == 0
    # It had no result yet that could be kept.
    assert fingerprint(Path("short")) == fingerprint(long) and not Path("short", KEPT).exists()


def stop_at(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    def stop(self: resume_state.ResumeState, trainer: Any, *_: Any) -> None:
        if trainer.current_epoch + 1 == epoch:
            raise Stopped(15)

    monkeypatch.setattr(resume_state.ResumeState, "on_train_batch_start", stop)


@pytest.mark.parametrize(
    ("overrides", "longer", "reason"),
    [
        (
            ("optimizer.schedule=one_cycle",),
            LONG,
            "cannot continue to epoch 6: the schedule of its learning rate "
            "(optimizer.schedule=one_cycle) is over. A new run that starts from its weights: ",
        ),
        (
            ("objective=elbo_warmup",),
            LONG,
            "the weights of its objective (WarmUpElbo) were planned",
        ),
        (("+trainer.max_steps=4",), LONG, "it ended by max_steps, not by its number of epochs."),
        (
            (
                "callbacks=[early_stopping]",
                "callbacks.early_stopping.patience=1",
                "callbacks.early_stopping.min_delta=1e6",
            ),
            LONG,
            "it ended by early_stopping: ",
        ),
        (("trainer.check_val_every_n_epoch=2",), LONG, "it was validated after its last epoch"),
        (("+trainer.enable_checkpointing=false",), LONG, "it has no checkpoint."),
        ((), "trainer.max_epochs=2", "trainer.max_epochs=2 is less than the 3 epochs of short"),
        ((), "trainer.max_epochs=0", "trainer.max_epochs must be a whole number of at least 1"),
    ],
)
def test_what_cannot_go_on_says_why_and_changes_nothing(
    overrides: tuple[str, ...], longer: str, reason: str, trained: Any, vae_lab: Command
) -> None:
    short = trained("short", SHORT, *overrides)
    before = {path: path.read_bytes() for path in short.rglob("*") if path.is_file()}
    done = vae_lab("resume=short", "trust=true", longer)
    assert done.code == 2 and reason in done.err and done.err.count("\n") == 1
    after = {path: path.read_bytes() for path in short.rglob("*") if path.is_file()}
    assert {path.name for path in after if after[path] != before.get(path)} <= {"run.log"}


def test_the_line_that_is_named_starts_from_the_weights(trained: Any, vae_lab: Command) -> None:
    short = trained("short", SHORT, "optimizer.schedule=one_cycle")
    line = vae_lab("resume=short", "trust=true", LONG).err.partition("its weights: ")[2]
    words = shlex.split(line)[3:]
    assert f"init_from={short.absolute()}" in words and words[-1] == "trainer.max_epochs=3"
    assert vae_lab(*words, "hydra.run.dir=next").code == 0
    assert RunFolder(Path("next")).require_result().warm_start["not_taken"] == []


def test_the_objectives_that_change_are_known_without_torch() -> None:
    classes: dict[str, ast.ClassDef] = {}
    for path in (ROOT / "src" / "vae_lab" / "objectives").glob("*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        classes |= {node.name: node for node in body if isinstance(node, ast.ClassDef)}

    def changes(node: ast.ClassDef) -> bool:
        own = any(isinstance(it, ast.FunctionDef) and it.name == "at" for it in node.body)
        bases = [classes[name] for name in map(ast.unparse, node.bases) if name in classes]
        return node.name != "Objective" and (own or any(map(changes, bases)))

    assert (
        tuple(sorted(name for name, node in classes.items() if changes(node)))
        == CHANGING_OBJECTIVES
    )


def test_an_attempt_that_was_killed_while_it_kept_the_result_does_it_again(
    trained: Any, vae_lab: Command
) -> None:
    short = trained("short", SHORT)
    left = short / ".abc.vae-lab-partial"
    (left / KEPT).mkdir(parents=True)
    assert vae_lab("resume=short", "trust=true", LONG).code == 0
    assert not left.exists() and (short / KEPT / "result.json").exists()
