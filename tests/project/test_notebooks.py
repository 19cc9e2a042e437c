"""The notebooks of docs/notebooks: their form, their links, and that their commands are right.

`make docs` executes them; nothing is executed here.
"""

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest
from repository import ROOT

FOLDER = ROOT / "docs/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
HEADER = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # """

Cell = tuple[bool, str]  # whether it is Markdown, and its text


def cells_of(text: str) -> list[Cell]:
    """Returns the cells of a percent script."""
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return [
        (True, re.sub(r"^# ?", "", body, flags=re.MULTILINE))
        if "markdown" in kind
        else (False, body)
        for kind, body in pairs
    ]


def train_calls(code: str, lists: dict[str, list[str]]) -> list[list[str]]:
    """Returns the overrides of each training; `lists` are those that a star stands for.

    Trainings are calls of `train`, or of `vae_lab.train` and `vae_lab.sweep`. What a notebook tries
    in order to show an error is none.
    """
    calls = []
    tree = ast.parse(code)
    tried = [node for part in ast.walk(tree) if isinstance(part, ast.Try) for node in part.body]
    wrong = {node for part in tried for node in ast.walk(part)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node in wrong:
            continue
        name = ast.unparse(node.func)
        if name in ("train", "vae_lab.train", "vae_lab.sweep"):
            array = any(keyword.arg == "data" for keyword in node.keywords)
            images = ["data=npz", "data.path=images.npz"] * array
            calls.append([*["-m"] * name.endswith("sweep"), *images, *_texts(node.args, lists)])
    return calls


def _is_overrides(node: ast.expr) -> TypeGuard[ast.List]:
    return isinstance(node, ast.List) and any(
        isinstance(item, ast.Constant) and "=" in str(item.value) for item in node.elts
    )


def _texts(nodes: list[ast.expr], lists: dict[str, list[str]]) -> list[str]:
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            texts += lists[ast.unparse(node.value)]
        else:
            texts.append(ast.literal_eval(node))
    return texts


def commands_of(cells: list[Cell]) -> list[list[str]]:
    """Returns the overrides of each training of a notebook, those of its exercises too."""
    lists: dict[str, list[str]] = {}
    commands = []
    for is_markdown, text in cells:
        if not is_markdown:
            for node in ast.parse(text).body:
                if isinstance(node, ast.Assign) and _is_overrides(node.value):
                    name = ast.unparse(node.targets[0])
                    lists[name] = _texts(node.value.elts, lists)
            commands += train_calls(text, lists)
    for exercise in exercises_of(cells):
        spans = re.findall(r"`([^`]+)`", exercise)
        calls = [call for span in spans if "train(" in span for call in train_calls(span, lists)]
        overrides = [span.strip('"') for span in spans if re.fullmatch(r'"[\w.]+=[^"]+"', span)]
        commands += calls or ([["-m", "data=digits", *overrides]] if overrides else [])
    return commands


def exercises_of(cells: list[Cell]) -> list[str]:
    """Returns the numbered exercises at the end of a notebook, each in one line."""
    _, _, text = cells[-1][1].partition("## Exercises\n")
    numbered = re.split(r"^\d\. ", text.partition("\n## ")[0], flags=re.MULTILINE)[1:]
    return [" ".join(exercise.split()) for exercise in numbered]


def test_there_are_seven() -> None:
    assert len(NOTEBOOKS) == 7
    assert not [*ROOT.glob("docs/**/*.ipynb")], "outputs are made when the site is built"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_its_header_and_its_parts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cells = cells_of(text)
    assert text.startswith(HEADER)
    for part in ("You will learn\n", "**Time:**"):
        assert part in cells[0][1]
    assert len(exercises_of(cells)) == 3
    assert "## Next\n" in cells[-1][1] and cells[-1][1].count("](") >= 3
    code = [body for is_markdown, body in cells if not is_markdown]
    assert sum(body.count("assert ") for body in code) >= 3
    assert max(len(body.splitlines()) for body in code) <= 45


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jupytext_reads_the_same_cells(path: Path) -> None:
    jupytext = pytest.importorskip("jupytext", reason="needs the extra docs")
    text = path.read_text(encoding="utf-8")
    notebook = jupytext.reads(text, fmt="py:percent")
    found = [cell.cell_type == "markdown" for cell in notebook.cells]
    assert found == [is_markdown for is_markdown, _ in cells_of(text)]
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_in_the_table_the_contents_and_the_tutorial(path: Path) -> None:
    for page, link in {
        "docs/index.md": f"notebooks/{path.stem}\n",
        "docs/notebooks/index.md": f"]({path.name})",
        "docs/start/tutorial.md": f"](../notebooks/{path.name})",
    }.items():
        assert link in (ROOT / page).read_text(encoding="utf-8"), page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_trainings_of_a_notebook_and_of_its_exercises_would_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vae_lab.cli.jobs import compose_jobs

    monkeypatch.chdir(tmp_path)
    commands = commands_of(cells_of(path.read_text(encoding="utf-8")))
    assert len(commands) >= 3
    for arguments in commands:
        assert compose_jobs(arguments), arguments


def test_commands_are_read_from_code_and_exercises() -> None:
    code = 'base = ["a=1"]\nmore = [*base, "b=2"]\ntrain("-m", *more, "c=3")\n'
    text = '## Exercises\n1. Do `train(*base,\n"d=4")`.\n2. Add `"e=5"`, `"f=6"`.\n3. Think.\n'
    assert commands_of([(False, code), (True, text)]) == [
        ["-m", "a=1", "b=2", "c=3"],
        ["a=1", "d=4"],
        ["-m", "data=digits", "e=5", "f=6"],
    ]


def test_calls_from_python_are_read_as_command_lines() -> None:
    code = 'vae_lab.train("a=1")\nvae_lab.sweep("a=1,2", "b=3")\nvae_lab.train("c=4", data=x)\n'
    assert commands_of([(False, code), (True, "## Exercises\n1. Think.\n")]) == [
        ["a=1"],
        ["-m", "a=1,2", "b=3"],
        ["data=npz", "data.path=images.npz", "c=4"],
    ]
