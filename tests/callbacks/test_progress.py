"""Progress is one plain line per epoch, and a bar that leaves the terminal as it was."""

import io
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from tiny_vae import train

from vae_lab.callbacks.progress import (
    ERASE_LINE,
    Progress,
    fitted,
    format_speed,
    in_a_line,
    values_of,
)
from vae_lab.terminal import format_time

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")

SPEED = r"[\d,]+ images/s"


def test_one_plain_line_per_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, [Progress(refreshes_per_second=4)], max_epochs=10)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(
        rf"epoch  1/10  loss 161\.23  elbo/val -158\.90  {SPEED}, \d+:\d\d left", lines[0]
    )
    assert re.fullmatch(rf"epoch 10/10  loss 152\.23  elbo/val -158\.90  {SPEED}", lines[9])


def test_a_limit_in_steps_has_no_last_epoch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [Progress(refreshes_per_second=4)], max_epochs=-1, max_steps=6)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1", "epoch 2"]


def test_values_that_are_missing_are_left_out() -> None:
    assert values_of({}) == {}
    assert values_of({"elbo/train": torch.tensor(-2.0)}) == {"elbo": "elbo/train -2.00"}
    both = {"elbo/train": -2.0, "elbo/val": -3.0, "loss/train": 2.0}
    assert values_of(both) == {"loss": "loss 2.00", "elbo": "elbo/val -3.00"}


def test_a_bound_stands_at_its_epoch_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, [Progress(refreshes_per_second=4)], max_epochs=4, check_val_every_n_epoch=2)
    lines = capsys.readouterr().out.splitlines()
    assert ["elbo/val" in line for line in lines] == [False, True, False, True]


@pytest.mark.parametrize(
    ("speed", "words"),
    [(5200.4, "5,200"), (9.96, "10"), (1.5, "1.5"), (0.04, "0.04"), (0.004, "0.004")],
)
def test_a_slow_training_has_a_speed(speed: float, words: str) -> None:
    assert format_speed(speed) == f"{words} images/s"


def test_times_in_words() -> None:
    assert [format_time(t) for t in (0.4, 9, 125, 3725)] == ["0:00", "0:09", "2:05", "1:02:05"]


def test_a_run_of_a_sweep_tells_its_place_and_the_time_of_the_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress, given = Progress(refreshes_per_second=4), []

    def rest(seconds: float) -> float:
        given.append(seconds)
        return 3600.0

    progress.place_in_sweep("run 3/4", rest)
    train(tmp_path, [progress], max_epochs=2)
    lines = capsys.readouterr().out.splitlines()
    value = r"loss 16\d\.23  elbo/val -158\.90"
    pattern = rf"run 3/4  epoch 1/2  {value}  {SPEED}, 0:0\d left, sweep 1:00:0\d left"
    assert re.fullmatch(pattern, lines[0])
    # At its end only the others are left.
    assert re.fullmatch(rf"run 3/4  epoch 2/2  {value}  {SPEED}, sweep 1:00:00 left", lines[1])
    # After one epoch of two a run takes about twice as long as so far.
    assert 0 < given[0] < 60


@pytest.mark.parametrize("rest", [None, lambda seconds: None, lambda seconds: 0.0])
def test_a_time_that_is_not_known_is_not_told(
    rest: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = Progress(refreshes_per_second=4)
    progress.place_in_sweep("run 4/4", rest)
    train(tmp_path, [progress], max_epochs=2)
    first, _ = capsys.readouterr().out.splitlines()
    assert re.search(r"images/s, \d:\d\d left$", first) and first.startswith("run 4/4  epoch 1/2")


PARTS = {
    "title": "run 3/4  epoch  5/20",
    "speed": "5,200 images/s",
    "left": "0:40 left",
    "sweep": "sweep 3:10 left",
    "loss": "loss 123.45",
    "elbo": "elbo/val -123.45",
}


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            95,
            "run 3/4  epoch  5/20  loss 123.45  elbo/val -123.45  5,200 images/s, 0:40 left, "
            "sweep 3:10 left",
        ),
        (
            94,
            "run 3/4  epoch  5/20  elbo/val -123.45  5,200 images/s, 0:40 left, sweep 3:10 left",
        ),
        (80, "run 3/4  epoch  5/20  elbo/val -123.45  0:40 left, sweep 3:10 left"),
        (64, "run 3/4  epoch  5/20  0:40 left, sweep 3:10 left"),
        (10, "run 3/4  epoch  5/20  0:40 left, sweep 3:10 left"),
    ],
)
def test_a_narrow_line_leaves_the_least_out(width: int, line: str) -> None:
    assert in_a_line(fitted(PARTS, width), "title", "loss", "elbo", "times") == line


class Refusing(io.StringIO):
    """A terminal that takes nothing: of another error each time."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), OSError(28, "No space"), ValueError("closed")]
)
def test_a_display_that_cannot_write_ends_no_training(
    error: Exception, is_terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Refusing(error)
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    handlers = list(logging.root.handlers)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", stream)
    module = train(tmp_path, [Progress(refreshes_per_second=1000)], max_epochs=2)
    assert module.current_epoch == 2
    assert logging.root.handlers == handlers


def test_no_stdout_at_all_ends_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert train(tmp_path, [Progress(refreshes_per_second=4)], max_epochs=2).current_epoch == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    # No fixture: between fixtures and test, pytest sets its own sys.stdout again.
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


def test_bar_on_a_terminal_leaves_one_line_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(monkeypatch)
    handlers = list(logging.root.handlers)
    train(tmp_path, [Progress(refreshes_per_second=1000)], max_epochs=2)
    shown = terminal.getvalue()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert "epoch 1/2" in plain
    assert "3/3" in plain
    assert re.search(
        rf"epoch 2/2 .*2/3 {SPEED}, \d+:\d\d left  elbo/val -158\.90  loss 161\.23", plain
    )  # of epoch 1
    last = plain.splitlines()[-1].split("\r")[-1]
    assert re.fullmatch(rf"epoch 2/2  loss 160\.23  elbo/val -158\.90  {SPEED}", last)
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
    assert sys.stdout is terminal
    assert logging.root.handlers == handlers


def test_a_log_message_stands_on_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = on_terminal(monkeypatch)

    class Talk(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            logging.getLogger("vae_lab.test").warning("learning")

    handler = logging.StreamHandler(terminal)
    logging.root.addHandler(handler)
    try:
        train(tmp_path, [Progress(refreshes_per_second=1000), Talk()], max_epochs=1)
    finally:
        logging.root.removeHandler(handler)
    shown = terminal.getvalue()
    assert shown.count("learning\n") == 3
    assert shown.count(ERASE_LINE + "learning\n") == 3


def test_an_error_gives_the_terminal_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)

    class Fail(pl.Callback):
        def on_train_batch_end(self, *args: Any) -> None:
            raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        train(tmp_path, [Progress(refreshes_per_second=4), Fail()], max_epochs=1)
    assert sys.stdout is terminal
    shown = terminal.getvalue()
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
