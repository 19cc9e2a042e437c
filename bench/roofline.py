"""What bounds a training step: its work, compared with what the processor can do at most.

    python bench/roofline.py --out roofline.json            (2 minutes)
    python bench/roofline.py --quick --out roofline.json

The steps are those of `vae_lab` without validation, pictures and logging, and of a plain loop, on
all cores or --threads, in each precision that the processor has instructions for. Of each: its
operations and bytes (an estimate: `work.py`), and the roof, the time that these take at the peaks
of `peaks.py`, whichever of the two is longer. The share of the roof is that time divided by the
time found, in one round. It exceeds 1 if what a step needs stays in the caches. Then the same for
each layer of `conv` (`layers.py`). Writes a plot for each precision beside the JSON file.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import layers
import torch
import work
from measure import (
    NO_BF16,
    calibrated,
    caption,
    interleaved,
    options,
    processor,
    spread,
    table,
    write,
)
from peaks import copying, peak, precisions, quickest
from peers import plain, quiet
from roofline_plot import Point, plot
from training import LATENT_DIM, STEPS, as_set, bare_seconds, loaded

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.environment import available_cores

LIGHTNING = {"fp32": "32-true", "bf16": "bf16-mixed"}
# The least share of the roof of a conv step.
GOALS = {"conv fp32": 0.67, "conv bf16": 0.56}
Seconds = dict[str, list[float]]
HEAD = ["GFLOP", "MB", "FLOP per byte", "roof, GFLOP/s", "GFLOP/s", "GB/s", "bound by",
        "share of the roof"]  # fmt: skip


class Found:
    """The work of something, its seconds round by round, and the peaks of the same rounds."""

    def __init__(self, done: work.Work, seconds: list[float], limits: Seconds, precision: str):
        self.work, self.seconds = done, spread(seconds)
        self.peak, self.copying = limits[precision], limits["copy"]
        least = map(done.least_seconds, self.peak, self.copying)
        self.share = spread([roof / own for roof, own in zip(least, seconds, strict=True)])

    def numbers(self) -> dict[str, Any]:
        """Returns what the JSON file and the plot say of it."""
        peak, copying = spread(self.peak).median, spread(self.copying).median
        roof = self.work.least_seconds(peak, copying)
        return {
            "flop": self.work.flop,
            "bytes": self.work.bytes,
            "flop_per_byte": self.work.intensity,
            "seconds": self.seconds,
            "peak_flop_per_second": 1 / peak,
            "copied_bytes_per_second": 1 / copying,
            "roof_flop_per_second": self.work.flop / roof,
            "flop_per_second": self.work.flop / self.seconds.median,
            "bytes_per_second": self.work.bytes / self.seconds.median,
            "bound_by": "products" if self.work.flop * peak >= roof else "memory",
            "share_of_roof": self.share,
        }

    def cells(self) -> list[str]:
        found = self.numbers()
        scaled = [("flop", 1e9), ("bytes", 1e6), ("flop_per_byte", 1),
                  ("roof_flop_per_second", 1e9), ("flop_per_second", 1e9),
                  ("bytes_per_second", 1e9)]  # fmt: skip
        cells = [f"{found[name] / unit:.3g}" if found[name] else "" for name, unit in scaled]
        return [*cells, found["bound_by"], str(self.share)]


def limits() -> dict[str, Callable[[], float]]:
    """Returns the peaks, timed: seconds of an operation in each precision, and of a byte."""
    return {name: partial(peak, dtype) for name, dtype in precisions().items()} | {"copy": copying}


def steps(kind: str, data: Any, threads: int, end: float, rounds: int) -> dict[str, Found]:
    """Returns the steps of one model, in each precision."""
    timed = {}
    for precision in precisions():
        chosen = [f"threads={threads}", f"trainer.precision={LIGHTNING[precision]}"]
        chosen += ["optimizer=adam"]
        ours = partial(bare_seconds, kind, data, chosen)
        loop = partial(plain, kind, LATENT_DIM, data.train_images, bf16=precision == "bf16")
        timed[f"{kind} {precision}"] = partial(as_set, threads, True, ours)
        timed[f"{kind} {precision}, plain loop"] = partial(as_set, threads, True, loop)
    done = {name: work.of_a_step(one) for name, one in timed.items()}
    fewest, most = STEPS[kind]
    begin = time.monotonic()
    for one in limits().values():
        one()
    beside = time.monotonic() - begin
    count = calibrated(
        timed.values(), rounds=rounds, end=end, fewest=fewest, most=most, beside=beside
    )
    seconds = interleaved(
        {**limits(), **{name: partial(one, count) for name, one in timed.items()}},
        rounds=rounds,
        warm_up=False,
        end=end,
    )
    return {
        name: Found(
            done[name], [value / count for value in seconds[name]], seconds, precision_of(name)
        )
        for name in timed
    }


def precision_of(name: str) -> str:
    return next(precision for precision in precisions() if precision in name)


def parts(data: Any, threads: int, end: float, rounds: int) -> dict[str, Found]:
    """Returns each pass of each layer of conv, in each precision."""
    torch.set_num_threads(threads)
    timed = {}
    for precision in precisions():
        (job,) = compose_jobs(["model=conv", "optimizer=adam", f"latent_dim={LATENT_DIM}"])
        found = layers.passes(resolved(job.config), data.train_images, bf16=precision == "bf16")
        timed |= {f"{part} | {one} | {precision}": call for (part, one), call in found.items()}
    done = {name: work.of(call) for name, call in timed.items()}
    # What the peaks leave of a round. All is warm: the steps were timed, and the passes counted.
    each = 0.5 * (end - time.monotonic()) / rounds / len(timed)
    calls = {name: partial(quickest, call, each) for name, call in timed.items()}
    seconds = interleaved({**limits(), **calls}, rounds=rounds, warm_up=False, end=end)
    return {
        name: Found(done[name], seconds[name], seconds, name.rpartition(" | ")[2]) for name in timed
    }


def show_steps(found: dict[str, Found]) -> None:
    rows = [
        [name, *one.cells(), f"at least {GOALS[name]}" if name in GOALS else ""]
        for name, one in found.items()
    ]
    print(f"\n{table(['step', *HEAD, 'goal'], rows)}\n")
    print(peaks_in_words({name: one.numbers() for name, one in found.items()}), flush=True)


def peaks_in_words(steps: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns the peaks in the minutes of conv's steps."""
    peaks = {name.removeprefix("conv "): one for name, one in steps.items()
             if name.startswith("conv ") and "," not in name}  # fmt: skip
    products = ", ".join(
        f"{name} {one['peak_flop_per_second'] / 1e9:.3g} GFLOP/s" for name, one in peaks.items()
    )
    copied = next(iter(peaks.values()))["copied_bytes_per_second"]
    return f"Peaks: products {products}; copying {copied / 1e9:.3g} GB/s."


def show_parts(found: dict[str, Found], whole: dict[str, Found]) -> None:
    """Prints the passes of conv, and what they add up to beside a whole step."""
    rows = []
    for name, one in found.items():
        part, which, precision = name.split(" | ")
        rows.append([part, which, precision, f"{one.seconds.median * 1000:.3g}", *one.cells()])
    print(f"\n{table(['part of conv', 'pass', 'precision', 'ms', *HEAD], rows)}")
    for precision in precisions():
        total = sum(one.seconds.median for name, one in found.items() if name.endswith(precision))
        step = whole[f"conv {precision}"].seconds.median
        print(f"{precision}: all parts {total * 1000:.3g} ms, a whole step {step * 1000:.3g} ms.")


def draw(found: dict[str, Found], folder: Path, threads: int) -> None:
    """Draws for each precision the steps and the layers below the roof."""
    machine = processor()
    for precision in precisions():
        chosen = {name: one for name, one in found.items() if precision_of(name) == precision}
        points = []
        for name, one in chosen.items():
            part, _, rest = name.partition(" | ")
            kind = rest.partition(" | ")[0] or "step"
            points.append(
                Point(
                    part.replace(f" {precision}", ""),
                    kind,
                    one.work.intensity,
                    one.work.flop / one.seconds.median,
                )
            )
        any_of = next(reversed(chosen.values()))
        plot(
            folder / f"roofline_{precision}.png",
            f"{precision}; {machine['machine']}; torch: {machine['torch_uses']}; {threads} threads",
            1 / spread(any_of.peak).median,
            1 / spread(any_of.copying).median,
            points,
        )


def main() -> None:
    asked = options(__doc__, budget=120, quick=35)
    end = time.monotonic() + asked.budget
    threads = asked.threads or available_cores()
    rounds = min(asked.rounds, 3) if asked.quick else asked.rounds
    quiet()
    data, found = loaded(asked.data), {}
    torch.set_num_threads(threads)
    for part, kind in ((0.25, "linear"), (0.45, "conv")):
        now = time.monotonic()
        found |= steps(kind, data, threads, now + (end - now) * part, rounds)
    print(caption(f"{threads} threads"))
    if len(precisions()) == 1:
        print(NO_BF16)
    show_steps(found)
    of_conv = parts(data, threads, end, rounds)
    show_parts(of_conv, found)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    draw(found | of_conv, asked.out.parent, threads)
    numbers = {name: one.numbers() for name, one in (found | of_conv).items()}
    write(asked.out, "what bounds a step", vars(asked) | {"threads": threads}, numbers)


if __name__ == "__main__":
    main()
