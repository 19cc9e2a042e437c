"""The tasks of `python -m vae_lab.apply`: files, numbers, pictures, compared with the model's."""

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

import vae_lab
import vae_lab.apply.__main__ as apply
from vae_lab.apply.sheets import MOST_TILES, Tile, _layout, with_checks, write_sheet
from vae_lab.apply.tasks import _words_of_rank
from vae_lab.trained_vae import TrainedVAE

MODEL = "example:linear-z2"

Apply = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Apply:
    """Runs a command line in this process; returns its exit code and its outcome."""

    def run(*words: object) -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["apply/__main__.py", *map(str, words), "--json"])
        code = 0
        capfd.readouterr()  # of a training before
        try:
            apply.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        return code, json.loads(capfd.readouterr().out)

    return run


@pytest.fixture
def vae() -> TrainedVAE:
    return vae_lab.load(MODEL)


@pytest.fixture
def files(tmp_path: Path, vae: TrainedVAE) -> list[Path]:
    """Two pictures that the model can draw, and the folder they lie in."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, image in zip("ab", vae.sample(2, seed=3), strict=True):
        Image.fromarray((image[0] * 255).round().byte().numpy()).save(folder / f"{name}.png")
    return sorted(folder.iterdir())


def pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image))


def images_of(files: list[Path]) -> torch.Tensor:
    return torch.stack([pixels(path) for path in files])[:, None].float() / 255


def test_reconstructions_are_the_models(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE
) -> None:
    code, outcome = run(MODEL, "reconstruct", files[0].parent, "--to", tmp_path / "out")
    assert (code, outcome["error"]) == (0, None)
    expected = (vae.reconstruct(images_of(files)) * 255).round().byte()[:, 0]
    for it, image in zip(outcome["pictures"], expected, strict=True):
        assert torch.equal(pixels(Path(it["written"][0])), image)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"reconstruct", "reconstruct.png", "reconstruct.json"}
    record = json.loads((tmp_path / "out" / "reconstruct.json").read_text())
    assert record["pictures"] == outcome["pictures"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_codes_are_a_table_by_the_suffix_of_its_file(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE, suffix: str
) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow", reason="an extra of the person's, not of the project")
    to = tmp_path / f"codes.{suffix}"
    for _ in range(2):  # a second call replaces the table
        code, outcome = run(MODEL, "encode", *files, "--to", to)
        assert code == 0
    assert outcome["written"] == [str(to)]
    table = pd.read_csv(to) if suffix == "csv" else pd.read_parquet(to)
    posterior = vae.encode(images_of(files))
    assert table["file"].tolist() == [str(path) for path in files]
    assert [*table.columns] == ["file", "mean_0", "mean_1", "std_0", "std_1"]
    assert table[["mean_0", "mean_1"]].to_numpy() == pytest.approx(posterior.mean.numpy())
    assert table[["std_0", "std_1"]].to_numpy() == pytest.approx(posterior.variance.sqrt().numpy())


def test_scores_are_the_models_with_a_rank_in_words(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE
) -> None:
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (28, 28), np.uint8)).save(noise)
    words = ["--num-samples", 50, "--seed", 1, "--to", tmp_path / "out"]
    code, outcome = run(MODEL, "score", *files, noise, *words)
    assert code == 0
    table = pd.read_csv(tmp_path / "out" / "score.csv")
    scores = vae.score(images_of([*files, noise]), num_samples=50, seed=1)
    for name in ("elbo", "elbo_error", "iw_bound", "iw_bound_error", "rank"):
        assert table[name].to_numpy() == pytest.approx(getattr(scores, name).numpy(), abs=1e-3)
    assert table["rank"][2] == 0
    assert outcome["pictures"][2]["values"]["rank"] == 0


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        (0.0, "lower than that of every test image"),
        (0.03, "lower than that of 97 % of the test images"),
        (0.004, "lower than that of 99.6 % of the test images"),
        (0.75, "higher than that of 75 % of the test images"),
        (1.0, "higher than that of every test image"),
    ],
)
def test_a_rank_in_words(rank: float, words: str) -> None:
    assert _words_of_rank(rank) == words


@pytest.mark.parametrize("how", ["hide", "mask", "transparent"])
def test_completions_keep_what_is_seen_however_the_missing_part_is_named(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE, how: str
) -> None:
    lower = np.zeros((28, 28), np.uint8)
    lower[14:] = 255
    given, words = files[0], ["--hide", "bottom"]
    if how == "mask":
        Image.fromarray(lower).save(tmp_path / "mask.png")
        words = ["--mask", str(tmp_path / "mask.png")]
    if how == "transparent":
        given, words = tmp_path / "holes.png", []
        seen = pixels(files[0]).numpy()
        Image.fromarray(np.dstack([seen, seen, seen, 255 - lower])).save(given)
    to = tmp_path / "out"
    code, outcome = run(MODEL, "complete", given, *words, "--num-images", 3, "--to", to)
    assert (code, outcome["error"]) == (0, None)
    [it] = outcome["pictures"]
    made = [pixels(Path(path)) for path in it["written"]]
    assert len(made) == 3
    assert all(torch.equal(image[:14], pixels(files[0])[:14]) for image in made)
    assert not torch.equal(made[0], made[1])
    expected = vae.complete(images_of(files)[0], lower // 255, num_images=3, seed=0)
    assert torch.equal(made[2], (expected.images[2, 0] * 255).round().byte())
    assert it["values"]["log_likelihood_of_seen"] == pytest.approx(expected.log_likelihood)
    assert it["values"]["effective_points"] is None
    assert "50 % missing" in it["fitted"]


def test_few_effective_points_are_a_note(
    run: Apply, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vae_lab.inference.completion.completions.FEW", 10**6)
    words = ["--hide", "left", "--num-images", 1, "--to", tmp_path / "out"]
    code, outcome = run("example:linear-z10", "complete", files[0], *words)
    assert code == 0
    [it] = outcome["pictures"]
    assert 20 < it["values"]["effective_points"] < 2000
    assert "may repeat" in it["notes"][0]


def test_an_interpolation_has_its_steps_and_needs_both_ends(
    run: Apply, files: list[Path], tmp_path: Path, vae: TrainedVAE
) -> None:
    code, _ = run(MODEL, "interpolate", *files, "--steps", 5, "--to", tmp_path / "out")
    assert code == 0
    made = sorted((tmp_path / "out" / "interpolate").iterdir())
    assert [path.name for path in made] == ["1.png", "2.png", "3.png", "4.png", "5.png"]
    expected = (vae.reconstruct(images_of(files)) * 255).round().byte()[:, 0]
    assert torch.equal(pixels(made[0]), expected[0])
    assert torch.equal(pixels(made[-1]), expected[1])
    code, outcome = run(MODEL, "interpolate", files[0], "no.png", "--to", tmp_path / "none")
    assert (code, outcome["written"]) == (1, [])
    assert outcome["pictures"][1]["reason"] == "there is no such file"


def test_samples_are_the_models_and_can_be_enlarged(
    run: Apply, tmp_path: Path, vae: TrainedVAE
) -> None:
    words = ["--num-images", 12, "--seed", 4, "--enlarge", 3, "--to", tmp_path / "out"]
    code, _ = run(MODEL, "sample", *words)
    assert code == 0
    made = pixels(tmp_path / "out" / "sample" / "12.png")
    assert made.shape == (84, 84)
    expected = (vae.sample(12, seed=4)[11, 0] * 255).round().byte()
    assert torch.equal(made[1::3, 1::3], expected)


def test_a_negative_is_noted_and_inverted(run: Apply, files: list[Path], tmp_path: Path) -> None:
    paper = tmp_path / "paper.png"
    Image.fromarray(255 - pixels(files[0]).numpy()).save(paper)
    _, outcome = run(MODEL, "score", paper, "--to", tmp_path / "1.csv")
    [it] = outcome["pictures"]
    assert "--invert" in it["notes"][0]
    _, inverted = run(MODEL, "score", paper, "--invert", "--to", tmp_path / "2.csv")
    _, original = run(MODEL, "score", files[0], "--to", tmp_path / "3.csv")
    assert inverted["pictures"][0]["values"] == original["pictures"][0]["values"]
    assert inverted["pictures"][0]["notes"] == []
    assert inverted["pictures"][0]["fitted"].endswith("inverted")


def test_a_model_of_binary_images_gets_binary_pictures(
    run: Apply, files: list[Path], tmp_path: Path
) -> None:
    _, folder = train(tmp_path, "callbacks=none", "logger=none", "data.binarize=threshold")
    code, outcome = run(folder, "score", *files, "--trust", "--to", tmp_path / "out")
    assert (code, outcome["error"]) == (0, None)
    assert all("white where at least half white" in it["fitted"] for it in outcome["pictures"])
    assert all(0 <= it["values"]["rank"] <= 1 for it in outcome["pictures"])


def test_a_second_call_replaces_what_the_first_wrote_and_nothing_else(
    run: Apply, files: list[Path], tmp_path: Path
) -> None:
    to = tmp_path / "out"
    assert run(MODEL, "reconstruct", *files, "--to", to)[0] == 0
    (to / "reconstruct" / "mine.png").write_text("mine")
    (to / "notes.txt").write_text("mine")
    assert run(MODEL, "reconstruct", files[1], "--to", to)[0] == 0
    assert {path.name for path in (to / "reconstruct").iterdir()} == {"b.png", "mine.png"}
    assert (to / "notes.txt").read_text() == "mine"
    # A file of somebody else in the place of a result.
    (to / "reconstruct" / "a.png").write_text("mine")
    code, outcome = run(MODEL, "reconstruct", files[0], "--to", to)
    assert code == 2 and "was not written by this command" in outcome["error"]
    assert (to / "reconstruct" / "a.png").read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sample.png").write_text("mine")
    code, outcome = run(MODEL, "sample", "--to", tmp_path / "other")
    assert code == 2 and "sample.png was not written by this command" in outcome["error"]
    (tmp_path / "mine.csv").write_text("name,number\n")
    code, outcome = run(MODEL, "encode", *files, "--to", tmp_path / "mine.csv")
    assert code == 2 and (tmp_path / "mine.csv").read_text() == "name,number\n"


def test_a_record_of_a_stranger_removes_nothing_elsewhere(
    run: Apply, files: list[Path], tmp_path: Path
) -> None:
    to, precious = tmp_path / "out", tmp_path / "precious.png"
    precious.write_text("mine")
    to.mkdir()
    names = ["../precious.png", str(precious), "reconstruct/../../precious.png"]
    record = {"written_by": "Written by VAE Lab", "files": names}
    (to / "reconstruct.json").write_text(json.dumps(record))
    assert run(MODEL, "reconstruct", *files, "--to", to)[0] == 0
    assert precious.read_text() == "mine"


def test_a_sheet_has_a_limit_and_shows_what_is_missing(tmp_path: Path) -> None:
    tile = Tile(torch.zeros(2, 1, 8, 8), ("a name that is too long for its tile", "note"), 1)
    write_sheet(tmp_path / "sheet.png", [tile] * (MOST_TILES + 1), "Title.")
    few, many = _layout([tile], "T"), _layout([tile] * 20, "T")
    assert many.height > few.height and many.width > few.width
    missing = torch.zeros(8, 8, dtype=torch.bool)
    missing[4:] = True
    image = torch.full((1, 8, 8), 0.9)
    shown = with_checks(image, missing)
    assert torch.equal(shown[:, :4], image[:, :4])
    assert len({*shown[:, 4:].flatten().tolist()}) == 2 and shown[:, 4:].max() < 0.6


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["reconstrut", "a.png"], "reconstrut is not a task.*Did you mean reconstruct"),
        (["a.png"], "a.png is not a task: after the run comes one of reconstruct, encode"),
        (["reconstruct"], "reconstruct takes a file or more, got 0"),
        (["sample", "a.png"], "sample takes no file, got 1"),
        (["interpolate", "a.png"], "interpolate takes two files, the ends, got 1"),
        (["encode", "a.png", "--steps", "3"], "--steps has no effect on encode: it is an option"),
        (["encode", "a.png", "--mask", "m.png"], "--mask has no effect on encode"),
        (["complete", "a.png", "--hide", "half"], "--hide must be one of top, bottom, left"),
        (["complete", "a.png", "--hide", "top", "--mask", "m.png"], "--mask and --hide both"),
        (["complete", "a.png", "--mask", "m.png"], "there is no mask m.png"),
        (["complete", "a.png", "--background", "white"], "takes what is transparent as missing"),
        (["encode", "a.png", "--background", "red"], "--background must be one of black, white"),
        (["score", "a.png", "--num-samples", "1"], "--num-samples must be from 2 to 100,000"),
        (["score", "a.png", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["sample", "--enlarge", "0"], "--enlarge must be from 1 to 100, got 0"),
        (["sample", "--to", "samples.csv"], "sample writes pictures: name a folder with --to"),
        (["encode", ".", "--to", "codes.csv"], "has no picture, here or in sub-folders"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_writes_nothing(
    run: Apply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    to = [] if "--to" in words else ["--to", "out"]
    code, outcome = run(MODEL, *words, *to)
    assert code == 2
    assert "\n" not in outcome["error"]
    assert re.search(expected, outcome["error"])
    assert [*tmp_path.iterdir()] == []


def test_a_model_that_does_not_exist_and_a_place_that_is_not_named(run: Apply) -> None:
    code, outcome = run("example:conv", "sample", "--to", "out")
    assert code == 2 and "example:conv-z10" in outcome["error"]
    code, outcome = run(MODEL, "sample")
    assert code == 2 and outcome["error"] == "say where the results go: --to FOLDER."


@pytest.mark.parametrize("side", [27, 56])
def test_a_mask_of_another_size_is_refused_unless_it_is_the_models(
    run: Apply, files: list[Path], tmp_path: Path, side: int
) -> None:
    large, mask = tmp_path / "large.png", tmp_path / "mask.png"
    Image.fromarray(pixels(files[0]).numpy()).resize((56, 56)).save(large)
    Image.fromarray(np.full((side, side), 255, np.uint8)).save(mask)
    words = ["--mask", mask, "--num-images", 1, "--to", tmp_path / "out"]
    code, outcome = run(MODEL, "complete", large, *words)
    reason = outcome["pictures"][0]["reason"]
    assert (code, reason is None) == ((0, True) if side == 56 else (1, False))
    if side == 27:
        assert reason.startswith("the mask is 27 x 27 and the picture 56 x 56")
