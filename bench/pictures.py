"""What the pictures cost: the seconds that each kind takes in a default run of each model.

    python bench/pictures.py --out pictures.json

Every picture of the 20 epochs is drawn at its real size and schedule. `linear` is trained in full.
`conv` is trained on 10 batches an epoch, since its pictures take as long after few steps as after
many, and the time of its full run is that of one full epoch without pictures, times the epochs;
--full trains it in full. Needs MNIST (VAE_LAB_DATA), or --data mnist_5k.
"""

import argparse
import functools
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from measure import caption, train, write

from vae_lab.callbacks.embedding import Embedding
from vae_lab.callbacks.evolution import Evolution
from vae_lab.callbacks.histograms import Histograms
from vae_lab.callbacks.picture import Picture

EPOCHS = 20
LIMITS = {"linear": "at most 3 s", "conv": "at most 5 %"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--latent-dim", default="10")
    parser.add_argument("--threads", default="null", help="1 on a machine that does other work")
    parser.add_argument(
        "--processor-time", action="store_true", help="with --threads 1, where others compute too"
    )
    parser.add_argument("--full", action="store_true", help="train conv in full, about 11 minutes")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    spent = count_seconds(clock)
    common = [
        f"data={options.data}",
        f"latent_dim={options.latent_dim}",
        f"threads={options.threads}",
    ]
    models = {
        model: measure(spent, [*common, f"model={model}"], full=model == "linear" or options.full)
        for model in LIMITS
    }
    write(options.out, "what the pictures cost", vars(options) | {"epochs": EPOCHS}, models)
    print(f"\n{caption(f'threads={options.threads}')}")
    print_table(models)


def measure(spent: dict[str, list[float]], chosen: list[str], *, full: bool) -> dict[str, Any]:
    """Trains one model and returns the seconds of its pictures and of its fit."""
    spent.clear()
    short = [] if full else ["+trainer.limit_train_batches=10"]
    train(*chosen, f"trainer.max_epochs={EPOCHS}", *short)
    (total,) = spent.pop("Trainer")
    pictures = {name: [round(sum(times), 3), len(times)] for name, times in spent.items()}
    seconds = sum(value for value, _ in pictures.values())
    if not full:
        train(*chosen, "trainer.max_epochs=1", "callbacks=none")
        total = EPOCHS * spent["Trainer"][0] + seconds
    return {
        "pictures": pictures,
        "pictures_seconds": round(seconds, 2),
        "fit_seconds": round(total, 1),
        "percent_of_training": round(100 * seconds / (total - seconds), 1),
    }


def count_seconds(clock: Callable[[], float]) -> dict[str, list[float]]:
    """Makes every picture, and fit, note how long it takes, by class; returns where they do."""
    spent: dict[str, list[float]] = defaultdict(list)

    def timed(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def noting(self: Any, *arguments: Any, **named: Any) -> None:
            start = clock()
            method(self, *arguments, **named)
            spent[type(self).__name__].append(clock() - start)

        return noting

    kinds = [(kind, "publish") for kind in (Picture, Histograms, Embedding, Evolution)]
    for owner, name in (*kinds, (pl.Trainer, "fit")):
        setattr(owner, name, timed(getattr(owner, name)))
    return spent


def print_table(models: dict[str, Any]) -> None:
    print(f"\n{'seconds (times drawn)':24}" + "".join(f"{name:>16}" for name in LIMITS))
    for name in dict.fromkeys(name for one in models.values() for name in one["pictures"]):
        cells = [one["pictures"].get(name, (0, 0)) for one in models.values()]
        print(f"{name:24}" + "".join(f"{f'{value:.2f} ({n})':>16}" for value, n in cells))
    rows = (("all pictures", "pictures_seconds"), ("the run", "fit_seconds"))
    for title, key in (*rows, ("% of the training", "percent_of_training")):
        print(f"{title:24}" + "".join(f"{one[key]:>16}" for one in models.values()))
    print(f"{'limit':24}" + "".join(f"{limit:>16}" for limit in LIMITS.values()))


if __name__ == "__main__":
    main()
