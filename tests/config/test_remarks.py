"""`note=` and `tags=`: what they may be, and that they change nothing that is computed."""

from typing import Any

import pytest

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.check import requirement_broken
from vae_lab.config.compose import Composer
from vae_lab.config.identity import config_hash, run_name
from vae_lab.config.remarks import remarks_in_words, remarks_of
from vae_lab.errors import UserError

COMPOSER = Composer()
ODD = "it's \"odd\", isn't it? (100 %) [x] {y} <b>~ = `c` | \\ äöü 中 $PATH #1"


def test_a_text_with_any_characters_reaches_the_configuration_as_it_is() -> None:
    (job,) = compose_jobs([f"note={ODD}", "tags=[baseline,v1.2,2026,a/b]"])
    assert remarks_of(job.values) == {"note": ODD, "tags": ["baseline", "v1.2", "2026", "a/b"]}


@pytest.mark.parametrize("text", ["~/x is old", "[1,2]", "true", "1e3", "a,b", "null and void"])
def test_a_text_is_nothing_else(text: str) -> None:
    (override,) = COMPOSER.parse([f"note={text}"])
    assert override.value() == text


def test_in_a_sweep_every_job_has_the_note_whose_commas_separate_no_values() -> None:
    jobs = compose_jobs(["-m", "seed=0,1", "note=first, second", "tags=[a,b]"])
    assert [job.values["seed"] for job in jobs] == [0, 1]
    assert {job.values["note"] for job in jobs} == {"first, second"}


def test_they_are_in_no_hash_and_in_no_name() -> None:
    (plain,), (noted,) = compose_jobs([]), compose_jobs(["note=x", "tags=[y]"])
    assert config_hash(plain.values) == config_hash(noted.values)
    assert run_name(noted.choices, 2, {}) == "linear-z2"


@pytest.mark.parametrize(
    ("key", "value", "is_allowed"),
    [
        ("note", None, True),
        ("note", "x" * 500, True),
        ("note", "x" * 501, False),
        ("note", "two\nlines", False),
        ("note", "a\x1b[2J", False),
        ("note", "half \udc80", False),
        ("note", "${seed}", False),
        ("note", 5, False),
        ("tags", [], True),
        ("tags", ["a"] * 20, True),
        ("tags", ["a"] * 21, False),
        ("tags", ["x" * 41], False),
        ("tags", ["two words"], False),
        ("tags", [None], False),
        ("tags", [True], False),
        ("tags", "a", False),
        ("tags", None, False),
    ],
)
def test_what_they_may_be(key: str, value: Any, is_allowed: bool) -> None:
    assert (requirement_broken(key, value) is None) == is_allowed


def test_a_wrong_one_is_answered_in_one_line() -> None:
    with pytest.raises(UserError, match=r"tags must be a list of at most 20 words .*got 'a'"):
        compose_jobs(["tags=a"])


def test_in_words() -> None:
    assert remarks_in_words(None, []) == ""
    assert remarks_in_words("all", ["a", "b"]) == "tags: a, b; note: all"
