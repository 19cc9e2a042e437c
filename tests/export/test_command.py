"""`python -m vae_lab.export`: what is written, refused and said."""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import SUPPORT
from PIL import Image
from runs import train

import vae_lab
from vae_lab.errors import UserError
from vae_lab.evaluate.values import value_with_error
from vae_lab.export import __main__ as export
from vae_lab.exported import DECODER, ENCODER, is_exported
from vae_lab.run_folder import Number, RunFolder

# In place of an environment without them: importing either is an error.
WITHOUT_TORCH = "import sys; sys.modules.update(torch=None, vae_lab=None); "


def exported(*arguments: str, expected: int = 0) -> None:
    """Runs the command line in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(export.__file__), *arguments])
        if not expected:
            return export.main()
        with pytest.raises(SystemExit) as stop:
            export.main()
    assert stop.value.code == expected


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    overrides = ("callbacks=[progress,samples,reconstructions]", "logger=none")
    return train(tmp_path_factory.mktemp("trained"), *overrides)[1]


@pytest.fixture(scope="module")
def folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that can be exported of a run."""
    target = tmp_path_factory.mktemp("exported") / "model"
    exported(str(run), "--to", str(target), "--license", "mit")
    return target


def card_lines(folder: Path) -> str:
    """The Python that a card shows first."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    return card.split("```python\n")[1].split("\n```")[0]


def run_lines(folder: Path, lines: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH + "\n" + lines],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_ten_lines_of_the_card_use_the_files_without_torch_and_without_vae_lab(
    folder: Path,
) -> None:
    lines = card_lines(folder)
    assert len([line for line in lines.splitlines() if line]) == 10
    assert max(map(len, lines.splitlines())) <= 100
    run_lines(folder, lines)
    drawn = np.asarray(Image.open(folder / "draws.png"))
    assert drawn.shape == (2 * 28, 8 * 28)
    vae = vae_lab.load(folder)
    z = np.random.default_rng(0).standard_normal((8, 2), np.float32)
    images = vae.decode(z)
    for row, values in enumerate((images, vae.reconstruct(images))):
        expected = (255 * values.squeeze(1)).to(torch.uint8).permute(1, 0, 2).reshape(28, -1)
        difference = drawn[28 * row : 28 * (row + 1)].astype(int) - expected.numpy()
        assert np.abs(difference).max() <= 1 and (difference == 0).mean() > 0.99
    (folder / "draws.png").unlink()


def test_an_image_of_ones_own_is_encoded_as_the_card_says(folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    own = card.split("```python\n")[2].split("\n```")[0].replace("FILE", "own.png")
    Image.new("RGB", (40, 60), (255, 0, 0)).save(folder / "own.png")
    setup = card_lines(folder).split("\nz =")[0]
    check = (
        "assert images.shape == (1, 1, 28, 28) and images.dtype == np.float32\n"
        "assert 0 <= images.min() and images.max() <= 1\n"
        "assert encode(None, {'image': images})[0].shape == (1, 2)"
    )
    run_lines(folder, f"{setup}\n{own}\n{check}")
    (folder / "own.png").unlink()


def test_the_card_shows_numbers_and_pictures_of_the_run(run: Path, folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    result = RunFolder(run).require_result()
    assert card.startswith('---\nlicense: "mit"\nlibrary_name: vae-lab\n')
    bound, error = result.metrics["elbo/test"], result.standard_errors["elbo/test"]
    shown = value_with_error(Number("elbo", "", bound, error, {}))
    assert f"{shown} nats".replace(" ", "\u00a0") in card
    assert f"| weights | best, after epoch {result.protocol['weights_epoch']} of 2 (" in card
    assert result.command in card
    known = json.loads((folder / "config.json").read_text())["result"]
    assert known["metrics"] == result.metrics and not {"directory", "note"} & known.keys()
    pictures = {path.name for path in (folder / "pictures").iterdir()}
    assert pictures == {"samples_0002.png", "reconstructions_0002.png"}
    assert all(f"](pictures/{name})" in card for name in pictures)


def test_no_file_of_a_folder_names_a_place_of_the_machine(run: Path, folder: Path) -> None:
    directory = RunFolder(run).require_result().directory
    places = [str(run.parent), str(Path.home()), str(Path.cwd()), directory]
    for path in (it for it in folder.rglob("*") if it.is_file()):
        content = path.read_bytes()
        assert not [place for place in places if place and place.encode() in content], path


def test_a_folder_is_exported_again_with_the_same_files(folder: Path, tmp_path: Path) -> None:
    exported(str(folder), "--to", str(tmp_path / "again"), "--license", "mit")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 8
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes(), file


def test_a_learned_prior_comes_as_draws(tmp_path: Path) -> None:
    _, trained = train(tmp_path, "callbacks=none", "logger=none", "prior=gaussian_mixture")
    target = tmp_path / "exported"
    exported(str(trained), "--to", str(target))
    draws = np.load(target / "prior_draws.npy")
    expected = vae_lab.load(trained).model.prior.mean()
    assert draws.shape == (1000, 2) and draws.dtype == np.float32
    np.testing.assert_allclose(draws.mean(axis=0), expected.detach(), atol=0.2)
    lines = card_lines(target)
    assert 'z = np.load("prior_draws.npy")[:8]' in lines
    run_lines(target, lines)
    assert (target / "draws.png").exists()


def test_parts_are_left_out(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "small"
    without = ("--without", "onnx", "--without", "pictures")
    exported(str(run), "--to", str(target), *without)
    assert sorted(path.name for path in target.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "test_bounds.json",
    ]
    card = (target / "README.md").read_text(encoding="utf-8")
    assert "are not in this folder" in card and "onnxruntime" not in card
    assert torch.equal(vae_lab.load(target).sample(3, seed=0), vae_lab.load(run).sample(3, seed=0))


def test_the_outcome_is_one_json_document(
    run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "with space"
    exported(str(run), "--to", str(target), "--without", "onnx", "--json")
    outcome = json.loads(capfd.readouterr().out)
    assert outcome["command"] == "export" and outcome["exit_code"] == 0
    assert outcome["weights"] == "best" and outcome["largest_difference"] is None
    assert "model.safetensors" in outcome["files"]
    assert outcome["upload"] == f"hf upload USER/with-space '{target}' ."


def refused(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    exported(*arguments, expected=2)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_what_is_no_finished_run_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "target")
    error = refused([str(tmp_path), "--to", target], capsys)
    assert "is not a run" in error
    error = refused(["example:conv", "--to", target], capsys)
    assert "name one of example:conv-z10" in error
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "result.json").write_text('{"status": "interrupted"}')
    error = refused([str(unfinished), "--to", target], capsys)
    assert "is not finished (status of the run: interrupted)" in error
    assert not Path(target).exists()


def test_a_folder_that_holds_something_is_left_as_it_is(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    error = refused([str(run), "--to", str(tmp_path)], capsys)
    assert "is not empty: remove it, or name another folder with --to FOLDER" in error
    error = refused([str(run), "--to", str(tmp_path / "notes.txt")], capsys)
    assert "notes.txt is a file" in error
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_without_the_extra_the_line_to_type_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(name: str) -> Any:
        return None if name.startswith("onnx") else find_spec(name)

    monkeypatch.setattr(export, "find_spec", found)
    error = refused([str(run), "--to", str(tmp_path / "target")], capsys)
    assert "onnx, onnxscript, onnxruntime is not installed" in error
    assert "pip install 'vae-lab[export]', or leave the graphs out with --without onnx" in error
    exported(str(run), "--to", str(tmp_path / "target"), "--without", "onnx")


OWN = '''
from user_networks import Encoder


class Branches(Encoder):
    """Takes one of two ways by what it sees."""

    def forward(self, x):
        posterior = super().forward(x)
        return posterior if x.sum() > 0 else posterior.map(lambda field: -field)
'''


def test_a_network_of_ones_own_that_no_graph_can_be_made_of_leaves_the_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own_branches.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(SUPPORT))
    encoder = ("model.encoder._target_=own_branches.Branches", "~model.encoder.hidden_dims")
    more = ("callbacks=none", "logger=none", "+model.encoder.width=8")
    _, trained = train(tmp_path, *encoder, *more)
    target = tmp_path / "exported"
    error = refused([str(trained), "--to", str(target)], capsys)
    assert "add --trust if it is your own" in error
    exported(str(trained), "--to", str(target), "--trust", expected=1)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert (
        "has no encoder.onnx and decoder.onnx: torch cannot export own_branches.Branches" in error
    )
    assert is_exported(target) and not any((target / name).exists() for name in (ENCODER, DECODER))
    assert "torch cannot export" in (target / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UserError, match="not trusted"):
        vae_lab.load(target)
    assert vae_lab.load(target, trust=True).sample(2, seed=0).shape == (2, 1, 28, 28)


def test_help_fits_a_screen() -> None:
    assert export.argument_parser().format_help().count("\n") < 40
