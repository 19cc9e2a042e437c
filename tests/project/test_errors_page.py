"""docs/reference/errors.md quotes what the programs print, word by word."""

import math
import re
import shlex
import sys
from pathlib import Path

import pytest
from repository import ROOT

from vae_lab import explore
from vae_lab.apply import __main__ as apply
from vae_lab.cli import main
from vae_lab.errors import NonFiniteError
from vae_lab.evaluate import __main__ as evaluate
from vae_lab.export import __main__ as export
from vae_lab.report import __main__ as report
from vae_lab.terminal import in_this_shell

PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")

PROGRAMS = {
    "vae_lab": main.main,
    "vae_lab.apply": apply.main,
    "vae_lab.evaluate": evaluate.main,
    "vae_lab.report": report.main,
    "vae_lab.explore": explore.main,
    "vae_lab.export": export.main,
}

QUOTED = re.findall(r"```text\n\$ python -m (\S+) (.*)\n([^`]*)\n```", PAGE)


def test_the_page_has_examples_of_every_program() -> None:
    assert {program for program, _, _ in QUOTED} == set(PROGRAMS)
    assert PAGE.count("\n$ ") == len(QUOTED) > 15


@pytest.mark.parametrize(("program", "words", "quoted"), QUOTED)
def test_a_wrong_command_is_answered_as_the_page_says(
    program: str,
    words: str,
    quoted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [program, *shlex.split(words)])
    # A command that another test imported is run from its file all the same.
    monkeypatch.delitem(sys.modules, main.COMMANDS.get(shlex.split(words)[0], ""), raising=False)
    with pytest.raises(SystemExit) as stop:
        PROGRAMS[program]()
    # The page writes python; the program writes how this shell finds it.
    python = in_this_shell("python ").strip()
    printed = capsys.readouterr().err.replace(python, "python")
    assert printed.count("\n") == 1
    assert printed.split() == quoted.split()
    assert stop.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_the_message_of_a_loss_that_is_not_a_number_is_the_programs() -> None:
    terms = {"loss": math.nan, "elbo": math.nan}
    facts = {"epoch": 3, "step": 1025, "lr": 0.01}
    error = NonFiniteError("train", terms=terms, facts=facts)
    assert str(error) in " ".join(PAGE.split())
