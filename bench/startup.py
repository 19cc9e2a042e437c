"""How long a command takes to answer, and to its first training step.

    python bench/startup.py --out startup.json              (about 2 minutes)

Each is a process of its own, started anew in every round. The counterpart is the time that Python
takes to import torch, and torch with Lightning.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from measure import interleaved, spread, table, write

HERE = Path(__file__).parent
LAB = [sys.executable, "-m", "vae_lab"]
GOALS = {"--help": 0.8, "a config error": 0.8, "the first training step": 9}


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


def one_epoch(data: str) -> float:
    """Returns the seconds of a whole linear run of one epoch, all pictures on."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*LAB, f"data={data}", "trainer.max_epochs=1", f"hydra.run.dir={folder}/run"]
        return command(words, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    variants = {
        "--help": partial(command, [*LAB, "--help"], 0),
        "a config error": partial(command, [*LAB, "latent_dim=0"], 2),
        "import torch": partial(command, [sys.executable, "-c", "import torch"], 0),
        "import torch, Lightning": partial(
            command, [sys.executable, "-c", "import torch, pytorch_lightning"], 0
        ),
        "the first training step": partial(first_step, options.data),
        "a linear run of one epoch": partial(one_epoch, options.data),
    }
    seconds = interleaved(variants, rounds=1 if options.quick else options.rounds)
    rows = [
        [name, str(spread(values)), f"under {GOALS[name]} s" if name in GOALS else ""]
        for name, values in seconds.items()
    ]
    print(table(["from the command to", "seconds", "goal"], rows))
    write(options.out, "start-up", {**vars(options), "out": str(options.out)}, seconds)


if __name__ == "__main__":
    main()
