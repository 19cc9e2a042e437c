"""The rules of the source itself: directions, rooms, sizes, fast starts, texts, commands."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from repository import ROOT

from vae_lab import explore
from vae_lab.cli.main import COMMANDS
from vae_lab.errors import UserError
from vae_lab.evaluations import DEFAULTS
from vae_lab.outcome import JSON_FLAG

SOURCE = ROOT / "src"
PACKAGE = SOURCE / "vae_lab"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
HEAVY = SETTINGS["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]

# A group of conf/ -> the room of its classes. A class of torch or Lightning has none here.
ROOMS = {
    "model": "networks",
    "data": "data",
    "objective": "objectives",
    "likelihood": "likelihoods",
    "prior": "priors",
    "optimizer": "optimizers",
    "callbacks": "callbacks",
    "logger": "loggers",
}


def module_name(path: Path) -> str:
    """The dotted name of a file, such as `vae_lab.data.npz`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def without_torch() -> list[str]:
    """The modules for which pyproject.toml bans torch at import."""
    exempt = [
        pattern
        for braces, codes in SETTINGS["ruff"]["lint"]["per-file-ignores"].items()
        if "TID253" in codes
        for pattern in expanded(braces)
    ]
    return [
        name
        for name, path in FILES.items()
        if not any(fnmatch(str(path.relative_to(ROOT)), pattern) for pattern in exempt)
    ]


def expanded(pattern: str) -> Iterator[str]:
    """Each of the patterns that `a/{b,c}` stands for."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        yield pattern
        return
    names, _, after = rest.partition("}")
    for name in names.split(","):
        yield f"{before}{name}{after}"


def test_imports_run_in_one_direction() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_must_answer_at_once_loads_no_heavy_library() -> None:
    names = [name for name in without_torch() if not name.endswith("__main__")]
    for room in ("config", "run_folder", "files", "errors", "cli.main", "report.page", "board"):
        assert f"vae_lab.{room}" in names
    code = f"import sys, {', '.join(names)}; print(*({set(HEAVY)} & set(sys.modules)))"
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


@pytest.mark.parametrize("group", ROOMS)
def test_the_classes_of_a_config_group_live_in_the_room_of_its_name(group: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "conf" / group).glob("*.yaml")]
    targets = [target for text in texts for target in re.findall(r"_target_: *(\S+)", text)]
    own = [target for target in targets if target.startswith("vae_lab.")]
    assert own
    assert [target for target in own if not target.startswith(f"vae_lab.{ROOMS[group]}.")] == []


def test_the_name_of_a_class_is_its_own() -> None:
    # A run's hash holds the names of classes without their modules.
    public = Counter(
        node.name
        for tree in TREES.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and "Protocol" not in map(ast.unparse, node.bases)
    )
    assert [name for name, count in public.items() if count > 1] == []


def test_each_package_says_in_one_sentence_what_it_is_for() -> None:
    for name, path in FILES.items():
        if path.name == "__init__.py" and path.parent != PACKAGE:
            sign = (ast.get_docstring(TREES[name]) or "").partition("\n\n")[0]
            assert sign.endswith("."), name


def rooms(text: str) -> set[str]:
    """The files that the tree of CONTRIBUTING.md names, relative to src/vae_lab/."""
    _, _, tree = text.partition("```text\nsrc/vae_lab/\n")
    found, folders = set(), [""]
    for line in tree.partition("```")[0].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        for name in re.split(r" {2,}", line.strip())[0].split():
            path = "".join(folders[: depth + 1]) + name
            if name.endswith("/"):
                folders[depth + 1 :] = [name]
            else:
                found.add(path)
    return found


def test_contributing_shows_the_tree_as_it_is() -> None:
    shown = rooms((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    there = {str(path.relative_to(PACKAGE)) for path in FILES.values()}
    assert shown == {path for path in there if not path.endswith("/__init__.py")}


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
                yield words[: words.index(">")] if ">" in words else words
            words = []
        elif words or not re.match(r"[A-Z_]+=", word):
            words.append(word)


def documented_commands() -> list[list[str]]:
    texts = [
        path.read_text(encoding="utf-8")
        for path in (
            ROOT / "README.md",
            ROOT / "CONTRIBUTING.md",
            ROOT / "SECURITY.md",
            *sorted(ROOT.glob("docs/**/*.md")),
        )
    ]
    found = [
        words for text in texts for line in bash_commands(text) for words in simple_commands(line)
    ]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^\t(?=.*-m vae_lab\b)(.*)", makefile, flags=re.MULTILINE)
    plain = [re.sub(r"\$\(\w+\)", "", recipe).replace("/python", "python") for recipe in recipes]
    return [*found, *(words for line in plain for words in simple_commands(line))]


def arguments_of_vae_lab(words: list[str]) -> list[str] | None:
    """What `vae_lab.cli.main` would get as `sys.argv[1:]`; None for another command."""
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
    """Writes the YAML files that the documentation tells its readers to put somewhere."""
    named: list[tuple[str, str]] = []
    for page in ROOT.glob("docs/**/*.md"):
        text = page.read_text(encoding="utf-8")
        named += re.findall(r"```yaml\n# (my_conf/\S+)\n(.*?)```", text, flags=re.DOTALL)
    assert named, "the documentation shows how an option of one's own is written"
    for name, text in named:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def check_arguments(module: str, arguments: list[str]) -> None:
    """Fails for arguments that a module's own command line does not take."""
    arguments = [word for word in arguments if word != JSON_FLAG]
    if module == "vae_lab.explore":
        explore.argument_parser().parse_args(arguments)
    elif module != "vae_lab.evaluate" and module in COMMANDS.values():
        file = f"{module}.__main__" if (PACKAGE / module.rpartition(".")[2]).is_dir() else module
        parser = getattr(import_module(file), "argument_parser", None)
        if parser:
            parser().parse_args(arguments)
    if module == "vae_lab.evaluate":
        files = [ROOT / "conf" / name for name in DEFAULTS]
        keys = {key for path in files for key in yaml.safe_load(path.read_text(encoding="utf-8"))}
        given = {word.partition("=")[0] for word in arguments if "=" in word}
        assert given <= keys, f"no such keys: {sorted(given - keys)}"


def test_wrong_arguments_of_the_other_commands_are_found() -> None:
    check_arguments("vae_lab.report", ["FOLDER", "--latex"])
    check_arguments("vae_lab.evaluate", ["FOLDER", "num_samples=500"])
    with pytest.raises(AssertionError, match="num_draws"):
        check_arguments("vae_lab.evaluate", ["FOLDER", "num_draws=500"])
    with pytest.raises(UserError, match="--tex"):
        check_arguments("vae_lab.report", ["FOLDER", "--tex"])
    with pytest.raises(UserError, match="--all"):
        check_arguments("vae_lab.desk.compare", ["A", "B", "--all"])
    with pytest.raises(UserError, match="--too"):
        check_arguments("vae_lab.explore", ["FOLDER", "--too", "x.html"])


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
        assert words[2] in FILES, f"no such module: {words[2]}"
        check_arguments(words[2], words[3:])
    arguments = arguments_of_vae_lab(words)
    if arguments and arguments[0] in COMMANDS:
        return check_arguments(COMMANDS[arguments[0]], arguments[1:])
    if arguments is None or {"--help", "-h", "--hydra-help", "--version", "--info"} & {*arguments}:
        return
    from vae_lab.cli import launchers
    from vae_lab.cli.jobs import compose_jobs

    monkeypatch.setattr(launchers, "find_spec", lambda _: True)  # extras
    arguments = [word for word in arguments if word != JSON_FLAG]
    assert compose_jobs(arguments), "the command describes no job"
