"""What the memory of a run consists of: what its imports take, and the largest that it becomes.

    python bench/memory.py --out memory.json                (a minute)

The imports are those of one process, one after the other, as a command makes them; each row is the
resident memory once it is done. The runs are whole ones, pictures on, of 20 steps: more steps take
no more. Beside the resident memory stands what is a process's own. The rest are libraries that the
system maps from their files: processes share them, and the system may take them back.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import caption, options, table, write

HERE = Path(__file__).parent
IMPORTS = ("numpy", "torch", "pytorch_lightning", "vae_lab.training.run",
           "vae_lab.training.final_test")  # fmt: skip
WHY = {
    "pytorch_lightning": "with parts of torch's compiler and of torchmetrics",
    "vae_lab.training.final_test": "with scikit-learn and scipy, after the training",
}
# MB that a default run of a model may take on full MNIST.
GOALS = {"linear": 900, "conv": 1300}


def of_imports() -> dict[str, float]:
    """Returns the MB of a process after each import."""
    code = (
        "import sys, importlib; from vae_lab.environment import peak_memory_mb as peak\n"
        "from vae_lab.imports import begin_command, large_imports\n"
        "begin_command()\n"
        "for name in sys.argv[1:]:\n"
        "    with large_imports(name): importlib.import_module(name)\n"
        "    print(peak())"
    )
    words = [sys.executable, "-c", code, *IMPORTS]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=HERE.parent)
    return dict(zip(IMPORTS, map(float, done.stdout.split()), strict=True))


def own_mb(pid: int) -> float:
    """Returns the MB of a process that are mapped from no file; NaN where Linux does not say it."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.exists() else []
    sizes = [float(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
    return sizes[0] / 2**10 if sizes else math.nan


def of_run(model: str, data: str) -> tuple[float, float]:
    """Returns the MB that a process with a run of a model takes at most, and those of its own."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "vae_lab", f"model={model}", f"data={data}",
                 "trainer.max_epochs=1", "+trainer.limit_train_batches=20",
                 f"hydra.run.dir={folder}/run"]  # fmt: skip
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, cwd=HERE.parent)
            own, ended = own_mb(process.pid), 0
            while not ended:
                time.sleep(0.01)
                own = max(own, own_mb(process.pid))
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, (Path(folder) / "log").read_text(encoding="utf-8")
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), own


def main() -> None:
    asked = options(__doc__, budget=60, quick=60)
    imports = of_imports()
    runs = {model: of_run(model, asked.data) for model in GOALS}
    rows = [
        [f"`import {name}`", f"{mb:.0f}", "", WHY.get(name, "")] for name, mb in imports.items()
    ]
    rows += [[f"a run of {name}", f"{mb:.0f}", f"{own:.0f}", f"under {GOALS[name]}"]
             for name, (mb, own) in runs.items()]  # fmt: skip
    print(caption("threads as vae_lab takes them"))
    print(f"\n{table(['after', 'MB', 'its own', 'goal, or what for'], rows)}")
    write(asked.out, "memory", vars(asked), {"imports": imports, "runs": runs})


if __name__ == "__main__":
    main()
