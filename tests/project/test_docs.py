"""The documentation as a site that hosts the repository shows it: plain Markdown, without Sphinx.

`make docs` checks the built site. Here every file is read as it is: links, anchors, pictures, what
the source is said to hold.
"""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from repository import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for pattern in ("*.md", "bench/*.md", "tests/*.md", ".github/**/*.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
)
SCRIPTS = sorted(DOCS.glob("*/**/*.py"))  # notebooks and traps: their text is in comments
LINK = re.compile(
    r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)|<(?:img|a)[^>]* (?:src|href)=\"([^\"]+)\""
)
PICTURES = (".png", ".gif", ".svg", ".jpg")
# What a reader makes, in place of what the repository holds.
THE_READERS = re.compile(r"^(?:my|your)[_-]|^(?:outputs|data)/|NAME|FOLDER|SWEEP|[*<{]")
# Names of files that a run or a sweep leaves behind, or that a reader's own tools write.
OF_A_RUN = {"config.yaml", "overrides.yaml", "hydra.yaml", "multirun.yaml", "report.md"}
OF_A_RUN |= {"optimization_results.yaml"}  # Optuna


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def ids(paths: list[Path]) -> list[str]:
    return [relative(path) for path in paths]


@cache
def text_of(path: Path) -> str:
    """Returns a page without its blocks of code, or the comments of a script."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return "\n".join(re.findall(r"^# ?(.*)$", text, flags=re.MULTILINE))
    return re.sub(r"^( *)(```+|~~~+).*?^\1\2 *$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(path: Path) -> list[str]:
    """Returns what the links and pictures of a page name, but for addresses elsewhere."""
    text = re.sub(r"`[^`\n]*`", lambda code: "" if "](" in code[0] else code[0], text_of(path))
    found = [first or second for first, second in LINK.findall(text)]
    return [target for target in found if not re.match(r"\w+:", target)]


def headings(path: Path, level: str = "#{1,6}") -> list[str]:
    return re.findall(rf"^{level} +(.+?) *#*$", text_of(path), flags=re.MULTILINE)


@cache
def anchors(path: Path) -> set[str]:
    """Returns the anchors of a page's headings, as code-hosting sites and MyST make them."""
    seen: Counter[str] = Counter()
    found = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text_of(path)))
    for heading in headings(path):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@pytest.mark.parametrize("path", PAGES + SCRIPTS, ids=ids(PAGES + SCRIPTS))
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = []
    for target in links(path):
        name, _, anchor = target.partition("#")
        place = (path.parent / name).resolve() if name else path
        if not place.exists() or not place.is_relative_to(ROOT):
            broken.append(f"{target}: no such file")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place):
            broken.append(f"{target}: no such heading; there are: {sorted(anchors(place))}")
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("path", sorted(DOCS.glob("*/*.md")), ids=relative)
def test_the_text_of_a_link_to_a_page_is_words(path: Path) -> None:
    # A reader of the site never sees the names of the files. A page that is one link shows a file.
    names = re.findall(r"\[[\w./-]+\.md\]\(.*?\)", text_of(path))
    assert not names or text_of(path).strip() == names[0]


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_every_picture_has_words_for_those_who_cannot_see_it(path: Path) -> None:
    assert re.findall(r"!\[\s*\]\([^)]+\)", text_of(path)) == []
    tags = re.findall(r"<img[^>]*>", text_of(path))
    assert [tag for tag in tags if not re.search(r"alt=\"[^\"]+\"", tag)] == []


def test_every_picture_of_the_docs_is_shown() -> None:
    shown = {
        (path.parent / target).resolve()
        for path in PAGES + SCRIPTS
        for target in links(path)
        if target.endswith(PICTURES)
    }
    there = {path for path in (DOCS / "images").rglob("*") if path.suffix in PICTURES}
    assert sorted(map(relative, there - shown)) == []


def toctree_entries() -> list[str]:
    """Returns the pages that the tables of contents name, relative to docs/, without a suffix."""
    found = []
    for path in DOCS.glob("**/*.md"):
        blocks = re.findall(r"```{toctree}\n(.*?)```", path.read_text("utf-8"), flags=re.DOTALL)
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        entries = [line for line in lines if line and not line.startswith(":")]
        found += [
            (path.parent / entry.removesuffix(".md")).relative_to(DOCS).as_posix()
            for entry in entries
        ]
    return found


def test_every_page_stands_once_in_the_table_of_contents() -> None:
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.glob("**/*.md")}
    notebooks = {f"notebooks/{path.stem}" for path in (DOCS / "notebooks").glob("*.py")}
    assert sorted(toctree_entries()) == sorted((pages | notebooks) - {"index"})


def shown_files() -> list[Path]:
    """Returns the pages of the site: those of docs/, or the file of the repository they show."""
    files = []
    for path in sorted(DOCS.glob("**/*.md")):
        only_link = re.fullmatch(r"\[[^\]]*\]\(([^)]*)\)\s*", path.read_text(encoding="utf-8"))
        files.append((path.parent / only_link[1]).resolve() if only_link else path)
    return files


@pytest.mark.parametrize("path", shown_files(), ids=ids(shown_files()))
def test_a_page_has_one_title_and_begins_with_a_sentence(path: Path) -> None:
    assert len(headings(path, "#")) == 1, headings(path, "#")
    text = re.sub(r"^\(\S+\)=\n", "", text_of(path), flags=re.MULTILINE).strip()
    title, _, rest = text.partition("\n")
    assert title.startswith("# ")
    first = rest.strip().partition("\n\n")[0]
    assert re.match(r"[A-Z`\"*\[]", first), f"begins with {first[:60]!r}"
    assert not first.startswith(("* ", "![", "# ")), f"begins with {first[:60]!r}"
    assert re.search(r"[.:?](?:\s|$|\))", first), f"no sentence: {first!r}"


@cache
def source_files() -> frozenset[str]:
    """Returns the files of the source, relative to the root."""
    kept = ("src", "conf", "tests", "docs", "tools", "bench", ".github", ".ci")
    paths = [path for folder in kept for path in (ROOT / folder).rglob("*") if path.is_file()]
    return frozenset(map(relative, [*paths, *(path for path in ROOT.iterdir() if path.is_file())]))


@cache
def names_of_tests() -> frozenset[str]:
    """Returns the names of all tests."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    return frozenset(name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.M))


def is_in_the_source(name: str) -> bool:
    """Tells whether a file is named as it lies in the repository, in its package or its tests."""
    if "/" not in name:
        return name in OF_A_RUN or any(
            path.endswith(f"/{name}") or path == name for path in source_files()
        )
    return any(
        f"{start}{name}" in source_files()
        for start in ("", "src/", "src/vae_lab/", "tests/", "docs/")
    )


@pytest.mark.parametrize("path", PAGES, ids=ids(PAGES))
def test_every_file_and_test_of_the_source_that_a_page_names_exists(path: Path) -> None:
    if path.name == "CHANGELOG.md":
        return  # it also names what was before
    spans = re.findall(r"`([^`\n]+)`", text_of(path))
    files = [span for span in spans if re.fullmatch(r"[\w./-]+\.(?:py|yaml|md|toml|js|css)", span)]
    wrong = [name for name in files if not THE_READERS.search(name) and not is_in_the_source(name)]
    names = [name for span in spans for name in re.findall(r"\btest_\w+(?!\w*\.py)", span)]
    wrong += [
        name
        for name in names
        if f"{name}.py" not in {Path(file).name for file in source_files()}
        and not any(known.startswith(name) for known in names_of_tests())
    ]
    assert not wrong, f"{relative(path)} names what does not exist: {wrong}"
