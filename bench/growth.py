"""How time and memory grow with the work: images, latent dimensions, width, batch size, jobs.

    python bench/growth.py --out growth.json                (4 minutes)

Every point is a process of its own with a linear model, so that its peak memory is its own. The
largest points of an axis are left out, and said to be, if its share of the time ends before. Sweeps
are timed as a whole, their jobs one after the other and side by side. Slopes are those of straight
lines through the log-log points: 1 is proportional. Writes a plot of each axis beside the JSON
file.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from measure import Timed, caption, options, spread, table, write

HERE = Path(__file__).parent
MNIST = 60_000
LEAN = ["callbacks=none", "logger=none", "+trainer.enable_checkpointing=false",
        "trainer.enable_progress_bar=false"]  # fmt: skip


class Run:
    """A process with one run; notes its peak memory beside the seconds of its training."""

    def __init__(self, *overrides: str) -> None:
        self.overrides, self.peak_mb = overrides, 0.0

    def __call__(self) -> float:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "vae_lab", "trainer.max_epochs=1", *LEAN,
                       *self.overrides, f"hydra.run.dir={folder}"]  # fmt: skip
            subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
            result = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
        self.peak_mb = max(self.peak_mb, result["peak_memory_mb"])
        return float(result["seconds"]["fit"])


def sweep(count: int, overrides: Sequence[str], launcher: Sequence[str]) -> float:
    """Returns the seconds of a whole sweep of so many jobs, start-up counted."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = ",".join(map(str, range(count)))
        command = [sys.executable, "-m", "vae_lab", "-m", f"seed={seeds}", *LEAN, *overrides,
                   *launcher, f"hydra.sweep.dir={folder}"]  # fmt: skip
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=HERE.parent)
        return time.perf_counter() - start


def axes(quick: bool, common: list[str]) -> dict[str, dict[int, Run]]:
    """Returns the runs of each axis by their place on it."""
    every = slice(None, None, 3 if quick else 1)
    steps = "+trainer.limit_train_batches=100"
    found = {
        "training images": {
            n: [f"data.num_val={MNIST - n}", "+trainer.limit_val_batches=0"]
            for n in (1000, 2000, 5000, 10_000, 20_000, 40_000, 59_000)[every]
        },
        "latent dimensions": {n: [f"latent_dim={n}", steps] for n in (2, 8, 32, 128, 512)[every]},
        **{
            f"hidden units with {optimizer}": {
                n: [f"model.hidden_dims=[{n}]", f"optimizer={optimizer}", steps]
                for n in (64, 128, 256, 512)[every]
            }
            for optimizer in ("muon", "adam")
        },
        "batch size": {
            n: [f"data.batch_size={n}", steps.replace("100", "14")]
            for n in (32, 128, 512, 1024, 2048, 4096)[every]
        },
    }
    return {axis: {n: Run(*of, *common) for n, of in runs.items()} for axis, runs in found.items()}


def visited(
    points: Mapping[int, Mapping[str, Timed]], rounds: int, end: float
) -> dict[int, dict[str, list[float]]]:
    """Returns the seconds of each point and way, by the size of the points.

    The smallest and the largest are always measured, first. What lies between them begins only if
    it would not last beyond `end`, if it took as long as the largest.
    """
    found: dict[int, dict[str, list[float]]] = {}
    smallest, *between, largest = points
    longest = 0.0
    for number in range(rounds):
        for place in (smallest, largest, *between):
            begin = time.monotonic()
            if (number or len(found) > 1) and begin + longest > end:
                break
            for way, timed in points[place].items():
                found.setdefault(place, {}).setdefault(way, []).append(timed())
            longest = max(longest, time.monotonic() - begin)
    found = dict(sorted(found.items()))
    if left_out := [str(place) for place in points if place not in found]:
        print(f"\nleft out, for they would last longer than --budget: {', '.join(left_out)}")
    return found


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """Returns the slope of a straight line through the points in logarithms."""
    return float(np.polyfit(np.log(places), np.log(values), 1)[0])


def plot(path: Path, axis: str, lines: dict[str, tuple[list[int], list[float]]]) -> None:
    """Draws each line on logarithmic axes, its slope in the legend."""
    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes_ = plt.subplots(figsize=(5, 3.5), layout="constrained")
    for name, (places, values) in lines.items():
        axes_.loglog(places, values, "o-", label=f"{name}, slope {slope(places, values):.2f}")
    axes_.set_xlabel(axis)
    axes_.legend(frameon=False)
    axes_.grid(alpha=0.3, which="both")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def measure(
    axis: str, runs: dict[int, Run], rounds: int, end: float, folder: Path
) -> dict[str, Any]:
    seconds = visited({n: {"fit": run} for n, run in runs.items()}, rounds, end)
    places = list(seconds)
    found = {n: spread(seconds[n]["fit"]) for n in places}
    memory = [runs[n].peak_mb for n in places]
    rows = [[str(n), str(found[n]), f"{runs[n].peak_mb:.0f}"] for n in places]
    print(f"\n{table([axis, 'seconds of training', 'peak memory, MB'], rows)}", flush=True)
    medians = [one.median for one in found.values()]
    lines = {"seconds": (places, medians), "peak memory, MB": (places, memory)}
    plot(folder / f"growth_{axis.replace(' ', '_')}.png", axis, lines)
    return {
        "seconds": seconds,
        "peak_memory_mb": dict(zip(places, memory, strict=True)),
        "slopes": {name: slope(*line) for name, line in lines.items()},
    }


def sweeps(quick: bool, common: list[str]) -> dict[str, dict[int, tuple[int, list[str]]]]:
    """Returns the sweeps of each axis by their place on it: how many jobs, and of what."""
    small = ["data=mnist_5k", "trainer.max_epochs=2", *common]
    return {
        "jobs of two epochs on 4,000 images": {
            count: (count, small) for count in ((1, 4) if quick else (1, 2, 4, 8, 16))
        },
        "epochs of each of four jobs on MNIST": {
            epochs: (4, ["data=mnist", f"trainer.max_epochs={epochs}", *common])
            for epochs in ((1, 3) if quick else (1, 3, 6))
        },
    }


def ways() -> dict[str, list[str]]:
    """Returns what launches the jobs of a sweep, one after the other and side by side."""
    try:
        import hydra_plugins.hydra_joblib_launcher  # noqa: F401
    except ImportError:
        print("hydra-joblib-launcher is not installed: no parallel sweeps measured.")
        return {"serial": []}
    return {"serial": [], "parallel": ["hydra/launcher=joblib"]}


def measure_sweeps(
    axis: str, places: dict[int, tuple[int, list[str]]], rounds: int, end: float, folder: Path
) -> dict[str, Any]:
    launchers = ways()
    points = {
        place: {way: partial(sweep, *of, launcher) for way, launcher in launchers.items()}
        for place, of in places.items()
    }
    seconds = visited(points, rounds, end)
    lines = {
        way: (list(seconds), [spread(one[way]).median for one in seconds.values()])
        for way in launchers
    }
    rows = [
        [str(place), *(str(spread(one[way])) for way in launchers)]
        for place, one in seconds.items()
    ]
    print(f"\n{table([axis, *(f'{way}, seconds' for way in launchers)], rows)}", flush=True)
    plot(folder / f"growth_{axis.split()[0]}.png", axis, lines)
    return {"seconds": seconds, "slopes": {way: slope(*line) for way, line in lines.items()}}


def main() -> None:
    asked = options(__doc__, budget=330, quick=120, rounds=1, data=False)
    common = [f"threads={asked.threads}"] if asked.threads else []
    end = time.monotonic() + asked.budget
    folder = asked.out.parent
    folder.mkdir(parents=True, exist_ok=True)
    print(caption(f"{asked.threads or 1} threads"))
    measures = {
        **{axis: partial(measure, axis, runs) for axis, runs in axes(asked.quick, common).items()},
        **{
            axis: partial(measure_sweeps, axis, of)
            for axis, of in sweeps(asked.quick, common).items()
        },
    }
    found = {}
    for left, (axis, one) in enumerate(measures.items()):
        now = time.monotonic()
        share = (end - now) / (len(measures) - left)
        found[axis] = one(asked.rounds, now + share, folder)
    slopes = [[axis, ", ".join(f"{name} {value:.2f}" for name, value in one["slopes"].items())]
              for axis, one in found.items()]  # fmt: skip
    print(f"\n{table(['axis', 'slopes'], slopes)}")
    write(asked.out, "growth", vars(asked), found)


if __name__ == "__main__":
    main()
