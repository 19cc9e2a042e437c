"""The end of a sweep: its table, and whether going on can help."""

import contextlib
import csv
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from vae_lab.cli.resume import can_resume
from vae_lab.cli.sweep_summary import close_sweep
from vae_lab.run_folder import RunFolder, RunResult


def write(folder: Path, elbo: float, **others: Any) -> Path:
    result = RunResult(
        name=folder.name,
        status="success",
        choices={"model": "conv"},
        latent_dim=3,
        seed=4,
        metrics={"elbo/test": elbo, "recon/test": 1.0, "kl/test": 2.0},
        standard_errors={"elbo/test": 0.25},
        **others,
    )
    folder.mkdir(parents=True)
    RunFolder(folder).write_result(result)
    return folder


def test_the_table_has_the_best_first_with_its_error_and_the_file_has_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Names that are markup, or the end of one, are shown as they are.
    root = tmp_path / "x[" / "b]y"
    runs = [write(root / "low", -9.5), write(root / "[red]high", -7.25), root / "lost"]
    unfinished = close_sweep(root, runs, refused=(), again="python AGAIN", report=False)
    assert unfinished == ["lost"]
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines() if "±" in line][1:]
    assert [line[:2] for line in lines] == [["[red]high", "*"], ["low", "success"]]
    assert "-7.25 ± 0.25" in printed and "x[/b]y" in printed
    assert "FAILED lost: never started" in printed
    assert "To resume: python AGAIN" in printed
    with (root / "summary.csv").open() as file:
        row = next(csv.DictReader(file))
    wanted = ("run", "model", "latent_dim", "seed", "elbo/test", "elbo/test standard error", "path")
    assert [row[name] for name in wanted] == [
        *("low", "conv", "3", "4", "-9.50", "0.25", str(root / "low"))
    ]


def test_where_all_jobs_failed_none_is_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    RunFolder(tmp_path / "a").write_result(RunResult(name="a", status="failed", error="why"))
    close_sweep(tmp_path, [tmp_path / "a", tmp_path / "b"], refused=(), again="", report=False)
    printed = capsys.readouterr().out
    assert "FAILED a: why" in printed and " *" not in printed.partition("best")[2]


def test_bounds_of_two_kinds_have_no_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [
        write(tmp_path / name, elbo, data={"name": name}) for name, elbo in (("a", -9), ("b", -7))
    ]
    close_sweep(tmp_path, runs, refused=(), again="", report=False)
    assert " *" not in capsys.readouterr().out.partition("best")[2]


def test_bounds_with_and_without_a_condition_have_no_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocols = [{"bound": "elbo"}, {"bound": "elbo", "condition": "label"}]
    runs = [
        write(tmp_path / name, -9, protocol=protocol)
        for name, protocol in zip("ab", protocols, strict=True)
    ]
    close_sweep(tmp_path, runs, refused=(), again="", report=False)
    printed = capsys.readouterr().out
    assert " *" not in printed.partition("best")[2]
    assert "condition" in printed and "none" in printed and "label" in printed


LONG = "convolutional-z10-fashion-beta0.25-free_bits0.125-seed1"
NAMES = ("linear-z2-5k-seed0", "linear-z10-5k-seed0", LONG)

PRINT = """
import sys
from pathlib import Path
from vae_lab.cli.sweep_summary import close_sweep

root = Path(sys.argv[1])
close_sweep(root, [root / name for name in sys.argv[2:]], refused=(), again="", report=False)
"""


@pytest.mark.parametrize("width", [64, 80])
def test_a_narrow_terminal_cuts_no_name_and_keeps_the_bound_with_its_error(
    width: int, tmp_path: Path
) -> None:
    for name, elbo in zip(NAMES, (-166.5, -130.25, -114.75), strict=True):
        write(tmp_path / name, elbo, seconds={"total": 1234.5}, epochs=100)
    text = on_terminal([sys.executable, "-c", PRINT, str(tmp_path), *NAMES], width)
    lines = text[text.index("elbo/test") :].partition("status:")[0].splitlines()
    rows = [line for line in lines if "±" in line]
    assert all(len(line) <= width for line in lines)
    assert [row.partition("±")[0].split()[-1] for row in rows] == ["-114.75", "-130.25", "-166.50"]
    # A long name goes on in the next line.
    names = "".join(line.split()[0] for line in lines if line.strip() and "─" not in line)
    assert all(name in names for name in NAMES) and "…" not in text
    assert (LONG in text) == (width == 80)


def on_terminal(command: list[str], width: int) -> str:
    """Runs a command on a terminal of so many columns, and returns what it printed, uncoloured."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, width))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, env={**environment, "TERM": "xterm"}
    ):
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # at its end
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", shown.decode())


@pytest.mark.parametrize(
    ("status", "error", "begun", "helps"),
    [
        ("interrupted", None, False, True),
        ("running", None, False, True),
        ("failed", "ValueError: no such profiler", False, False),
        ("failed", "ValueError: in epoch 3", True, True),
        ("failed", "OSError: no space", False, True),
        ("failed", "MemoryError: ", False, True),
        ("diverged", "NonFiniteError: lr", True, False),
    ],
)
def test_going_on_is_offered_only_where_it_can_help(
    status: str, error: str | None, begun: bool, helps: bool, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    run.write_result(RunResult(name="a", status=status, error=error))
    if begun:
        run.checkpoints.mkdir()
        (run.checkpoints / "last.ckpt").touch()
    assert can_resume(run) == helps
