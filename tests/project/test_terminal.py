"""A display that cannot be written takes no work with it."""

import subprocess
import sys
from pathlib import Path

import pytest

from vae_lab.terminal import in_this_shell

PROGRAM = """
import sys
from vae_lab.terminal import keep_streams_writable

keep_streams_writable()
for _ in range(2000):
    print("a line of what is shown", flush=True)
    print("an error", file=sys.stderr, flush=True)
with open("done", "w") as file:
    file.write(f"{file.fileno()}")
"""

RUN = (
    "-m vae_lab data=digits threads=1 trainer.max_epochs=1 report=null callbacks=none logger=none "
    "hydra.run.dir=run"
)


def shell(line: str, folder: Path) -> int:
    """Runs a line whose `PYTHON` is this one, and returns its exit code."""
    line = f"set -o pipefail; {line.replace('PYTHON', sys.executable)}"
    return subprocess.run(["bash", "-c", line], cwd=folder, check=False, timeout=300).returncode


@pytest.mark.parametrize(
    "line",
    ["PYTHON p.py | head -1", "PYTHON p.py > /dev/full", "PYTHON p.py 2> /dev/full",
     "PYTHON p.py >&-", "PYTHON p.py 2>&-", "PYTHON p.py >&- 2>&-", "PYTHON p.py 2>&1 | true"],
)  # fmt: skip
def test_work_goes_on_without_its_display(line: str, tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text(PROGRAM)
    assert shell(line, tmp_path) == 0
    # No file takes the number of a stream that was closed.
    assert int((tmp_path / "done").read_text()) > 2


def test_lines_are_shown_at_once_where_python_is_told_to() -> None:
    program = (
        "import os\n"
        "from vae_lab.terminal import keep_streams_writable\n"
        "keep_streams_writable()\nprint('shown')\nos._exit(0)"
    )
    done = subprocess.run([sys.executable, "-u", "-c", program], capture_output=True, check=True)
    assert done.stdout == b"shown\n"


@pytest.mark.parametrize("redirection", ["> /dev/full 2>&1", ">&-"])
def test_a_run_ends_well_without_its_display(redirection: str, tmp_path: Path) -> None:
    assert shell(f"PYTHON {RUN} {redirection}", tmp_path) == 0
    assert '"status": "success"' in (tmp_path / "run" / "result.json").read_text()


def test_a_command_line_that_is_printed_runs_in_the_shell_of_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "my env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    # With the environment activated; as make starts it; from another folder.
    monkeypatch.setenv("PATH", str(python.parent), prepend=":")
    assert in_this_shell("python -m vae_lab.board a") == "python -m vae_lab.board a"
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.chdir(tmp_path)
    assert in_this_shell("python -m vae_lab.board a") == "'my env/bin/python' -m vae_lab.board a"
    assert shell(in_this_shell("python -c ''"), tmp_path) == 0
    monkeypatch.chdir(python.parent)
    assert in_this_shell("python") == f"'{python}' "
