"""The run `comparison`: what it shows of which runs, and that nothing takes it for a run."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_runs import drawn_run
from fake_runs import write_events, write_run
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_lab.board.comparison import event_run
from vae_lab.board.comparison.event_run import write_comparison
from vae_lab.board.comparison.layout import GAP, STRIP, TILE, Entry, in_rows, side_by_side
from vae_lab.board.comparison.pictures import comparisons
from vae_lab.board.log_folder import folder_to_show, runs_of
from vae_lab.callbacks.drawing import grids
from vae_lab.cli.sweep_summary import close_sweep
from vae_lab.report.grouping import group_runs
from vae_lab.report.runs import find_runs

BOUNDS = {"linear": -9.0, "conv": -7.0}


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two runs with pictures and curves, of one epoch each."""
    for seed, (model, elbo) in enumerate(BOUNDS.items()):
        folder = tmp_path / "sweep" / model
        run, *_ = drawn_run(folder, seed, elbo=elbo, model=model)
        write_events(run, {"elbo/val": [elbo, elbo + 1], "elbo/train": [elbo]})
        for kind in ("kl_per_dim", "traversals"):
            Image.new("RGB", (40, 20), "red").save(run / "figures" / f"{kind}_0003.png")
    return tmp_path / "sweep"


def pictures_in(folder: Path) -> dict[str, tuple[int, Image.Image]]:
    """Returns step and picture of each tag, as TensorBoard reads them."""
    events = EventAccumulator(str(folder)).Reload()
    found: dict[str, tuple[int, Image.Image]] = {}
    for tag in events.Tags()["images"]:
        (event,) = events.Images(tag)
        found[tag] = event.step, Image.open(BytesIO(event.encoded_image_string))
    return found


def test_each_kind_is_one_picture_of_all_runs(sweep: Path) -> None:
    tags = write_comparison([sweep], sweep)
    drawn = pictures_in(sweep / "comparison")
    kinds = ("1 curves", "2 reconstructions", "4 kl_per_dim", "5 interpolations", "8 traversals")
    assert list(drawn) == tags == [f"comparison/{kind}" for kind in kinds]
    assert {step for step, _ in drawn.values()} == {3}


def test_it_is_written_anew_and_is_no_run(sweep: Path) -> None:
    write_comparison([sweep], sweep)
    (before,) = (sweep / "comparison").iterdir()
    note = sweep / "comparison" / "note.txt"
    note.write_text("somebody's")
    write_comparison([sweep], sweep)
    (after,) = set((sweep / "comparison").iterdir()) - {note}
    assert after != before
    runs, skipped = find_runs([sweep])
    assert sorted(run.name for run in runs) == ["conv", "linear"] and skipped == []
    assert [path.name for path in runs_of(sweep)] == ["conv", "linear"]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_somebody_else_has_in_its_place_is_left_alone(
    sweep: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place, other = sweep / "comparison", tmp_path / "other"
    other.mkdir()
    if kind == "file":
        place.write_text("mine")
    elif kind == "link":
        place.symlink_to(other)
    else:
        place.mkdir()
        (place / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="move it away"):
        write_comparison([sweep], sweep)
    assert place.is_symlink() == (kind == "link") and not any(other.iterdir())
    assert place.is_file() or [path.name for path in place.iterdir()] in ([], ["note.txt"])
    (sweep / "command.txt").write_text("python -m vae_lab -m")
    with folder_to_show([sweep]) as shown:
        shown.refresh()
        assert len(shown.colours) == 2
        # With a link out of it, the sweep is shown from a folder of links.
        assert (shown.folder != sweep) == (kind == "link")
    assert ("move it away" in capsys.readouterr().err) == (kind != "link")


def test_no_half_of_it_is_left(sweep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_comparison([sweep], sweep)
    (before,) = (sweep / "comparison").iterdir()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(event_run, "image_summary", fail)
    with pytest.raises(OSError, match="disk full"):
        write_comparison([sweep], sweep)
    assert [*(sweep / "comparison").iterdir()] == [before]


def test_nothing_is_written_where_nothing_is_compared(tmp_path: Path, sweep: Path) -> None:
    assert write_comparison([sweep / "conv"], tmp_path) == []
    write_run(tmp_path / "csv" / "a", elbo=-1.0)
    write_run(tmp_path / "csv" / "b", elbo=-1.0, choices={"model": "conv"})
    assert write_comparison([tmp_path / "csv"], tmp_path / "csv") == []
    # A job of this name stays what it is.
    job = write_run(sweep / "comparison", elbo=-1.0, latent_dim=3)
    names = {path.name for path in job.iterdir()}
    assert write_comparison([sweep], sweep) == []
    assert {path.name for path in job.iterdir()} == names


def test_rows_are_the_originals_and_each_run_pixel_by_pixel(sweep: Path) -> None:
    (group,) = group_runs(find_runs([sweep])[0])[0]
    picture, _ = dict(comparisons(group))["2 reconstructions"]
    again = [drawn_run(sweep.parent / f"again{seed}", seed)[1:] for seed in range(2)]
    # In the order of the report, below one another.
    rows = [again[0][0], *(decoded for _, decoded in again)]
    tops = [top_of(picture, cells(images[:10])) for images in rows]
    assert tops == sorted(tops) and len(set(tops)) == 3


def cells(images: torch.Tensor) -> np.ndarray:
    """Returns images (N, 1, H, W) in one row, uint8 (H, pixels)."""
    return grids.grid(images / 255, columns=len(images))[0].mul(255).round().byte().numpy()


def top_of(picture: Image.Image, row: np.ndarray) -> int:
    """Returns where a row begins that stands at the right edge of a picture, enlarged."""
    pixels = np.asarray(picture.convert("L"))
    height, width = row.shape
    factor = round(STRIP / width)
    left = pixels.shape[1] - GAP - factor * width
    enlarged = row.repeat(factor, 0).repeat(factor, 1)
    (top,) = (
        top
        for top in range(len(pixels) - factor * height)
        if np.array_equal(pixels[top : top + factor * height, left:-GAP], enlarged)
    )
    return top


def test_names_that_are_long_or_not_ascii_are_whole(sweep: Path) -> None:
    image = Image.new("L", (100, 20))
    narrow, wide = (
        in_rows([("", [Entry(name, "-1.5", "", image)])], "") for name in ("a", "übergröße " * 9)
    )
    assert wide.width > narrow.width and wide.height > narrow.height
    assert wide.width < 2 * STRIP


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (12, 4)])
def test_pictures_stand_side_by_side(count: int, columns: int) -> None:
    colours = [(10 * k, 0, 200) for k in range(count)]
    images = [Image.new("RGB", (60, 30), colour) for colour in colours]
    picture = side_by_side([Entry("name", "", "", image) for image in images], "footer")
    assert picture.width == columns * (TILE + GAP) + GAP
    centres = np.asarray(picture)[:, [GAP + k * (TILE + GAP) + TILE // 2 for k in range(columns)]]
    found = [tuple(pixel) for pixel in centres.reshape(-1, 3).tolist()]
    assert [colour for colour in dict.fromkeys(found) if colour in colours] == colours
    assert {found.count(colour) for colour in colours} == {TILE // 2}


def test_of_many_settings_some_are_shown_and_of_several_seeds_the_first(tmp_path: Path) -> None:
    for k in range(14):
        drawn_run(tmp_path / f"{k}", k % 2, elbo=-1.0 - k, latent_dim=2 + k // 2 * 2 + k % 2)
    (group,) = group_runs(find_runs([tmp_path])[0])[0]
    _, description = dict(comparisons(group))["2 reconstructions"]
    assert "8 of 14 settings" in description


def test_the_board_draws_it_if_it_is_missing_or_old(sweep: Path) -> None:
    with folder_to_show([sweep]) as log_folder:
        log_folder.refresh()
        assert (log_folder.folder / "comparison").is_dir()
        assert not (sweep / "comparison").exists()  # that is no sweep: it stays as it is
        assert set(log_folder.colours) == {"conv", "linear"}
        assert log_folder.colours["conv"] != log_folder.colours["linear"]
    (sweep / "command.txt").touch()
    with folder_to_show([sweep]) as log_folder:
        log_folder.refresh()
        (drawn,) = (sweep / "comparison").iterdir()
        log_folder.refresh()
        assert list((sweep / "comparison").iterdir()) == [drawn]
        later = drawn.stat().st_mtime + 1
        os.utime(sweep / "conv" / "result.json", (later, later))
        log_folder.refresh()
        (anew,) = (sweep / "comparison").iterdir()
        assert anew != drawn


def test_a_failure_costs_only_the_pictures(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("made up")

    monkeypatch.setattr(event_run, "write_comparison", fail)
    with folder_to_show([sweep]) as log_folder:
        log_folder.refresh()
    assert "no pictures of all runs (ValueError: made up)" in capsys.readouterr().err
    runs = [sweep / "conv", sweep / "linear"]
    assert close_sweep(sweep, runs, refused=(), again="", report=True) == []
    told = capsys.readouterr()
    assert "could not be written (ValueError: made up); " in told.err
    assert (sweep / "report.html").exists()
