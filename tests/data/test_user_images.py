"""Runs on one's own images, end to end: pictures, report, evaluation, resume; labels or none."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from user_images import COLOURS, discs, write_files

from vae_lab.callbacks.drawing.style import METADATA
from vae_lab.cli import main
from vae_lab.errors import UserError
from vae_lab.evaluate.__main__ import evaluate_run
from vae_lab.evaluate.requests import check
from vae_lab.report.runs import Run
from vae_lab.run_folder import INTERRUPTED, SUCCESS, RunFolder, runs_in

QUICK = (
    "trainer.max_epochs=1 threads=1 trainer.precision=32-true data.batch_size=8 latent_dim=2 "
    "callbacks.latent_map.steps=4 callbacks.quantile_map.steps=4 report.num_images=20 "
    "report.num_generated=20 report.map_steps=4"
).split()
SMALL = "num_images=5 num_samples=5 grid_points=1000 num_generated=20 map_steps=4 threads=1".split()


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> int:
    """Runs a command line in a folder and returns its exit code."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("VAE_LAB_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["vae-lab", *words])
    with pytest.raises(SystemExit) as stop:
        main.main()
    return int(str(stop.value.code))


def grid_of(path: Path) -> tuple[str, int, tuple[int, int]]:
    """Returns a picture's mode, how large an image's pixel is, and the size of its images."""
    with Image.open(path) as image:
        facts = json.loads(image.info[METADATA])
        left, top, right, bottom = facts["grid"]
        return image.mode, facts["scale"], (right - left, bottom - top)


def test_a_sweep_on_arrays_in_colour_ends_with_pictures_and_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, names = discs(60, size=16)
    np.savez(tmp_path / "my.npz", images=images, labels=names)
    words = ["-m", "data=npz", "data.path=my.npz", "model=linear,conv", "sweep_name=s", *QUICK]
    assert run(monkeypatch, tmp_path, *words) == 0
    root = tmp_path / "outputs" / "sweeps" / "s"
    runs = runs_in(root)
    assert [path.name for path in runs] == ["conv-z2-npz", "linear-z2-npz"]
    for folder in runs:
        path, result = folder.path, folder.result
        assert result is not None
        assert result.image_shape == [3, 16, 16]
        assert result.data.pop("fingerprint")
        assert result.data == {
            "name": "npz:my.npz",
            "train": 49,
            "val": 5,
            "test": 6,
            "labels": ["blue", "green", "red"],
        }
        # 5 examples in colour above their reconstructions, every pixel as large as the file says.
        mode, scale, size = grid_of(path / "figures" / "reconstructions_0001.png")
        assert mode == "RGB" and size == (scale * (5 * 17 - 1), scale * 33)
        assert set(result.picture_metrics["digits_of_samples"]["value"]) == set(COLOURS)
        with np.load(path / "per_image.npz") as kept:
            assert len(kept["elbo"]) == 6 and np.isfinite(kept["elbo"]).all()
    page = (root / "report.md").read_text(encoding="utf-8")
    assert "npz:my.npz: 49 train, 5 val and 6 test images" in page
    assert (root / "report.html").is_file()
    assert "near real images" in page and "digit" not in page
    # Another set in its place: nothing is skipped or resumed by mistake.
    np.savez(tmp_path / "my.npz", images=images.astype(np.uint16))
    assert run(monkeypatch, tmp_path, *words[:-1], "seed=1") == 2


def test_a_run_on_files_without_labels_is_evaluated_and_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path / "photos", 40, size=20, labels=False)
    words = ["data=folder", "data.path=photos", "data.image_size=12", "hydra.run.dir=run", *QUICK]
    assert run(monkeypatch, tmp_path, *words, "trainer.max_epochs=2") == 0
    whole = RunFolder(tmp_path / "run").result
    assert whole is not None and whole.image_shape == [3, 12, 12]
    assert whole.data["labels"] == []
    assert "sharpness_of_samples" in whole.picture_metrics
    assert "precision_of_samples" not in whole.picture_metrics
    assert (tmp_path / "run" / "figures" / "latent_scatter_0002.png").is_file()
    capsys.readouterr()
    found = evaluate_run(*check([str(tmp_path / "run"), *SMALL]).requests).content
    assert "left out, the images have no labels" in capsys.readouterr().err
    assert "elbo" in found["numbers"] and "knn_accuracy" not in found["numbers"]


def test_a_resumed_run_on_other_images_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images, _ = discs(40, size=8)
    np.savez(tmp_path / "my.npz", images=images)
    words = ["data=npz", "data.path=my.npz", "hydra.run.dir=run", *QUICK, "callbacks=none"]
    words += ["report=null", "trainer.max_epochs=2"]
    words = [word for word in words if not word.startswith(("callbacks.", "report."))]
    assert run(monkeypatch, tmp_path, *words) == 0
    result = tmp_path / "run" / "result.json"
    bound = RunFolder(tmp_path / "run").require_result().metrics["elbo/test"]
    unfinished = result.read_text().replace(f'"{SUCCESS}"', f'"{INTERRUPTED}"')
    assert INTERRUPTED in unfinished

    np.savez(tmp_path / "my.npz", images=255 - images)
    result.write_text(unfinished)
    capsys.readouterr()
    assert run(monkeypatch, tmp_path, "resume=run") == 1
    assert "the images are others than when this run began" in capsys.readouterr().err

    # With the same images it goes on, to the same end.
    np.savez(tmp_path / "my.npz", images=images)
    assert run(monkeypatch, tmp_path, "resume=run") == 0
    again = RunFolder(tmp_path / "run").result
    assert again is not None and again.metrics["elbo/test"] == bound
    assert again.resumed_after == [2]


def test_the_evaluation_of_other_images_is_never_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images, _ = discs(40, size=8)
    np.savez(tmp_path / "my.npz", images=images)
    np.savez(tmp_path / "moved.npz", images=images)
    np.savez(tmp_path / "inverse.npz", images=255 - images)
    np.savez(tmp_path / "reversed.npz", images=images[::-1])
    np.savez(tmp_path / "larger.npz", images=discs(40, size=12)[0])
    words = ["data=npz", "data.path=my.npz", "hydra.run.dir=run", "callbacks=none", "report=null"]
    kept = [word for word in QUICK if not word.startswith(("callbacks.", "report."))]
    assert run(monkeypatch, tmp_path, *words, *kept) == 0
    folder = tmp_path / "run"

    def evaluated(*words: str) -> str:
        before = {path: path.read_bytes() for path in folder.glob("evaluation-*")}
        capsys.readouterr()
        evaluate_run(*check([str(folder), *SMALL, *words]).requests)
        after = set(folder.glob("evaluation-*"))
        assert all(path.read_bytes() == content for path, content in before.items())
        (new,) = after - set(before)
        return new.name

    card = evaluated()
    assert card.startswith("evaluation-test-")
    (folder / card).unlink()
    assert evaluated(f"data_path={tmp_path / 'moved.npz'}") == card
    for other in ("inverse", "reversed"):
        name = evaluated(f"data_path={tmp_path / other}.npz")
        assert name.startswith("evaluation-of-images-")
        record = json.loads((folder / name).read_text())
        for number in record["numbers"].values():
            assert number["protocol"]["data"].startswith("other images than those of the training")
    # The same path, another content.
    np.savez(tmp_path / "my.npz", images=images // 2)
    assert evaluated().startswith("evaluation-of-images-")
    assert len(Run(RunFolder(folder)).picture_metrics) == 1, "those of its images only"
    with pytest.raises(UserError, match=r"have shape \(3, 12, 12\), and this model takes"):
        evaluated(f"data_path={tmp_path / 'larger.npz'}")


MISTAKES = {
    "data=npz": "data.path is missing: add data.path=PATH, where your own images are.",
    "data=npz data.path=my.npz data.batch_size=99": (
        "data.batch_size=99 is more than the 32 training images: add data.batch_size=32 or less, "
        "or more images."
    ),
    "data=npz data.path=my.npz data.batch_size=8 data.num_test=40": (
        "data.num_test=40 must be between 1 and 39, or a share of the 40 images that gives so many."
    ),
    "data=npz data.path=my.npz data.batch_size=8 data.num_val=0.01": (
        "data.num_val=0.01 must be between 0 and 35, or a share of 1 image or more: training and "
        "validation share 36 images."
    ),
    "data=npz data.path=my.npz data.num_test=40": (
        "data.num_test=40 must be between 1 and 39, or a share of the 40 images that gives so "
        "many. For example: data.num_test=4 data.num_val=4 data.batch_size=32."
    ),
    "data=npz data.path=my.npz data.num_val=1.5": (
        "data.num_val must be a whole number of at least 0, or a share below 1, got 1.5."
    ),
    "data=npz data.path=my.npz data.batch_size=8 model=conv model.channels=[8,8,8,8]": (
        "model.channels=[8,8,8,8] halves the image 4 times, but 8 x 8 is not a multiple of 16: use "
        "fewer channels."
    ),
    "data=folder data.path=. data.image_size=7": (
        "data.image_size must be a whole number of pixels from 8 to 64, got 7."
    ),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_answered_before_anything_is_written(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "my.npz", images=discs(40, size=8)[0])
    assert run(monkeypatch, tmp_path, *line.split()) == 2
    assert capsys.readouterr().err == f"vae-lab: error: {MISTAKES[line]}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["my.npz"]
