"""How far a training step is from what the processor can do at all.

    python bench/peak.py --out peak.json                    (about a minute)

A step's floating-point operations are counted by torch, forwards and backwards; the peak is the
best rate of square matrix products in the same precision, timed in the same rounds.
"""

import argparse
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measure import interleaved, spread, table, write
from peers import BATCH, networks, plain
from torch.utils.flop_counter import FlopCounterMode

from vae_lab.config import available_cores

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


def measure(rounds: int) -> dict[str, Any]:
    images = torch.randint(0, 256, (BATCH * max(STEPS.values()), 1, 28, 28), dtype=torch.uint8)
    variants = {f"peak {name}": partial(product, dtype) for name, dtype in PRECISIONS.items()}
    for kind, steps in STEPS.items():
        for name in PRECISIONS:
            variants[f"{kind} {name}"] = partial(
                plain, kind, LATENT_DIM, images, steps, bf16=name == "bf16"
            )
    seconds = interleaved(variants, rounds=rounds)
    found, rows = {}, []
    for kind, steps in STEPS.items():
        flops = operations(kind)
        for name in PRECISIONS:
            peak = [2 * SIDE**3 / value for value in seconds[f"peak {name}"]]
            rate = [flops * steps / value for value in seconds[f"{kind} {name}"]]
            times = spread([best / own for best, own in zip(peak, rate, strict=True)])
            goal = GOALS.get((kind, name))
            found[f"{kind} {name}"] = {
                "gflop_per_step": flops / 1e9,
                "gflop_per_second": spread([value / 1e9 for value in rate]),
                "peak_gflop_per_second": spread([value / 1e9 for value in peak]),
                "times_the_peak": times,
                "goal": goal,
            }
            rows.append(
                [
                    *(f"{kind} {name}", f"{flops / 1e9:.3g}"),
                    *(str(spread([value / 1e9 for value in values])) for values in (rate, peak)),
                    *(str(times), f"at most {goal}" if goal else ""),
                ]
            )
    head = ["step", "GFLOP", "GFLOP/s", "peak, GFLOP/s", "times the peak's time", "goal"]
    print(table(head, rows))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(available_cores())
    found = measure(2 if options.quick else options.rounds)
    write(options.out, "distance from the peak", {**vars(options), "out": str(options.out)}, found)


if __name__ == "__main__":
    main()
