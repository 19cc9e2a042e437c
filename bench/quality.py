"""Time to quality: the shortest fixed budget that reaches the reference's bound, and how often.

    python bench/quality.py --out quality.json              (hours)
    python bench/quality.py --budgets linear-z10=4,6,8 --seeds 0,1,2 --out quality.json

Each budget is a whole run of experiment=shortest_linear or shortest_conv with that many epochs: its
schedule is laid over all of them. All choices are made on validation images: learning rate, betas
and batch of those recipes (their headers), and here the first budget with which every seed's
validation bound reaches the reference's. Then new seeds train with it, and their test bounds say
for how many of them it holds. The reference
needs 100 epochs of its script, extrapolated here from its speed in the same minute. Neither side's
seconds count the imports.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from measure import caption, spread, table, train, write
from peers import BATCH, script

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.environment import available_cores

# Nats per image: minus the test bounds of the reference report, after 100 epochs each.
REFERENCE = {"linear-z2": 155.51, "linear-z10": 115.93, "conv-z2": 150.55, "conv-z10": 101.35}
REFERENCE_EPOCHS, REFERENCE_IMAGES = 100, 60_000
BUDGETS = {"linear-z2": [3, 4, 5], "linear-z10": [3, 4, 5],
           "conv-z2": [6, 7, 8], "conv-z10": [13, 14, 15]}  # fmt: skip


def bounds(name: str, epochs: int, seed: int, common: list[str]) -> dict[str, Any]:
    """Returns the bounds and the seconds of one run with these settings."""
    kind, _, latent_dim = name.partition("-z")
    result = train(
        f"experiment=shortest_{kind}", f"latent_dim={latent_dim}", f"trainer.max_epochs={epochs}",
        f"seed={seed}", "trainer.enable_progress_bar=false", *common,
    )  # fmt: skip
    return {
        "seed": seed,
        "val": -result.metrics["elbo/val"],
        "test": -result.metrics["elbo/test"],
        "seconds": result.seconds["total"],
        "precision": result.precision,
    }


def script_seconds(name: str, data: str) -> float:
    """Returns what the reference's script would take for its 100 epochs, from some steps of it."""
    kind, _, latent_dim = name.partition("-z")
    (job,) = compose_jobs([f"data={data}"])
    module = ImageDataModule.from_config(resolved(job.config), trust=True)
    module.setup()
    torch.set_num_threads(available_cores())  # as torch starts
    steps = 200 if kind == "linear" else 20
    seconds = min(script(kind, int(latent_dim), module.train_images, steps) for _ in range(3))
    return seconds / (steps * BATCH) * REFERENCE_IMAGES * REFERENCE_EPOCHS


def search(
    name: str,
    budgets: list[int],
    seeds: list[int],
    new_seeds: list[int],
    data: str,
    settings: list[str],
) -> dict[str, Any]:
    """Tries budgets from the smallest until every seed's validation bound is good enough.

    The first seed whose bound is not ends a budget. New seeds then try the chosen one on the test
    images.
    """
    common = [f"data={data}", *settings]
    tried: dict[int, list[dict[str, Any]]] = {}
    for epochs in budgets:
        tried[epochs] = []
        for seed in seeds:
            one = bounds(name, epochs, seed, common)
            tried[epochs].append(one)
            print(f"{name}, {epochs} epochs, seed {seed}: test -{one['test']:.2f}, "
                  f"validation -{one['val']:.2f}", flush=True)  # fmt: skip
            if one["val"] >= REFERENCE[name]:
                break
        else:
            break
    runs = tried[epochs]
    reached = len(runs) == len(seeds) and runs[-1]["val"] < REFERENCE[name]
    if reached:
        runs = [bounds(name, epochs, seed, common) for seed in new_seeds]
    held = sum(one["test"] < REFERENCE[name] for one in runs)
    reference = script_seconds(name, data)
    seconds = spread([one["seconds"] for one in runs])
    return {
        "reference_bound": -REFERENCE[name],
        "epochs": epochs if reached else None,
        "tried": tried,
        "new": runs if reached else [],
        "held": f"{held} of {len(runs)}" if reached else "",
        "seconds": seconds,
        "test": spread([-one["test"] for one in runs]),
        "val": spread([-one["val"] for one in runs]),
        "reference_seconds": reference,
        "times_faster": reference / seconds.median if reached else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--new-seeds", default="10,11,12,13,14,15,16,17,18,19")
    parser.add_argument("--budgets", nargs="*", help="such as conv-z2=8,12; others are left out")
    parser.add_argument("--settings", nargs="*", default=[], help="more settings of all runs")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(available_cores())
    chosen = BUDGETS
    if options.budgets:
        pairs = (text.split("=") for text in options.budgets)
        chosen = {name: [int(part) for part in values.split(",")] for name, values in pairs}
    seeds, new_seeds = (
        [int(seed) for seed in text.split(",")] for text in (options.seeds, options.new_seeds)
    )
    found = {
        name: search(name, budgets, seeds, new_seeds, options.data, options.settings)
        for name, budgets in chosen.items()
    }
    rows = [
        [name, f"{one['reference_bound']:.2f}", str(one["epochs"] or "not reached"),
         one["held"], str(one["test"]), str(one["val"]), str(one["seconds"]),
         f"{one['reference_seconds']:.0f}",
         f"{one['times_faster']:.0f}" if one["times_faster"] else ""]
        for name, one in found.items()
    ]  # fmt: skip
    head = [
        "run",
        "reference",
        "epochs",
        "new seeds",
        "test",
        "validation",
        "seconds",
        "its script",
        "times",
    ]
    print(f"\n{caption('threads as a user has them')}\n\n{table(head, rows)}")
    if all(one["epochs"] for one in found.values()):
        ours = sum(one["seconds"].median for one in found.values())
        theirs = sum(one["reference_seconds"] for one in found.values())
        times = theirs / ours
        print(f"\nall {len(found)}: {ours:.0f} s, its script {theirs:.0f} s, {times:.1f} times")
    write(options.out, "time to quality", {**vars(options), "out": str(options.out)}, found)


if __name__ == "__main__":
    main()
