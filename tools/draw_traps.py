"""Draws docs/traps/images/ and writes the gallery into docs/traps/index.md.

    make traps

Each file of docs/traps/GROUP/ makes one mistake on purpose. It has `wrong` and `right` beside each
other, `numbers()` with the result of both, and `draw()`. Its docstring is the text of its section:
heading, symptom, mistake, how to notice it, the fix, the test of ours that finds it.
"""

import importlib
import inspect
import io
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from PIL import Image

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "traps"
PAGE, IMAGES = FOLDER / "index.md", FOLDER / "images"
GROUPS = ("loss", "evaluation", "likelihood", "randomness", "pictures", "optimisation")
MARK = "<!-- Below, `make traps` writes: change docs/traps/*/*.py. -->\n"


@cache
def traps() -> dict[str, ModuleType]:
    """Returns the traps by name, in the order of the page."""
    if str(FOLDER.parent) not in sys.path:
        sys.path.insert(0, str(FOLDER.parent))
    return {
        path.stem: importlib.import_module(f"traps.{group}.{path.stem}")
        for group in GROUPS
        for path in sorted((FOLDER / group).glob("*.py"))
    }


def group_of(trap: ModuleType) -> str:
    return trap.__name__.split(".")[1]


def paragraphs(trap: ModuleType) -> tuple[str, str, list[str], dict[str, str]]:
    """Returns heading, symptom, the paragraphs of the mistake, and those that have a name."""
    heading, symptom, *rest = inspect.cleandoc(trap.__doc__ or "").split("\n\n")
    named = dict(part.split(": ", 1) for part in rest[-3:])
    return heading.rstrip("."), symptom.removeprefix("Symptom: "), rest[:-3], named


def anchor(heading: str) -> str:
    """Returns what a code-hosting site and MyST make of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def overview() -> Iterator[str]:
    """Yields the lines of the table of all traps."""
    yield from ("| trap | symptom |", "| --- | --- |")
    group = ""
    for trap in traps().values():
        if group_of(trap) != group:
            group = group_of(trap)
            yield f"| **{group.capitalize()}** | |"
        heading, symptom, *_ = paragraphs(trap)
        yield f"| [{heading}](#{anchor(heading)}) | {symptom} |"


@cache
def numbers(name: str) -> dict[str, tuple[str, float, float, int]]:
    """Returns the numbers of a trap: words, wrong, right, decimals."""
    return dict(traps()[name].numbers())


def section(name: str) -> str:
    """Returns the text of a trap."""
    trap = traps()[name]
    heading, symptom, mistake, named = paragraphs(trap)
    code = "\n\n".join(inspect.getsource(part) for part in (trap.wrong, trap.right))
    rows = [
        # Adding 0 turns -0.0 into 0.0.
        f"| {words} | {round(wrong, decimals) + 0.0:,.{decimals}f} "
        f"| {round(right, decimals) + 0.0:,.{decimals}f} |"
        for words, wrong, right, decimals in numbers(name).values()
    ]
    parts = [
        f"### {heading}",
        *mistake,
        f"```python\n{code}```",
        f"![{symptom}](images/{name}.png)",
        "\n".join(["| | wrong | right |", "| --- | --- | --- |", *rows]),
        f"**How to notice.** {named['How to notice']}",
        f"**Fix.** {named['Fix']}",
        f"Our test: `{named['Test']}` ([all tests of this kind](../../tests/README.md)). "
        f"Code: `docs/traps/{group_of(trap)}/{name}.py`.",
    ]
    return "\n\n".join(parts)


def gallery() -> str:
    """Returns what stands below the mark."""
    parts = ["\n".join(overview())]
    for group in GROUPS:
        parts.append(f"## {group.capitalize()}")
        parts += [section(name) for name, trap in traps().items() if group_of(trap) == group]
    return "\n\n".join(parts) + "\n"


def draw(name: str) -> None:
    """Draws one picture, 1280 pixels wide for a page of 640, in few colours."""
    buffer = io.BytesIO()
    traps()[name].draw().savefig(buffer, dpi=200)
    picture = Image.open(buffer).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    torch.set_num_threads(1)  # the models are too small to share
    for name in sys.argv[1:] or traps():
        draw(name)
        print(f"docs/traps/images/{name}.png", flush=True)
    above = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(f"{above}{MARK}\n{gallery()}", encoding="utf-8")


if __name__ == "__main__":
    main()
