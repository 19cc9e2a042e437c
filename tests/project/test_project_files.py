"""The files that a code-hosting site and a citation tool read."""

import re
import tomllib
from datetime import date
from typing import Any

import pytest
import yaml
from repository import ROOT

from vae_lab import __version__

TEMPLATES = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.md"))


def read_yaml(name: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def test_the_citation_has_what_cff_1_2_requires() -> None:
    # https://github.com/citation-file-format/citation-file-format, schema 1.2.0
    cff = read_yaml("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= cff.keys()
    known = "cff-version message title authors abstract type version date-released license keywords"
    assert cff.keys() <= {*known.split(), "references", "url", "repository-code", "doi"}
    assert cff["cff-version"] == "1.2.0"
    assert cff["type"] in ("software", "dataset")
    assert isinstance(cff["date-released"], date)
    assert all(isinstance(word, str) for word in cff["keywords"])
    for entry in (cff, *cff["references"]):
        assert entry["authors"]
        for author in entry["authors"]:
            assert author.keys() <= {"name"} or author.keys() <= {"family-names", "given-names"}
    assert all({"type", "title", "authors"} <= entry.keys() for entry in cff["references"])


def test_version_and_date_are_the_same_everywhere() -> None:
    cff = read_yaml("CITATION.cff")
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    releases = re.findall(r"^## \[(.+)\](?: - (\S+))?$", log, flags=re.MULTILINE)
    assert releases[0] == ("Unreleased", "")
    assert releases[1] == (__version__, str(cff["date-released"]))
    assert str(cff["version"]) == __version__
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (bibtex,) = re.findall(r"```bibtex\n(.*?)```", readme, flags=re.DOTALL)
    fields = dict(re.findall(r"(\w+) = \{+(.+?)\}+,", bibtex))
    assert fields == {
        "title": cff["title"],
        "author": cff["authors"][0]["name"],
        "version": __version__,
        "year": str(cff["date-released"].year),
    }


def test_a_release_of_the_changelog_has_the_sections_of_keep_a_changelog() -> None:
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^### (.+)$", log, flags=re.MULTILINE))
    assert sections <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("name", [path.name for path in TEMPLATES])
def test_an_issue_template_has_a_name_and_says_what_it_is_for(name: str) -> None:
    text = (ROOT / ".github/ISSUE_TEMPLATE" / name).read_text(encoding="utf-8")
    _, header, body = text.split("---\n", 2)
    assert yaml.safe_load(header).keys() >= {"name", "about"}
    assert "**" in body


def test_the_workflow_runs_what_everybody_runs() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    actions = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action) for action in actions)
    assert "secrets" not in text
    versions = job["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={versions[0]}"
