"""Values as the shell hands them over reach the configuration unchanged."""

import re
from pathlib import Path

import pytest
from hydra.types import RunMode
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_lab.config.compose import Composer
from vae_lab.config.identity import run_name
from vae_lab.errors import UserError

COMPOSER = Composer()


def value(line: str, *, sweep: bool = False) -> object:
    """Returns what one typed line sets a key to."""
    (override,) = COMPOSER.parse([line], sweep=sweep)
    return override.value()


PATHS = (
    *("my images (1).npz", "Größe äöü", "写真.npz", "eq=al.npz", "comma,name.npz", "#1 [x] {y}"),
    *("it's.npz", 'a"b.npz', "C:\\Users\\me\\x (1).npz", "\\\\server\\share", "trailing\\"),
    *("2024", "1e3", "true", "007", "a  b", " a ", "choice(1).npz", "a&b;c!*?<|>", "${seed", "$x"),
    *("x\ny", "range(1,3)", "a:b@c%d", "[a", "{a", "~user/x", "x/~/y", "a\\b\\c", "1,2", "-", "_"),
)


@pytest.mark.parametrize("key", ["data.path", "hydra.run.dir", "resume", "data.root", "run_name"])
@pytest.mark.parametrize("text", PATHS)
def test_a_text_is_taken_as_it_is(key: str, text: str) -> None:
    assert value(f"{key}={text}") == text


@settings(deadline=None, derandomize=True)
@given(st.text(min_size=1))
def test_any_text_is_taken_as_it_is(text: str) -> None:
    is_hydras = re.search(r"\\[()\[\]{}:=, ]", text) or re.fullmatch(
        r"'.*'|\".*\"", text, re.DOTALL
    )
    if not is_hydras and text.strip(" '\"") and text not in ("null", "~") and text[:2] != "~/":
        assert value(f"data.path={text}") == text


def test_the_home_folder_is_known_and_nothing_is_no_path() -> None:
    assert value("data.path=~/x (1)") == str(Path.home() / "x (1)")
    assert value("logger.mlflow.tracking_uri=~/x") == str(Path.home() / "x")
    for line in ("data.path=", "hydra.run.dir=''", 'resume=""', "sweep_name= "):
        with pytest.raises(UserError, match="is empty: write"):
            value(line)


def test_the_grammar_of_hydra_is_there_for_quotes_lists_and_sweeps() -> None:
    assert value("data.path='q d.npz'") == value('data.path="q d.npz"') == "q d.npz"
    assert value("data.path=a\\=b\\,c") == "a=b,c"
    assert value("run_name=null") is None and value("run_name='null'") == "null"
    assert value("model.hidden_dims=[512,256]") == [512, 256]
    assert value("optimizer={lr:1}") == {"lr": 1}

    def swept(line: str) -> list[object]:
        (override,) = COMPOSER.parse([line], sweep=True)
        return [*override.sweep_string_iterator()]

    assert swept("latent_dim=2,10") == ["2", "10"]
    assert swept("seed=range(0,3)") == ["0", "1", "2"]
    assert swept("data.path=写 (1).npz,b c.npz") == ["'写 (1).npz'", "'b c.npz'"]
    assert swept("data.path='a,b',c") == ["'a,b'", "'c'"]
    assert swept("data.path=choice(a,b)") == ["a", "b"]
    assert value("sweep_name=a,b=c", sweep=True) == "a,b=c"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("model", "'model' names no option: write model=OPTION, one of burda, conv"),
        ("help", "'help' is not a setting: write key=value, or see python -m vae_lab --help."),
        ("model.hidden_dims=[512,", "is not a complete list: write it without spaces"),
        ("model=", "model= is not an option: choose from burda, conv"),
        ("model=3", "model=3 is not an option: choose from burda, conv"),
        ("model.=1", "cannot be read: write key=value or group=option, and a text"),
        ("prior=null", "prior=null is not an option: choose from gaussian_mixture"),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_to_write(line: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        value(line)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("line", "start", "end"),
    [
        (
            "callbacks=[samples,map]",
            "callbacks=map does not exist: choose from ",
            "traversals.",
        ),
        ("data=photos/", "data=photos does not exist: choose from cifar10, ", "data.path=FOLDER."),
        ("data=my (1).npz", "data=my (1).npz does not exist: ", "data.path=FOLDER."),
        ("hydra.job=x", "hydra.job=x cannot be set: the key takes another kind", " of value."),
        ("x@y=1", "x@y names a package with @, which no key here has", "write key=value."),
        ("model@x=conv", "model is chosen without @", "write model=OPTION."),
        ("+model=conv", "model is chosen without +", "write model=OPTION."),
        ("++model=conv", "model is chosen without +", "write model=OPTION."),
        ("~nothing", "~nothing removes nothing, since there is no such key", "leave it out."),
        ("~hydra.run", "hydra.run cannot be removed, only changed", "leave ~hydra.run out."),
        ("hydra.searchpath=5", "hydra.searchpath must be a list of folders", "[file://conf]."),
    ],
)
def test_an_option_that_does_not_exist_is_answered_with_those_that_do(
    line: str, start: str, end: str
) -> None:
    overrides = [str(override.input_line) for override in COMPOSER.parse([line])]
    with pytest.raises(UserError) as error:
        COMPOSER.job(overrides, RunMode.RUN)
    said = str(error.value)
    assert said.startswith(start) and said.endswith(end) and "\n" not in said


@pytest.mark.parametrize(
    ("key", "text", "part"),
    [
        ("data.path", "photos/Größe äöü.npz", "Größe-äöü"),
        ("data.path", "हिन्दी", "हिन्दी"),
        ("data.path", "cafe\u0301", "café"),
        ("data.path", "写真 (1)", "写真-1"),
        ("objective.beta", "0.5", "beta0.5"),
        ("model.hidden_dims.0", "128", "hidden_dims0-128"),
        ("trainer.max_epochs", "5", "epochs5"),
    ],
)
def test_a_name_keeps_letters_and_says_which_key(key: str, text: str, part: str) -> None:
    choices = {"model": "linear", "data": "mnist"}
    assert run_name(choices, 2, {key: text}) == f"linear-z2-{part}"


def test_what_a_name_loses_is_told_apart() -> None:
    choices = {"model": "linear", "data": "mnist"}
    assert run_name(choices, 2, {"data.path": "!!!"}) == "linear-z2"
    assert run_name(choices, 2, {"x": "a_b"}) != run_name(choices, 2, {"x": "a-b"})
