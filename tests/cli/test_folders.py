"""Folders that are not ours: no run, sweep or report changes what somebody else keeps there."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from command import QUICK, Command, Done
from fake_runs import write_run

from vae_lab.cli.command_lines import parse_words
from vae_lab.cli.jobs import jobs_of
from vae_lab.cli.plan import plan
from vae_lab.config.compose import Composer
from vae_lab.errors import UserError, describe_os_error
from vae_lab.files import PARTIAL, partial_folder, write_text
from vae_lab.ownership import check_run_folder
from vae_lab.report.page import write_report
from vae_lab.run_folder import RunFolder

SHORT = (*QUICK, "trainer.max_epochs=1", "callbacks=none", "logger=none")


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fill(folder: Path, *names: str) -> dict[str, bytes]:
    """Writes files of somebody else, and returns their content."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} is mine")
    return content(folder)


def refused(done: Done, *words: str) -> None:
    assert done.code == 2, done.out
    (line,) = done.err.splitlines()
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    "names",
    [
        ("config.yaml", "checkpoints/last.ckpt", "figures/samples_0000.png", "metrics.csv"),
        (".notes.2024",),
        ("run.log",),
        (".hydra/config.yaml", ".hydra/hydra.yaml", "run.log"),
        ("runs/a/result.json",),
        (".lock",),
    ],
)
def test_a_run_begins_in_no_folder_of_somebody_else(
    names: tuple[str, ...], tmp_path: Path, vae_lab: Command
) -> None:
    theirs = fill(tmp_path / "p", *names)
    refused(vae_lab(*SHORT, "hydra.run.dir=p"), "p holds other files", "hydra.run.dir=FOLDER")
    assert content(tmp_path / "p") == theirs


@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_a_run_does_not_begin_beside_a_folder_that_has_no_name(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunFolder, "exists", True)
    composer = Composer()
    jobs = jobs_of(composer, parse_words([f"hydra.run.dir={folder}"]), datetime.now())
    with pytest.raises(UserError, match="holds a run of another configuration"):
        plan(composer, jobs)


def test_a_result_of_another_program_makes_no_run_of_a_folder(tmp_path: Path) -> None:
    theirs = fill(tmp_path, "result.json", "config.yaml")
    with pytest.raises(UserError, match="holds other files"):
        check_run_folder(tmp_path)
    assert content(tmp_path) == theirs


def test_a_job_of_a_sweep_begins_in_no_folder_of_somebody_else(
    tmp_path: Path, vae_lab: Command
) -> None:
    theirs = fill(tmp_path / "s" / "linear-z3-stripes", "thesis.tex")
    sweep = ("-m", "latent_dim=2,3", *SHORT, "hydra.sweep.dir=s")
    refused(vae_lab(*sweep), "s/linear-z3-stripes holds other files", "hydra.sweep.dir=FOLDER")
    assert content(tmp_path / "s" / "linear-z3-stripes") == theirs
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["linear-z3-stripes"]


@pytest.mark.parametrize("name", ["command.txt", "summary.csv", "report.html", "report.md"])
def test_a_sweep_replaces_no_file_of_somebody_else(
    name: str, tmp_path: Path, vae_lab: Command
) -> None:
    theirs = fill(tmp_path / "s", name, "notes.txt")
    sweep = ("-m", "latent_dim=2", *QUICK[:-1], "hydra.sweep.dir=s")  # with a report
    refused(vae_lab(*sweep), f"s/{name} was not written by VAE Lab")
    assert content(tmp_path / "s") == theirs


def test_a_sweep_beside_other_files_leaves_them_and_goes_on_there(
    tmp_path: Path, vae_lab: Command
) -> None:
    theirs = fill(tmp_path / "s", "notes.txt", "report.html", "report_figures/mine.png")
    for values in ("2", "2,3"):
        done = vae_lab("-m", f"latent_dim={values}", *SHORT, "hydra.sweep.dir=s")
        assert done.code == 0, done.err
    assert theirs.items() <= content(tmp_path / "s").items()
    assert len((tmp_path / "s" / "summary.csv").read_text().splitlines()) == 3


def start_with(folder: Path, *names: str) -> None:
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text("_target_: vae_lab.priors.StandardNormal\n")
    for name in names:
        (folder / name).write_text("")


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: None,
        lambda folder: folder.mkdir(),
        lambda folder: start_with(folder, ".lock", "run.log", f".result.json.7.{PARTIAL}"),
        lambda folder: (write_run(folder, elbo=-100.0), fill(folder, "notes.txt")),
    ],
)
def test_a_run_may_begin_in_an_empty_folder_and_where_a_start_was_cut_off(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    make(tmp_path / "run")
    check_run_folder(tmp_path / "run")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    fill(tmp_path, "p")
    with pytest.raises(UserError, match="p is a file: name a new or an empty folder"):
        check_run_folder(tmp_path / "p")


@pytest.mark.parametrize("name", ["report.html", "report.md", "summary.csv", "report_figures"])
def test_a_report_replaces_no_file_of_somebody_else(name: str, tmp_path: Path) -> None:
    write_run(tmp_path / "run", elbo=-150.0)
    theirs = fill(tmp_path / "there", name)
    with pytest.raises(UserError, match=f"{name} was not written by VAE Lab"):
        write_report([tmp_path / "run", tmp_path], tmp_path / "there")
    assert content(tmp_path / "there") == theirs


def test_a_report_again_leaves_what_lies_beside_its_pictures(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_run(tmp_path / f"run{seed}", elbo=-150.0 - seed, seed=seed)
    names = ("report_figures/my_notes.txt", "report_figures/kl.png", "report_figures/b-0123.png")
    theirs = fill(tmp_path, *names)
    write_report([tmp_path / "run0"], tmp_path)
    first = set(content(tmp_path / "report_figures"))
    write_report([tmp_path], tmp_path)
    assert theirs.items() <= content(tmp_path).items()
    pictures = {name for name in first if len(name) > 17}
    assert pictures and not pictures & set(content(tmp_path / "report_figures"))


def a_dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_what_a_killed_process_left_of_a_file_goes_with_the_next_writing(tmp_path: Path) -> None:
    # Of another file, of a process at work, of another kind, and perhaps of another machine.
    mine, new = os.getppid(), a_dead_process()
    partial = (f"other.html.{new}", f"report.html.{mine}", "report.html.x", f"report.html.{new}")
    theirs = fill(tmp_path, ".report.html.7.tmp", *(f".{name}.{PARTIAL}" for name in partial))
    old = tmp_path / f".report.html.{a_dead_process()}.{PARTIAL}"
    old.write_text("half")
    os.utime(old, (0, 0))
    # Nobody is led to write elsewhere by a link in the place of an unfinished file.
    (tmp_path / f".report.html.{os.getpid()}.{PARTIAL}").symlink_to(tmp_path / "target")
    write_text(tmp_path / "report.html", "whole")
    assert {name: text.decode() for name, text in content(tmp_path).items()} == {
        "report.html": "whole", **{name: text.decode() for name, text in theirs.items()}
    }  # fmt: skip


def test_what_a_killed_process_left_in_a_partial_folder_goes_with_the_next(tmp_path: Path) -> None:
    theirs = fill(tmp_path, ".partial-x/a", f".a.{PARTIAL}", "b/.lock")
    with partial_folder(tmp_path) as at_work:
        (at_work / "data").write_text("half")
        killed = tmp_path / f".killed.{PARTIAL}"
        (killed / "below").mkdir(parents=True)
        (killed / "below" / "data").write_text("half")
        (killed / ".lock").touch()
        with partial_folder(tmp_path) as other:
            assert not killed.exists() and other != at_work
            assert (at_work / "data").read_text() == "half"
    assert content(tmp_path) == theirs
    assert not at_work.exists() and not other.exists()


def test_what_the_disk_refused_is_told_whatever_wraps_it() -> None:
    error = ValueError("Unable to configure handler 'file'")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "run/run.log")
    words = "cannot write run/run.log: No space left on device. Remedy: free some space."
    assert describe_os_error(error, Path("run")) == words
