"""python -m vae_lab.explore: what it makes, and what it says in one line when it cannot."""

import errno
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from runs import train

from vae_lab.explore import MOST_RUNS, main
from vae_lab.run_folder import RunFolder


class Said(NamedTuple):
    code: int
    out: str
    err: str


Explore = Callable[..., Said]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("command")
    images = np.random.default_rng(0).integers(0, 256, (90, 8, 8), np.uint8)
    np.savez(place / "own.npz", images=images)
    own = ("data=npz", f"data.path={place / 'own.npz'}", "data.batch_size=32")
    return train(place, "explorer=default", *own, "model.hidden_dims=[8]", "callbacks=none")[1]


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A run of the test's own, without its page."""
    copy = Path(shutil.copytree(folder, tmp_path / "run"))
    (copy / "explorer.html").unlink()
    return copy


@pytest.fixture
def explore(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explore:
    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["explore", *map(str, words)])
        try:
            main()
        except SystemExit as stop:
            return Said(int(stop.code or 0), *capsys.readouterr())
        return Said(0, *capsys.readouterr())

    return run


def refused(said: Said, *, code: int = 2) -> str:
    """Returns the one line of an error."""
    assert (said.code, said.out) == (code, "")
    assert said.err.count("\n") == 1 and said.err.startswith("vae-lab: error: ")
    return said.err


def runs_in(page: Path) -> list[dict[str, Any]]:
    text = page.read_text()
    found = re.search(r'<script type="application/json" id="payload">(.*?)</script>', text, re.S)
    assert found
    runs: list[dict[str, Any]] = json.loads(found[1])["runs"]
    return runs


def test_a_run_of_an_earlier_version_has_the_same_page(
    folder: Path, copied: Path, explore: Explore
) -> None:
    config = yaml.safe_load((copied / "config.yaml").read_text())
    del config["explorer"]
    (copied / "config.yaml").write_text(yaml.safe_dump(config))
    RunFolder(copied).per_image.unlink()
    assert explore(copied) == (0, f"Explorer:     {copied / 'explorer.html'}\n", "")
    (now,), (then,) = runs_in(copied / "explorer.html"), runs_in(folder / "explorer.html")
    assert now["bound"]["elbo"] == pytest.approx(then["bound"]["elbo"], abs=1e-3)
    assert now["kl_per_dimension"] == then["kl_per_dimension"]


def test_more_runs_than_a_page_shows_are_left_out_by_name(
    copied: Path, tmp_path: Path, explore: Explore
) -> None:
    for number in range(MOST_RUNS):
        shutil.copytree(copied, tmp_path / f"s{number}")
    said = explore(tmp_path, "--to", tmp_path / "all.html")
    words = f"a page shows at most {MOST_RUNS} runs: name those that you want to see"
    assert said.out.splitlines() == [
        f"left out {tmp_path / f's{MOST_RUNS - 1}'}: {words}",
        f"Explorer:     {tmp_path / 'all.html'}",
    ]
    assert (said.code, len(runs_in(tmp_path / "all.html"))) == (0, MOST_RUNS)


def test_other_images_than_those_of_the_run(copied: Path, tmp_path: Path, explore: Explore) -> None:
    other = tmp_path / "other.npz"
    np.savez(other, images=np.random.default_rng(1).integers(0, 256, (90, 8, 8), np.uint8))
    line = refused(explore(copied, "--data-path", other))
    assert "the images are not those that run was trained on" in line and "--data-path" in line
    line = refused(explore(copied, "--data-path", tmp_path / "gone.npz"))
    assert "gone.npz" in line and "No such file" in line
    assert not (copied / "explorer.html").exists()


def test_a_run_without_its_checkpoint(copied: Path, explore: Explore) -> None:
    shutil.rmtree(copied / "checkpoints")
    assert "checkpoint" in refused(explore(copied))


@pytest.mark.parametrize("status", ["running", "failed", "interrupted", "diverged"])
def test_a_run_that_is_not_finished(status: str, copied: Path, explore: Explore) -> None:
    result = json.loads((copied / "result.json").read_text())
    (copied / "result.json").write_text(json.dumps({**result, "status": status}))
    assert f"not finished (status of the run: {status}): train it" in refused(explore(copied))
    # In a folder of several: named, with the reason.
    line = refused(explore(copied.parent))
    assert line.startswith(f"vae-lab: error: no finished run in {copied.parent}: train first")
    assert f"(status of the run: {status})" in line


def test_a_foreign_page_and_a_link_stay(copied: Path, tmp_path: Path, explore: Explore) -> None:
    page, elsewhere = copied / "explorer.html", tmp_path / "elsewhere.html"
    page.write_text("mine")
    assert "was not written by VAE Lab and would be replaced" in refused(explore(copied))
    assert page.read_text() == "mine"
    page.unlink()
    page.symlink_to(elsewhere)
    refused(explore(copied, "--trust"))
    assert page.is_symlink() and not elsewhere.exists()


def test_a_place_that_cannot_be_written(copied: Path, tmp_path: Path, explore: Explore) -> None:
    (tmp_path / "file").write_text("")
    line = refused(explore(copied, "--to", tmp_path / "file" / "explorer.html"))
    assert "cannot be written" in line and "name another file with --to FILE" in line


def test_a_full_disk_is_exit_code_1(
    copied: Path, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("vae_lab.explorer.page.write_text", full)
    assert "free some space" in refused(explore(copied), code=1)
    assert not (copied / "explorer.html").exists()
