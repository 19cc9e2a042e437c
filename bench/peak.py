"""How far a training step is from what the processor can do at all.

    python bench/peak.py --out peak.json                    (about a minute)

A step's floating-point operations are counted by torch, forwards and backwards; the peak is the
best rate of square matrix products in the same precision, timed in the same rounds. The steps are
those of `vae_lab` without validation, pictures and logging, and of a plain loop, on all cores.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measure import Spread, interleaved, spread, table, write
from peers import BATCH, networks, plain
from torch.utils.flop_counter import FlopCounterMode
from training import as_set, bare_seconds

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.environment import available_cores

LATENT_DIM = 10
SIDE = 2048
STEPS = {"linear": 300, "conv": 16}
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
GOALS = {("conv", "fp32"): 1.5, ("conv", "bf16"): 1.8}


def operations(kind: str) -> int:
    """Returns the floating-point operations of one training step."""
    encoder, decoder = networks(kind, LATENT_DIM)
    counter = FlopCounterMode(display=False)
    with counter:
        codes = encoder(torch.rand(BATCH, 1, 28, 28))
        decoder(codes[:, :LATENT_DIM]).sum().backward()
    return int(counter.get_total_flops())


def product(dtype: torch.dtype) -> float:
    """Returns the seconds of the quickest of a few products of square matrices."""
    left, right = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def variants(kind: str, data: Any, precision: str) -> dict[str, Callable[[], float]]:
    """Returns the steps of one model in one precision, timed."""
    alone = partial(as_set, available_cores(), True)
    bf16 = precision == "bf16"
    chosen = ["trainer.precision=" + ("bf16-mixed" if bf16 else "32-true")]
    given = (LATENT_DIM, data.train_images, STEPS[kind])
    return {
        f"{kind} {precision}": partial(
            alone, partial(bare_seconds, kind, data, STEPS[kind], chosen)
        ),
        f"{kind} {precision}, plain": partial(alone, partial(plain, kind, *given, bf16=bf16)),
    }


def measure(data: Any, rounds: int) -> dict[str, Any]:
    timed = {f"peak {name}": partial(product, dtype) for name, dtype in PRECISIONS.items()}
    pairs = [(kind, precision) for kind in STEPS for precision in PRECISIONS]
    for kind, precision in pairs:
        timed |= variants(kind, data, precision)
    seconds = interleaved(timed, rounds=rounds)
    flops = {kind: operations(kind) for kind in STEPS}
    found, rows = {}, []
    for name in (name for name in timed if not name.startswith("peak")):
        kind, precision = name.partition(",")[0].split()
        best = [2 * SIDE**3 / value / 1e9 for value in seconds[f"peak {precision}"]]
        rate = [flops[kind] * STEPS[kind] / value / 1e9 for value in seconds[name]]
        goal = GOALS.get((kind, precision)) if "plain" not in name else None
        found[name] = figures(flops[kind] / 1e9, rate, best) | {"goal": goal}
        shown = [f"{value:.3g}" if isinstance(value, float) else str(value)
                 for value in list(found[name].values())[:-1]]  # fmt: skip
        rows.append([name, *shown, f"at most {goal}" if goal else ""])
    print(table(["step", "GFLOP", "GFLOP/s", "peak, GFLOP/s", "times the peak", "goal"], rows))
    return found


def figures(gflop: float, rate: list[float], best: list[float]) -> dict[str, float | Spread | None]:
    times = spread([peak / own for peak, own in zip(best, rate, strict=True)])
    return {
        "gflop_per_step": gflop,
        "gflop_per_second": spread(rate),
        "peak_gflop_per_second": spread(best),
        "times_the_peak": times,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(available_cores())
    (job,) = compose_jobs([f"data={options.data}"])
    data = ImageDataModule.from_config(resolved(job.config), trust=True)
    data.setup()
    found = measure(data, 2 if options.quick else options.rounds)
    write(options.out, "distance from the peak", {**vars(options), "out": str(options.out)}, found)


if __name__ == "__main__":
    main()
