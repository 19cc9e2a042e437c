"""The picture that an evaluation with anatomy=true draws: when, where, and no number lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from runs import evaluated, train

from vae_lab.callbacks.posteriors import Posteriors
from vae_lab.callbacks.snapshot import Snapshot
from vae_lab.run_folder import RunFolder

ANATOMY = ("anatomy=true", "posterior_steps=8", "posterior_samples=4")
SMALL_MODEL = ("model.hidden_dims=[8]", "logger=none")


def figures(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "figures").glob("posteriors*"))


def test_the_picture_is_in_the_folder_and_once_on_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = train(tmp_path, "callbacks=samples", *SMALL_MODEL)
    page = folder / "figures" / "index.html"
    assert 'id="posteriors"' not in page.read_text()
    for settings in ((), ("num_images=12",)):
        found = evaluated(folder, *ANATOMY, "weights=last", *settings)
        epoch = found["protocol"]["weights_epoch"]
        assert epoch == 2
        picture = folder / "figures" / f"posteriors_{epoch:04d}.png"
        assert str(picture) in capsys.readouterr().out
        with Image.open(picture) as file:
            # Only PNG files have texts.
            about = json.loads(file.text["vae_lab"])  # type: ignore[attr-defined]
        assert about["picture"] == "posteriors" and about["epoch"] == epoch
        assert len(about["panels"]) == 8
        text = page.read_text()
        assert text.count('<section id="posteriors">') == 1
        assert text.count('<a href="#posteriors">posteriors</a>') == 1
        assert text.count(f'src="{picture.name}"') == 1
        assert text.count('<section id="samples">') == 1
    assert len(list(folder.glob("evaluation-*.json"))) == 2


def test_a_failure_while_drawing_is_a_warning_and_costs_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = train(tmp_path, "callbacks=none", *SMALL_MODEL)

    def fail(self: Posteriors, snapshot: Snapshot, generator: Any) -> None:
        raise PermissionError(13, "Permission denied", "figures")

    monkeypatch.setattr(Posteriors, "draw", fail)
    found = evaluated(folder, *ANATOMY)
    told = capsys.readouterr()
    warnings = [line for line in told.err.splitlines() if line.startswith("vae-lab: warning")]
    assert len(warnings) == 1 and "the picture of true posteriors failed" in warnings[0]
    (kept,) = folder.glob("evaluation-*.json")
    assert json.loads(kept.read_text())["numbers"] == found["numbers"]
    assert "approximation_gap" in found["numbers"] and str(kept) in told.out
    assert figures(folder) == []


def test_a_run_without_a_page_gets_none(tmp_path: Path) -> None:
    _, folder = train(tmp_path, "callbacks=none", *SMALL_MODEL)
    evaluated(folder, "num_images=10")
    assert figures(folder) == [], "without anatomy=true nothing is drawn"
    evaluated(folder, *ANATOMY)
    epochs = RunFolder(folder).figures("posteriors")
    assert len(epochs) == 1 and "posteriors.svg" in figures(folder)
    assert not (folder / "figures" / "index.html").exists()


def test_of_three_dimensions_nothing_is_drawn(tmp_path: Path) -> None:
    _, folder = train(tmp_path, "callbacks=none", "latent_dim=3", *SMALL_MODEL)
    settings = ("temperatures=2", "chains=1", "leapfrog_steps=1", "simulated_images=2")
    assert "approximation_gap" in evaluated(folder, *ANATOMY, *settings)["numbers"]
    assert figures(folder) == []
