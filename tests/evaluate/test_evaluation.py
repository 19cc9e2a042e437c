"""The command that evaluates a finished run: its card, its file, and wrong input of every kind."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from runs import SMALL, evaluated, train

from vae_lab.errors import UserError
from vae_lab.evaluate import __main__, evaluation
from vae_lab.evaluate.requests import Request, check
from vae_lab.run_folder import Number


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    _, folder = train(tmp_path_factory.mktemp("evaluated"), "callbacks=none", "logger=none")
    return folder


@pytest.fixture
def run_folder(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def test_the_card_and_the_file_hold_every_number_with_its_protocol(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(run_folder)
    (path,) = run_folder.glob("evaluation-*.json")
    assert json.loads(path.read_text()) == found
    shown = capsys.readouterr().out
    for name, number in found["numbers"].items():
        assert name in shown
        assert math.isfinite(number["value"])
        for key in ("data", "split", "targets", "weights", "seed"):
            assert key in number["protocol"], f"{name} says its {key}"
    for name, number in found["picture_metrics"].items():
        assert number["words"]
        # Those of one thing of another stand in a table.
        assert all(part in shown for part in name.split("_of_"))
    assert "iw_bound, bits_per_dimension, gap_elbo_to_iw_bound, exact" in shown
    assert "these are not likelihoods" in shown
    numbers = {name: number["value"] for name, number in found["numbers"].items()}
    result = json.loads((run_folder / "result.json").read_text())
    assert numbers["elbo"] == pytest.approx(result["metrics"]["elbo/test"], rel=1e-6)
    assert numbers["bits_per_dimension"] == pytest.approx(
        -numbers["iw_bound"] / (784 * math.log(2))
    )
    assert numbers["gap_iw_bound_to_exact"] == pytest.approx(numbers["exact"] - numbers["iw_bound"])
    protocol = found["numbers"]["iw_bound"]["protocol"]
    assert (protocol["samples"], protocol["images"]) == (20, 10)
    assert protocol["targets_are_means"] is True
    shares = found["picture_metrics"]["digits_of_samples"]["value"]
    assert sum(shares.values()) == pytest.approx(1)


def test_a_reader_gets_every_number_as_it_was_written(run_folder: Path) -> None:
    for name, record in evaluated(run_folder)["numbers"].items():
        number = Number.from_json(name, record)
        assert number.name == name and number.to_json() == record
    # A run from before numbers had words.
    old: dict[str, Any] = {"value": 0.5, "standard_error": None, "protocol": {}, "by_step": [1.0]}
    number = Number.from_json("precision_of_samples", old)
    assert (number.words, number.details) == ("precision of samples", {"by_step": [1.0]})


def test_an_evaluation_repeats_and_other_protocols_get_other_files(run_folder: Path) -> None:
    first = evaluated(run_folder)
    (path,) = run_folder.glob("evaluation-*.json")
    path.unlink()
    again = evaluated(run_folder, "decoder_batch=7")
    assert list(run_folder.glob("evaluation-*.json")) == [path]
    for name, number in first["numbers"].items():
        assert again["numbers"][name]["value"] == pytest.approx(number["value"], rel=1e-5)
    evaluated(run_folder, "seed=1")
    evaluated(run_folder, "split=val", "weights=last")
    assert len(list(run_folder.glob("evaluation-*.json"))) == 3


def test_what_was_measured_is_not_measured_again(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = evaluated(run_folder)
    # A data set whose images cannot have changed is not even loaded.
    monkeypatch.setattr(Request, "has_fixed_images", True)
    monkeypatch.setattr(evaluation, "evaluate", None)
    capsys.readouterr()
    assert evaluated(run_folder) == first
    told = capsys.readouterr()
    assert "measured before: " in told.out and "iw_bound" in told.out and told.err == ""
    # Images that may be others are looked at first.
    monkeypatch.setattr(Request, "has_fixed_images", False)
    assert evaluated(run_folder) == first


def test_numbers_of_earlier_weights_are_measured_again(run_folder: Path) -> None:
    first = evaluated(run_folder)
    (path,) = run_folder.glob("evaluation-*.json")
    first["protocol"]["weights_epoch"] -= 1
    path.write_text(json.dumps(first))
    assert evaluated(run_folder)["protocol"]["weights_epoch"] > first["protocol"]["weights_epoch"]


def test_binary_targets_have_the_same_names_and_say_in_the_protocol_that_they_are_binary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = train(
        tmp_path, "callbacks=none", "logger=none", "data.binarize=dynamic", "latent_dim=3"
    )
    numbers = evaluated(folder)["numbers"]
    assert numbers["iw_bound"]["protocol"]["targets_are_means"] is False
    assert numbers["iw_bound"]["protocol"]["binarize"] == "dynamic"
    assert "not likelihoods" not in capsys.readouterr().out
    assert "exact" not in numbers, "the grid is for two dimensions"


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "num_samples=0"], "num_samples must be a whole number of at least 1, got 0"),
        (["RUN", "K=0"], "unknown key K: K is num_samples"),
        (["RUN", "num_smaples=3"], "did you mean num_samples"),
        (["RUN", "num_images=1"], "num_images must be a whole number of at least 2"),
        (["RUN", "split=train"], "split must be test or val"),
        (["RUN", "weights=first"], "weights must be best, last or null"),
        (["RUN", "seed=-1"], "seed must be a whole number of at least 0"),
        (["RUN", "trust=maybe"], "trust must be true or false"),
        (["RUN", "num_samples=[5"], "cannot be read: close each bracket and quote"),
        (["RUN", "data_path="], "data_path is empty: name a path, or leave data_path out"),
        (["num_samples=3"], "name the folder of a run or of a sweep"),
        (["RUN/checkpoints"], "is not a run"),
        (["RUN/nowhere"], "is not a folder"),
        (
            ["RUN", "--num-images", "9"],
            "there is no flag --num-images: a setting is one word, num_",
        ),
        (["RUN", "--num_images=9"], "there is no flag --num_images=9: "),
    ],
)
def test_wrong_input_is_one_line(run_folder: Path, arguments: list[str], message: str) -> None:
    before = files(run_folder)
    with pytest.raises(UserError, match=message) as error:
        check([word.replace("RUN", str(run_folder)) for word in arguments])
    assert "\n" not in str(error.value)
    assert files(run_folder) == before


@pytest.mark.parametrize("path", ["7", "1e3", "true", "[x].npz", "{a}"])
def test_a_path_is_what_was_typed(run_folder: Path, path: str) -> None:
    (request,) = check([str(run_folder), f"data_path={path}"]).requests
    assert request.settings["data_path"] == path


def test_a_config_of_another_run_is_refused(run_folder: Path) -> None:
    path = run_folder / "config.yaml"
    path.write_text(path.read_text().replace("latent_dim: 2", "latent_dim: 3"))
    with pytest.raises(UserError, match=r"is not the configuration of this run"):
        check([str(run_folder)])


def test_a_missing_checkpoint_is_named(run_folder: Path) -> None:
    shutil.rmtree(run_folder / "checkpoints")
    with pytest.raises(UserError, match="has no checkpoint best or last"):
        check([str(run_folder)])


def spoil_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def spoil_other_config(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    torch.save(checkpoint | {"config_hash": "0123456789ab"}, path)


def spoil_other_sizes(path: Path) -> None:
    checkpoint = torch.load(path, weights_only=True)
    key = next(iter(checkpoint["state_dict"]))
    checkpoint["state_dict"][key] = torch.zeros(3, 3)
    torch.save(checkpoint, path)


def spoil_kind(path: Path) -> None:
    torch.save([1, 2], path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_truncated, "is not a whole checkpoint"),
        (spoil_other_config, "belongs to another configuration"),
        (spoil_other_sizes, "belongs to another configuration"),
        (spoil_kind, "is not a whole checkpoint"),
    ],
)
def test_a_spoilt_checkpoint_is_one_line_and_nothing_is_written(
    spoil: Any, message: str, run_folder: Path, monkeypatch: Any, capsys: Any
) -> None:
    spoil(run_folder / "checkpoints" / "best.ckpt")
    before = files(run_folder)
    monkeypatch.setattr(sys, "argv", ["evaluate", str(run_folder), *SMALL])
    with pytest.raises(SystemExit) as stop:
        __main__.main()
    assert stop.value.code == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert message in said[0]
    assert files(run_folder) == before


def test_a_class_from_outside_is_refused_without_trust(run_folder: Path) -> None:
    with pytest.raises(UserError, match="is not trusted"):
        __main__.evaluate_run(*check([str(run_folder)]).requests)


def test_the_command_answers_before_torch_is_imported(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vae_lab.evaluate", str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "is not a run" in done.stderr
    assert "| torch\n" not in done.stderr
