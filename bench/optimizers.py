"""Muon or Adam: validation bounds after the same wall time, for several budgets and seeds.

    python bench/optimizers.py --out optimizers.json        (hours; a second call continues)
    python bench/optimizers.py --models linear --budgets 5,10 --out optimizers.json

Both train with their defaults for the model. Adam trains for so many epochs, Muon for as many steps
as take the same time: a step of Muon takes `--ratio` times as long as one of Adam, which is
measured first unless it is given. Each schedule is laid over all steps of its run. Latent dimension
10, one thread, no pictures.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from measure import interleaved, ratios, spread, table, train, write
from peers import BATCH
from training import as_set, bare_seconds, loaded

STEPS = {"linear": 300, "conv": 12}
LEAN = ["callbacks=none", "logger=none", "report=null", "explorer=null", "threads=1",
        "trainer.enable_progress_bar=false", "latent_dim=10"]  # fmt: skip
WAYS = ("adam", "muon")


def way(kind: str, optimizer: str) -> list[str]:
    """Returns the settings of a model with one of the two."""
    return [f"model={kind}", f"optimizer={optimizer}"]


def step_ratio(kind: str, data: Any, common: list[str]) -> float:
    """Returns how many times as long a step of Muon takes as one of Adam."""
    timed = {}
    for optimizer in WAYS:
        settings = [*way(kind, optimizer), *common, "threads=1"]
        steps = partial(bare_seconds, kind, data, settings)
        timed[optimizer] = partial(as_set, 1, True, steps, STEPS[kind])
    found = ratios(interleaved(timed, rounds=7), "muon", "adam")
    print(f"{kind}: a step of Muon takes {found} times as long as one of Adam", flush=True)
    return found.median


def bound(
    kind: str, optimizer: str, steps: int, seed: int, common: list[str]
) -> dict[str, float | int | str]:
    """Returns the bounds and the seconds of one run of so many steps."""
    result = train(
        *way(kind, optimizer), *LEAN, *common, f"seed={seed}", f"trainer.max_steps={steps}",
        "trainer.max_epochs=1000",
    )  # fmt: skip
    return {
        "steps": steps,
        "val": result.metrics["elbo/val"],
        "test": result.metrics["elbo/test"],
        "seconds": result.seconds["total"],
        "precision": result.precision,
    }


def shown(found: dict[str, Any], kind: str, budgets: list[int], seeds: list[int]) -> str:
    """Returns a model's table; a cell has a value per seed."""
    rows = []
    for budget in budgets:
        keys = {way: [f"{kind} {way} {budget} {seed}" for seed in seeds] for way in WAYS}
        values = {way: [found[key]["val"] for key in keys[way]] for way in WAYS}
        gains = [muon - adam for adam, muon in zip(values["adam"], values["muon"], strict=True)]
        cells = [", ".join(f"{value:.2f}" for value in values[way]) for way in WAYS]
        steps = found[keys["muon"][0]]["steps"]
        rows.append([str(budget), str(steps), *cells, str(spread(gains))])
    head = ["epochs of Adam", "steps of Muon", "Adam", "Muon", "gain of Muon, nats"]
    return table(head, rows)


def measure(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """Fills `found`, which is kept on the disk after each run; what is there is not done again."""
    common = [f"data={options.data}", *options.settings]
    data = loaded(options.data)
    in_epoch = -(-len(data.train_images) // BATCH)
    for kind in options.models:
        if f"{kind} ratio" not in found:
            found[f"{kind} ratio"] = options.ratio or step_ratio(kind, data, common)
        todo = [(budget, seed, optimizer) for budget in options.budgets for seed in options.seeds
                for optimizer in WAYS]  # fmt: skip
        for budget, seed, optimizer in todo:
            key = f"{kind} {optimizer} {budget} {seed}"
            if key not in found:
                share = found[f"{kind} ratio"] if optimizer == "muon" else 1
                steps = round(budget * in_epoch / share)
                found[key] = bound(kind, optimizer, steps, seed, common)
                print(f"{key}: {found[key]['val']:.2f}", flush=True)
                write(options.out, "Muon or Adam", vars(options), found)
        print(f"\n{kind}\n\n{shown(found, kind, options.budgets, options.seeds)}", flush=True)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--models", nargs="*", default=["linear", "conv"])
    parser.add_argument("--budgets", type=numbers, default=[5, 10, 20, 50])
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2])
    parser.add_argument("--ratio", type=float, help="of a step of Muon to one of Adam")
    parser.add_argument("--settings", nargs="*", default=[], help="more settings of all runs")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = json.loads(options.out.read_text())["found"] if options.out.exists() else {}
    measure(options, found)


if __name__ == "__main__":
    main()
