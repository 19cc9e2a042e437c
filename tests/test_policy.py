"""The rules of the source itself: layers, sizes, fast starts, texts, and documented commands."""

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "vae_lab"

# file -> what it may import from the package. "callbacks/" is a row for every file of the folder,
# which may import one another; "data" as a permission covers the whole folder.
LAYERS = {
    "__init__": "loading",
    "__main__": "cli",
    "errors": "",
    "faults": "",
    "files": "",
    "locks": "errors faults",
    "stops": "errors",
    "events": "",
    "divergence": "",
    "checkpoints": "data errors files module",
    "memory": "checkpoints errors results stops",
    "resume": "compose config errors identity plan recorded",
    "seeds": "",
    "rows": "",
    "identity": "",
    "meaning": "",
    "rules": "",
    "precision": "",
    "config": "errors identity meaning precision rules",
    "compose": "errors",
    "provenance": "",
    "results": "errors files",
    "posterior": "",
    "priors": "posterior",
    "likelihoods": "",
    "objectives": "posterior priors likelihoods",
    "importance": "objectives posterior priors",
    "aggregate": "errors objectives posterior priors seeds",
    "muon": "",
    "networks": "posterior",
    "burda": "posterior",
    "resnet": "networks posterior",
    "schedules": "",
    "module": "divergence identity instantiate posterior priors likelihoods objectives schedules seeds",
    "data": "",
    "data.transfer": "",
    "data.fetch": "errors locks data.transfer",
    "data.sources": "errors rows seeds data.fetch",
    "data.sizes": "errors",
    "data.cifar": "errors data.fetch data.sources",
    "data.digits": "data.sizes data.sources",
    "data.own": "errors rows data.sizes data.sources",
    "data.npz": "errors data.own data.sources",
    "data.pictures": "",
    "data.folder": "errors faults locks rows data.own data.pictures data.sources",
    "data.binarize": "rows seeds",
    "data.module": "errors instantiate rows seeds data.sizes data.sources data.binarize",
    "images": "files",
    "colours": "",
    "plots": "colours",
    "charts": "colours plots",
    "projector": "files",
    "callbacks/": "files colours images plots charts posterior projector seeds",
    "metrics": "posterior priors likelihoods rows seeds",
    "logger": "events files",
    "trackers": "",
    "instantiate": "errors",
    "latents": "posterior priors rows seeds",
    "diagnosis": "",
    "estimators": "latents likelihoods posterior priors seeds",
    "quality": "",
    "qualities": "latents module quality seeds",
    "sharpness": "",
    "judge": "metrics quality rows seeds",
    "findings": "judge latents metrics module posterior quality rows seeds sharpness",
    "final": "files checkpoints data diagnosis findings latents metrics module posterior",
    "sessions": "columns",
    "leader": "",
    "ranks": "data errors leader",
    "assemble": "callbacks checkpoints data errors instantiate memory module ranks rules",
    "follow": "assemble errors leader memory recorded",
    "run": "files assemble divergence errors faults final identity memory precision ranks results "
    "provenance sessions data module",
    "report/": "files colours errors identity recorded results",
    "summary": "errors results report",
    "columns": "errors identity",
    "engines": "errors locks results",
    "plan": "columns compose config engines errors faults identity results",
    "fallback": "compose config data.fetch data.own errors plan",
    "cli": "config compose engines fallback faults follow leader locks plan errors results resume "
    "stops summary run",
    "links": "",
    "board": "errors links results",
    "recorded": "errors identity results",
    "evaluation": "files checkpoints data errors estimators findings latents metrics module objectives "
    "qualities recorded results provenance rows card posterior seeds",
    "card": "",
    "evaluate": "cli config errors recorded rules evaluation",
    "loading": "checkpoints errors estimators module posterior recorded seeds",
}

# What must answer at once, and so imports nothing heavy before it has to.
FAST = (
    *(
        "errors",
        "identity",
        "config",
        "precision",
        "compose",
        "plan",
        "results",
        "provenance",
        "cli",
        "__main__",
    ),
    *("data.transfer", "data.fetch", "data.sizes", "data.own", "data.npz", "data.pictures"),
    *("data.folder", "report", "summary", "columns", "links", "board"),
    *(
        f"report.{name}"
        for name in "__main__ compare events figures frame gallery looks origins page pictures "
        "reproduce runs seen sentences settings tables words".split()
    ),
    *("evaluate", "recorded", "resume", "locks", "stops", "faults", "engines", "follow", "leader"),
)
HEAVY = ("torch", "torchvision", "pytorch_lightning")


def module_name(path: Path) -> str:
    """The dotted name within the package: `errors`, `data.fetch`, `data` for its `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def nodes_run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs when the file is imported: no function bodies, no TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from nodes_run_at_import(node)


def imported(name: str, node: ast.AST) -> list[str]:
    """The absolute dotted names that one import statement of the file `name` may load."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        folder = ["vae_lab", *name.split(".")]
        if FILES[name].name != "__init__.py":
            folder.pop()
        base = ".".join([*folder[: len(folder) - node.level + 1], *filter(None, [base])])
    return [f"{base}.{alias.name}" for alias in node.names]


def package_imports(name: str) -> set[str]:
    """The files of the package that the file `name` imports anywhere, for types or lazily too."""
    found = set()
    for node in ast.walk(TREES[name]):
        for target in imported(name, node):
            if target.partition(".")[0] == "vae_lab":
                inside = target.removeprefix("vae_lab").lstrip(".")
                while inside and inside not in FILES:  # a name in a file: its file
                    inside = inside.rpartition(".")[0]
                found.add(inside or "__init__")
    return found


def row(name: str) -> tuple[set[str], str]:
    """What the file may import, and the folder whose files it may import besides."""
    if name in LAYERS:
        return set(LAYERS[name].split()), ""
    folder = name.partition(".")[0]
    assert f"{folder}/" in LAYERS, (
        f"src/vae_lab/{name.replace('.', '/')}.py is new: give it a row in LAYERS "
        "(tests/test_policy.py) and a line where the documentation lists the files."
    )
    return set(LAYERS[f"{folder}/"].split()), folder


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_what_its_row_names(name: str) -> None:
    allowed, own_folder = row(name)
    allowed |= {own_folder, "__init__"}  # __init__ holds the version and imports nothing
    wrong = {
        target
        for target in package_imports(name)
        if target not in allowed and target.partition(".")[0] not in allowed
    }
    assert not wrong, f"{name} may import {sorted(allowed)}, but imports {sorted(wrong)}"


def test_imports_run_in_no_circle() -> None:
    graph = {name: package_imports(name) - {name} for name in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"import circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("name", [name for name in FAST if name in FILES])
def test_a_fast_file_names_no_heavy_library_at_its_top(name: str) -> None:
    heavy = [
        target
        for node in nodes_run_at_import(TREES[name])
        for target in imported(name, node)
        if target.partition(".")[0] in HEAVY
    ]
    assert not heavy, f"{name} imports {heavy} when it is imported: do it inside the function"


def test_fast_files_load_no_heavy_library() -> None:
    names = [f"vae_lab.{name}" for name in FAST if name in FILES and name != "__main__"]
    code = f"import sys, {', '.join(names)}; print(*(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", FILES)
def test_functions_stay_under_40_lines_and_files_within_300(name: str) -> None:
    long = {
        node.name: lines
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) >= 40
    }
    assert not long, f"{name}: functions of 40 lines or more: {long}"
    assert len(FILES[name].read_text(encoding="utf-8").splitlines()) <= 300


def project_files() -> list[Path]:
    """Every file that is, or with the next commit would be, in the repository."""
    if (ROOT / ".git").exists():
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:  # an unpacked source archive
        left_out = {".venv", "outputs", "data", "build", "dist", "__pycache__"}
        tops = [top for top in ROOT.iterdir() if top.name not in left_out]
        paths = [path for top in tops for path in (top, *top.rglob("*"))]
    return [path for path in paths if path.is_file() and path.suffix != ".pyc"]


# Written so that this file does not match itself.
FORBIDDEN = {
    "a package index": re.compile(r"pypi\.(?:org|python)|python[h]osted|download\.pytorch\.org"),
    "an option that names a package index": re.compile(r"--(?:extra-)?index[-]url|find[-]links"),
    "a folder of one machine": re.compile(r"(?<![\w.])/(?:work|root|home|Users)/"),
}


def test_no_file_names_a_package_index_or_a_folder_of_one_machine() -> None:
    files = project_files()
    assert ROOT / "pyproject.toml" in files
    found = [
        f"{path.relative_to(ROOT)}:{number}: names {what}"
        for path in files
        for number, line in enumerate(path.read_bytes().decode("latin-1").splitlines(), start=1)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def bash_commands(text: str) -> list[str]:
    """The commands in the ```bash blocks of a Markdown text, one per line of shell."""
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```", text, flags=re.DOTALL | re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip().removeprefix("$ ") for line in lines if line.strip()]


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each command in a line of shell, without comments and leading assignments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word and set(word) <= set(";&|"):
            if words:
                yield words
            words = []
        elif words or not re.match(r"[A-Z_]+=", word):
            words.append(word)


def documented_commands() -> list[list[str]]:
    texts = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md")))
    ]
    found = [
        words for text in texts for line in bash_commands(text) for words in simple_commands(line)
    ]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^\t(?=.*-m vae_lab\b)(.*)", makefile, flags=re.MULTILINE)
    plain = [re.sub(r"\$\(\w+\)", "", recipe).replace("/python", "python") for recipe in recipes]
    return [*found, *(words for line in plain for words in simple_commands(line))]


def arguments_of_vae_lab(words: list[str]) -> list[str] | None:
    """What `vae_lab.cli` would get as `sys.argv[1:]`; None for another command."""
    program = words[0].rpartition("/")[2]
    if program == "vae-lab":
        return words[1:]
    if program.startswith("python") and words[1:3] == ["-m", "vae_lab"]:
        return words[3:]
    if words[:2] == ["make", "train"]:
        settings = [word.removeprefix("ARGS=") for word in words if word.startswith("ARGS=")]
        return [word for setting in settings for word in shlex.split(setting)]
    return None


def test_commands_are_read_as_a_shell_reads_them() -> None:
    text = "```bash\n$ A=1 python -m vae_lab x=1 \\\n  y='a b' # no\nmake a && vae-lab z=2\n```\n"
    words = [words for line in bash_commands(text) for words in simple_commands(line)]
    assert words == [
        ["python", "-m", "vae_lab", "x=1", "y=a b"],
        ["make", "a"],
        ["vae-lab", "z=2"],
    ]
    assert [arguments_of_vae_lab(one) for one in words] == [["x=1", "y=a b"], None, ["z=2"]]


def test_the_readme_shows_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    words = [words for line in bash_commands(readme) for words in simple_commands(line)]
    assert any(one[0] == "make" for one in words)
    assert any(arguments_of_vae_lab(one) for one in words)


def write_documented_files(folder: Path) -> None:
    """Writes the YAML files that the README tells its readers to put somewhere."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.yaml)`,\n\n```yaml\n(.*?)```", readme, flags=re.DOTALL)
    assert named, "the README shows how an option of one's own is written"
    for name, text in named:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("words", documented_commands(), ids=" ".join)
def test_a_documented_command_would_run(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_documented_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    program = words[0].rpartition("/")[2]
    if program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
        wanted = {word for word in words[1:] if "=" not in word and not word.startswith("-")}
        assert wanted <= targets, f"no such make target: {sorted(wanted - targets)}"
    if program.startswith("python") and words[1] == "-m" and words[2].startswith("vae_lab."):
        assert words[2].removeprefix("vae_lab.") in FILES, f"no such module: {words[2]}"
    arguments = arguments_of_vae_lab(words)
    if arguments is None or {"--help", "-h", "--hydra-help", "--version", "--info"} & {*arguments}:
        return
    from vae_lab import cli, engines

    monkeypatch.setattr(engines, "find_spec", lambda _: True)  # extras
    assert cli.check(arguments), "the command describes no job"
