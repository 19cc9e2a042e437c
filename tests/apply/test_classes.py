"""`python -m vae_lab.apply` with a conditional model: classes that are given, or found."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from runs import train
from stripes import striped_data

import vae_lab
import vae_lab.apply.__main__ as apply
from vae_lab.apply.classes import file_name, percent, probable_classes
from vae_lab.trained_vae import TrainedVAE

Apply = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    overrides = ("condition=label", "trainer.max_epochs=30", "callbacks=none", "logger=none")
    return train(tmp_path_factory.mktemp("conditional"), *overrides)[1]


@pytest.fixture(scope="module")
def vae(model: Path) -> TrainedVAE:
    return vae_lab.load(model)


@pytest.fixture
def run(model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Apply:
    """Runs a command line on the model in this process; returns its exit code and its outcome."""

    def run(*words: object) -> tuple[int, dict[str, Any]]:
        given = ["apply/__main__.py", model, *words, "--trust", "--json"]
        monkeypatch.setattr(sys, "argv", [*map(str, given)])
        code = 0
        capfd.readouterr()
        try:
            apply.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, json.loads(capfd.readouterr().out)

    return run


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Test images of the classes 2, 3 and 8."""
    paths = [tmp_path / f"{label}.png" for label in (2, 3, 8)]
    images = striped_data().test_images[:]
    for path in paths:
        Image.fromarray(images[int(path.stem), 0].numpy()).save(path)
    return paths


def images_of(paths: list[Path]) -> torch.Tensor:
    pixels = [np.array(Image.open(path)) for path in paths]
    return torch.from_numpy(np.stack(pixels))[:, None].float() / 255


def pixels(images: torch.Tensor) -> torch.Tensor:
    return (images * 255).round().byte()[:, 0]


def test_each_picture_has_its_most_probable_class(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE
) -> None:
    code, outcome = run("reconstruct", *files, "--to", tmp_path / "out")
    assert (code, outcome["error"]) == (0, None)
    assert [it["label"] for it in outcome["pictures"]] == ["2", "3", "8"]
    expected = vae.classify(images_of(files)).max(dim=1).values
    found = [it["label_probability"] for it in outcome["pictures"]]
    assert found == pytest.approx(expected.tolist())
    made = images_of([Path(it["written"][0]) for it in outcome["pictures"]])
    wanted = pixels(vae.reconstruct(images_of(files), [2, 3, 8]))
    assert torch.equal(pixels(made), wanted)


def test_a_class_that_is_given_is_that_of_all_pictures(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE
) -> None:
    words = ("--label", 5, "--to", tmp_path / "codes.csv")
    code, outcome = run("encode", *files, *words)
    assert code == 0
    table = pd.read_csv(tmp_path / "codes.csv")
    assert [*table.columns] == ["file", "label", "mean_0", "mean_1", "std_0", "std_1"]
    assert table["label"].tolist() == [5, 5, 5]
    mean = vae.encode(images_of(files), 5).mean
    assert table[["mean_0", "mean_1"]].to_numpy() == pytest.approx(mean.numpy(), abs=1e-6)
    assert "label_probability" not in outcome["pictures"][0]


def test_scores_say_the_class_in_the_table_and_in_words(
    model: Path,
    files: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    vae: TrainedVAE,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        words = ["score", *files, "--num-samples", 5, "--trust", "--to", tmp_path / "out"]
        patch.setattr(sys, "argv", ["apply/__main__.py", str(model), *map(str, words)])
        apply.main()
    printed = capsys.readouterr().out
    assert re.search(r"as it is; most probable class 3 \(.+ %\); bound -\d", printed)
    table = pd.read_csv(tmp_path / "out" / "score.csv")
    assert [*table.columns[:3]] == ["file", "label", "label_probability"]
    scores = vae.score(images_of(files), [2, 3, 8], num_samples=5)
    assert table["elbo"].to_numpy() == pytest.approx(scores.elbo.numpy(), abs=1e-3)


def test_samples_are_of_one_class_or_of_each_from_the_same_draws(
    run: Apply, tmp_path: Path, vae: TrainedVAE
) -> None:
    words = ("--num-images", 3, "--seed", 2)
    code, outcome = run("sample", "--label", "7", *words, "--to", tmp_path / "one")
    assert code == 0
    made = [path for path in map(Path, outcome["written"]) if path.parent.name == "sample"]
    assert torch.equal(pixels(images_of(made)), pixels(vae.sample(3, label=7, seed=2)))
    code, outcome = run("sample", *words, "--to", tmp_path / "each")
    assert code == 0
    made = sorted((tmp_path / "each" / "sample").iterdir())
    assert len(made) == 30 and made[0].name == "0-1.png" and made[-1].name == "9-3.png"
    assert torch.equal(pixels(images_of(made[21:24])), pixels(vae.sample(3, label=7, seed=2)))


def test_a_way_between_two_classes_is_drawn_as_each(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE
) -> None:
    code, _ = run("interpolate", *files[:2], "--steps", 4, "--to", tmp_path / "two")
    assert code == 0
    made = sorted((tmp_path / "two" / "interpolate").iterdir())
    assert [path.name for path in made] == [f"{k}-{n}.png" for k in (2, 3) for n in (1, 2, 3, 4)]
    assert torch.equal(
        pixels(images_of(made[:1])), pixels(vae.reconstruct(images_of(files[:1]), 2))
    )
    assert torch.equal(
        pixels(images_of(made[-1:])), pixels(vae.reconstruct(images_of(files[1:2]), 3))
    )
    words = ("--steps", 4, "--label", 8, "--to", tmp_path / "one")
    code, _ = run("interpolate", *files[:2], *words)
    made = sorted((tmp_path / "one" / "interpolate").iterdir())
    assert [path.name for path in made] == ["1.png", "2.png", "3.png", "4.png"]
    path = vae.interpolate(images_of(files[:1]), images_of(files[1:2]), steps=4, labels=8)
    assert torch.equal(pixels(images_of(made)), pixels(path[:, 0]))


def test_a_completion_says_which_classes_fit_what_is_seen(
    run: Apply, files: list[Path], tmp_path: Path
) -> None:
    words = ("--hide", "right", "--num-images", 2)
    code, outcome = run("complete", files[1], *words, "--to", tmp_path / "found")
    assert code == 0
    [it] = outcome["pictures"]
    assert it["values"]["class_probabilities"]["3"] > 0.9
    assert it["values"]["labels"] == ["3", "3"] and "label" not in it
    code, outcome = run("complete", files[1], *words, "--label", 8, "--to", tmp_path / "given")
    [it] = outcome["pictures"]
    assert it["label"] == "8" and "class_probabilities" not in it["values"]


def test_a_class_that_is_unknown_or_has_no_effect_is_one_line(
    run: Apply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code, outcome = run("sample", "--label", "ten", "--to", tmp_path / "out")
    assert code == 2
    assert outcome["error"].startswith("ten is not a class of this model: name one of 0, 1, 2")
    words = ["example:linear-z2", "sample", "--label", "7", "--to", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["apply/__main__.py", *words])
    with pytest.raises(SystemExit, match="2"):
        apply.main()
    assert "--label has no effect on this model, which has no condition" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_probabilities_and_names_in_words() -> None:
    assert [percent(it) for it in (0.9999, 0.98, 0.5, 0.001)] == [
        "over 99 %",
        "98 %",
        "50 %",
        "under 1 %",
    ]
    shares = {"a": 0.004, "b": 0.3, "c": 0.6, "d": 0.05, "e": 0.046}
    assert probable_classes(shares) == "c (60 %), b (30 %), d (5 %)"
    assert file_name(("0", "1"), "1") == "1"
    assert file_name(("round", "a/b c"), "a/b c") == "1-a-b-c"
