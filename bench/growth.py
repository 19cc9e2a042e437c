"""How time and memory grow with the work: images, latent dimensions, width, batch size, jobs.

    python bench/growth.py --out growth.json                (about 10 minutes)

Every point is a process of its own with a linear model, so that its peak memory is its own; a
round visits all points of an axis. Sweeps are timed as a whole, their jobs one after the other and
side by side. Slopes are those of straight lines through the log-log points: 1 is proportional.
Writes a plot of each axis beside the JSON file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from measure import interleaved, spread, table, write

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


def axes(quick: bool) -> dict[str, dict[int, Run]]:
    """Returns the runs of each axis by their place on it."""
    every = slice(None, None, 3 if quick else 1)
    steps = "+trainer.limit_train_batches=100"
    return {
        "training images": {
            n: Run(f"data.num_val={MNIST - n}", "+trainer.limit_val_batches=0")
            for n in (1000, 2000, 5000, 10_000, 20_000, 40_000, 59_000)[every]
        },
        "latent dimensions": {
            n: Run(f"latent_dim={n}", steps) for n in (2, 8, 32, 128, 512)[every]
        },
        "hidden units": {
            n: Run(f"model.hidden_dims=[{n}]", steps)
            for n in (64, 128, 256, 512, 1024, 2048)[every]
        },
        "batch size": {
            n: Run(f"data.batch_size={n}", steps.replace("100", "14"))
            for n in (32, 128, 512, 1024, 2048, 4096)[every]
        },
    }


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


def measure(axis: str, runs: dict[int, Run], rounds: int, folder: Path) -> dict[str, Any]:
    seconds = interleaved({str(n): run for n, run in runs.items()}, rounds=rounds, warm_up=False)
    places = list(runs)
    medians = [spread(seconds[str(n)]).median for n in places]
    memory = [run.peak_mb for run in runs.values()]
    rows = [[str(n), str(spread(seconds[str(n)])), f"{run.peak_mb:.0f}"] for n, run in runs.items()]
    print(f"\n{table([axis, 'seconds of training', 'peak memory, MB'], rows)}")
    lines = {"seconds": (places, medians), "peak memory, MB": (places, memory)}
    plot(folder / f"growth_{axis.replace(' ', '_')}.png", axis, lines)
    return {
        "seconds": seconds,
        "peak_memory_mb": dict(zip(places, memory, strict=True)),
        "slopes": {name: slope(*line) for name, line in lines.items()},
    }


def sweeps(quick: bool) -> dict[str, dict[int, tuple[int, list[str]]]]:
    """Returns the sweeps of each axis by their place on it: how many jobs, and of what."""
    small = ["data=mnist_5k", "trainer.max_epochs=2"]
    return {
        "jobs of two epochs on 4,000 images": {
            count: (count, small) for count in ((1, 4) if quick else (1, 2, 4, 8, 16))
        },
        "epochs of each of four jobs on MNIST": {
            epochs: (4, ["data=mnist", f"trainer.max_epochs={epochs}"])
            for epochs in ((1, 3) if quick else (1, 3, 10))
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
    axis: str, places: dict[int, tuple[int, list[str]]], rounds: int, folder: Path
) -> dict[str, Any]:
    launchers = ways()
    variants: dict[str, Callable[[], float]] = {
        f"{way} {place}": partial(sweep, *of, launcher)
        for place, of in places.items()
        for way, launcher in launchers.items()
    }
    seconds = interleaved(variants, rounds=rounds, warm_up=False)
    lines = {
        way: (list(places), [spread(seconds[f"{way} {place}"]).median for place in places])
        for way in launchers
    }
    rows = [
        [str(place), *(str(spread(seconds[f"{way} {place}"])) for way in launchers)]
        for place in places
    ]
    print(f"\n{table([axis, *(f'{way}, seconds' for way in launchers)], rows)}", flush=True)
    plot(folder / f"growth_{axis.split()[0]}.png", axis, lines)
    return {"seconds": seconds, "slopes": {way: slope(*line) for way, line in lines.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    folder = options.out.parent
    folder.mkdir(parents=True, exist_ok=True)
    found = {
        axis: measure(axis, runs, options.rounds, folder)
        for axis, runs in axes(options.quick).items()
    }
    found |= {
        axis: measure_sweeps(axis, places, options.rounds, folder)
        for axis, places in sweeps(options.quick).items()
    }
    slopes = [[axis, ", ".join(f"{name} {value:.2f}" for name, value in one["slopes"].items())]
              for axis, one in found.items()]  # fmt: skip
    print(f"\n{table(['axis', 'slopes'], slopes)}")
    write(options.out, "growth", {**vars(options), "out": str(options.out)}, found)


if __name__ == "__main__":
    main()
