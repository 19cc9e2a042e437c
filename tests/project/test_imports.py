"""Imports of a command without Python's search for garbage: only there, once, and to the end."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import gc
from vae_lab.imports import begin_command, large_imports

class Cycle:
    def __init__(self, name):
        self.name, self.own = name, self

    def __del__(self, show=print):
        show(self.name)

with large_imports("csv"):
    assert gc.isenabled()
assert not gc.get_freeze_count()  # nobody said that the process is ours
begin_command()
with large_imports("csv"):
    assert not gc.isenabled()
    import csv
    Cycle("frozen")
assert gc.isenabled() and gc.get_freeze_count()
frozen = gc.get_freeze_count()
with large_imports("csv"):
    assert gc.isenabled()
    Cycle("later")
assert gc.get_freeze_count() == frozen
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_only_in_a_process_of_ours_and_once_and_all_objects_are_finished() -> None:
    done = run(SCRIPT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "later\nfrozen\n", "")


def test_an_import_that_fails_leaves_the_search_on() -> None:
    done = run(
        "import gc\nfrom vae_lab.imports import begin_command, large_imports\nbegin_command()\n"
        "try:\n    with large_imports('csv'):\n        import vae_lab.no_such_module\n"
        "except ImportError:\n    print(gc.isenabled())\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


SEEN = """
import gc
from pytorch_lightning import Callback

class Seen(Callback):
    def on_train_start(self, *_):
        print("seen", gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


def test_a_run_trains_with_the_search_on_and_its_imports_left_out(tmp_path: Path) -> None:
    (tmp_path / "seen.py").write_text(SEEN, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "vae_lab", "data=digits", "trainer.max_steps=1", "explorer=null",
         "+callbacks.seen._target_=seen.Seen", f"hydra.run.dir={tmp_path / 'run'}"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "seen True True" in done.stdout
    # Libraries of C++ tell at the end what was never finished.
    assert "leak" not in done.stderr
