"""How long a command takes to answer, to its first line, and to its first training step.

    python bench/startup.py --out startup.json              (3 minutes)

Each is a process of its own, started anew in every round. The counterpart is the time that Python
takes to import torch, and torch with Lightning.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from measure import Timed, caption, interleaved, options, spread, table, write

HERE = Path(__file__).parent
LAB = [sys.executable, "-m", "vae_lab"]
GOALS = {
    "--help": 0.8, "a config error": 0.8, "the first training step": 6, "a plan of 500 jobs": 10,
    "the report's first line": 1.5, "the board's first line": 1.5,
}  # fmt: skip
# All that a sweep does before its first job.
PLAN = (
    "import sys; from vae_lab.cli.checked_line import check_line; "
    "from vae_lab.cli.command_lines import SHELL; from vae_lab.cli.execution import prepare; "
    "prepare(check_line(sys.argv[1:], SHELL))"
)


def command(words: list[str], expected: int) -> float:
    """Returns the seconds of a process that must exit with the code expected."""
    start = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, cwd=HERE.parent)
    seconds = time.perf_counter() - start
    assert done.returncode == expected, done.stderr
    return seconds


def first_step(data: str) -> float:
    """Returns the seconds from the command to the end of the first training step."""
    with tempfile.TemporaryDirectory() as folder:
        note, conf = Path(folder) / "first", Path(folder) / "conf" / "callbacks"
        conf.mkdir(parents=True)
        (conf / "timed.yaml").write_text(
            "defaults: [default]\n"
            f"first:\n  _target_: first_step.FirstStep\n  path: {json.dumps(str(note))}\n",
            encoding="utf-8",
        )
        words = [*LAB, "--config-dir", str(conf.parent), "callbacks=timed", f"data={data}",
                 "trainer.max_epochs=1", "+trainer.limit_train_batches=1",
                 f"hydra.run.dir={folder}/run"]  # fmt: skip
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        start = time.time()
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            cwd=HERE.parent,
            env=os.environ | {"PYTHONPATH": path},
        )
        assert done.returncode == 0, done.stderr
        return float(note.read_text(encoding="ascii")) - start


def first_line(words: list[str]) -> float:
    """Returns the seconds from a command to its first line; the process is ended then."""
    start = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - start
        process.terminate()
    assert line, words
    return seconds


def one_epoch(data: str, folder: Path) -> float:
    """Returns the seconds of a whole linear run of one epoch, all pictures on; it stays there."""
    place = f"hydra.run.dir={tempfile.mkdtemp(dir=folder)}/run"
    return command([*LAB, f"data={data}", "trainer.max_epochs=1", place], 0)


def variants(data: str, folder: Path) -> dict[str, Timed]:
    """Returns what is timed. The runs that the first leaves in `folder` are shown by the last."""
    python = [sys.executable, "-c"]
    both = "import torch, pytorch_lightning"
    sweep = ["-m", "seed=range(500)", f"data={data}", f"hydra.sweep.dir={folder}/planned"]
    return {
        "a linear run of one epoch": partial(one_epoch, data, folder),
        "--help": partial(command, [*LAB, "--help"], 0),
        "a config error": partial(command, [*LAB, "latent_dim=0"], 2),
        "import torch": partial(command, [*python, "import torch"], 0),
        "import torch, Lightning": partial(command, [*python, both], 0),
        "the first training step": partial(first_step, data),
        "a plan of 500 jobs": partial(command, [*python, PLAN, *sweep], 0),
        "the report's first line": partial(
            first_line, [sys.executable, "-m", "vae_lab.report", str(folder)]
        ),
        "the board's first line": partial(
            first_line, [sys.executable, "-m", "vae_lab.board", str(folder)]
        ),
    }


def main() -> None:
    asked = options(__doc__, budget=180, quick=40, rounds=5)
    with tempfile.TemporaryDirectory() as folder:
        ways, end = variants(asked.data, Path(folder)), time.monotonic() + asked.budget
        rounds = 1 if asked.quick else asked.rounds
        seconds = interleaved(ways, rounds=rounds, warm_up=False, end=end)
    rows = [
        [name, str(spread(values)), f"under {GOALS[name]} s" if name in GOALS else ""]
        for name, values in seconds.items()
    ]
    print(caption("threads as vae_lab takes them"))
    print(f"\n{table(['from the command to', 'seconds', 'goal'], rows)}")
    write(asked.out, "start-up", vars(asked), seconds)


if __name__ == "__main__":
    main()
