"""`--help` of every command: two screens, and the meaning of each word beside it."""

import importlib
import sys
from contextlib import suppress

import pytest

from vae_lab.cli.main import main
from vae_lab.config.descriptions import Descriptions

GROUPS = Descriptions().groups


def shown(
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    module: str = "vae_lab",
    columns: int = 100,
) -> str:
    """What a command prints for the words of its command line; it must succeed."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "argv", [module, *words.split()])
    # The explorer's command is one file, not a package.
    file = module if module == "vae_lab.explore" else f"{module}.__main__"
    run = main if module == "vae_lab" else importlib.import_module(file).main
    with suppress(SystemExit):
        run()
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_fits_two_screens_and_names_every_group_option_and_key(
    flag: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown(flag, capsys, monkeypatch)
    lines = text.splitlines()
    assert len(lines) <= 60 and max(map(len, lines)) <= 100
    words = text.replace(",", " ").split()
    for group in GROUPS.values():
        assert {group.name, *group.options} <= set(words) and group.sentence in text
    for key in Descriptions().top_level():
        assert f"  {key.name} " in text
    assert text.count("\n  python -m vae_lab") == 4


def test_help_fits_a_narrow_terminal_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = shown("--help", capsys, monkeypatch, columns=80).splitlines()
    assert len(lines) <= 68 and max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "module", ["vae_lab.evaluate", "vae_lab.report", "vae_lab.explore", "vae_lab.board"]
)
def test_the_other_commands_look_alike(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown("--help", capsys, monkeypatch, module=module)
    lines = text.splitlines()
    assert lines[0].startswith(f"usage: python -m {module} ")
    assert lines[2].endswith(".") and lines[4] == "Examples"
    # An evaluation has the keys of three subjects.
    most = 50 if module == "vae_lab.evaluate" else 40
    assert len(lines) <= most and max(map(len, lines)) <= 100
    assert shown("-h", capsys, monkeypatch, module=module) == text


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("model", ["model: Encoder", "conv    Convolutional", "model.num_blocks", "resnet: 1e-3"]),
        ("model=conv", ["model=conv", "308,357 parameters", "Default: 5e-3."]),
        ("latent_dim", ["The number of latent dimensions", "a whole number of at least 1"]),
        ("latent_dim=2,3", ["The number of latent dimensions"]),
        ("trainer.max_epochs", ["Default: 20 (debug: 1)."]),
        ("trainer.max_time", ["Default: null.", "days:hours:minutes:seconds"]),
        ("callbacks", ["default", "samples", "--help callbacks=traversals"]),
        ("callbacks=[default,samples]", ["Consists of: progress", "callbacks.samples.columns"]),
        ("callbacks.samples", ["callbacks.samples.scale"]),
        ("lr", ["  model.lr", "  optimizer.lr", "Only with optimizer=muon."]),
        ("digits", ["data=digits", "1,797"]),
        ("report", ["picture_metrics@report: ", "report.num_images"]),
        ("experiment=reference", ["Sweep:   python -m vae_lab", "commit acbe525"]),
        ("objective=beta_tc", ["Not with prior=gaussian_mixture or vamp: "]),
        ("hydra/launcher=joblib", ["hydra.launcher.n_jobs"]),
    ],
)
def test_a_word_beside_help_is_explained(
    words: str,
    parts: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = shown(f"--help {words}", capsys, monkeypatch)
    for part in parts:
        assert part in text
    assert max(map(len, text.splitlines())) <= 100


def test_evaluate_explains_its_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shown("--help num_samples", capsys, monkeypatch, module="vae_lab.evaluate")
    assert "importance-weighted bound" in text and "Default: 500." in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--help nonsense",
            "there is no help about nonsense: choose a group (model, optimizer, data, ",
        ),
        ("--help latent_dims", "there is no help about latent_dims: did you mean latent_dim?"),
        ("--help epochs", "there is no help about epochs: did you mean trainer.max_epochs?"),
        ("--help dataset", "there is no help about dataset: did you mean data?"),
        ("--help model=big", "model=big does not exist: choose from linear, burda, conv, resnet."),
    ],
)
def test_an_unknown_word_is_answered_by_the_choices(
    words: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["vae-lab", *words.split()])
    with pytest.raises(SystemExit) as stop:
        main()
    captured = capsys.readouterr()
    assert captured.err.startswith(f"vae-lab: error: {message}") and captured.err.count("\n") == 1
    assert captured.out == "" and stop.value.code == 2
