"""The four-run sweep that reaches the reference's bounds, as a user starts it: start-up counted.

    python bench/sweep.py --out sweep.json                  (about 25 minutes)

Once for each seed: the linear runs and the convolutional ones are a sweep each, of
experiment=shortest_linear and shortest_conv, their two jobs side by side (hydra/launcher=joblib)
where that is installed. The reference's script trains its four one after the other for 100 epochs,
extrapolated from its speed in the same minutes; its seconds do not count its imports.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from growth import ways
from measure import caption, table, write
from quality import REFERENCE, script_seconds

HERE = Path(__file__).parent


def sweep(kind: str, seed: int, launcher: list[str], data: str) -> tuple[float, dict[str, float]]:
    """Returns the seconds of one sweep and the test bounds of its runs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "vae_lab", "-m", f"experiment=shortest_{kind}",
                   "latent_dim=2,10", f"seed={seed}", f"data={data}", *launcher,
                   f"hydra.sweep.dir={folder}"]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
        seconds = time.perf_counter() - start
        found = [json.loads(path.read_text("utf-8")) for path in Path(folder).glob("*/result.json")]
    return seconds, {f"{kind}-z{one['latent_dim']}": one["metrics"]["elbo/test"] for one in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    *_, launcher = ways().values()
    rows, found = [], []
    for seed in map(int, options.seeds.split(",")):
        ours = {kind: sweep(kind, seed, launcher, options.data) for kind in ("linear", "conv")}
        theirs = sum(script_seconds(name, options.data) for name in REFERENCE)
        bounds = {name: bound for _, each in ours.values() for name, bound in each.items()}
        seconds = {kind: one[0] for kind, one in ours.items()}
        times = theirs / sum(seconds.values())
        found.append({"seed": seed, "seconds": seconds, "test": bounds,
                      "reference_seconds": theirs, "times_faster": times})  # fmt: skip
        reached = sum(-bound < REFERENCE[name] for name, bound in bounds.items())
        rows.append([str(seed), *(f"{bounds[name]:.2f}" for name in REFERENCE),
                     f"{reached} of {len(REFERENCE)}", f"{sum(seconds.values()):.0f}",
                     f"{theirs:.0f}", f"{times:.1f}"])  # fmt: skip
        print(rows[-1], flush=True)
    head = ["seed", *REFERENCE, "bounds reached", "seconds", "its script", "times"]
    print(f"\n{caption('threads as a user has them')}\n\n{table(head, rows)}")
    write(options.out, "the sweep", {**vars(options), "out": str(options.out)}, found)


if __name__ == "__main__":
    main()
