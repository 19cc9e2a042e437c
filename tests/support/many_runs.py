"""Sixty made-up runs: a sweep over two models, three sizes and ten seeds, as a desk has them."""

from pathlib import Path

from fake_runs import write_events, write_run

MODELS, SIZES, SEEDS = ("linear", "conv"), (2, 5, 10), range(10)


def bound_of(model: str, latent_dim: int, seed: int) -> float:
    """Returns the test bound of a run, in nats per image."""
    return -150.0 + 4 * latent_dim + 10 * (model == "conv") - 0.25 * seed


def write_sixty(folder: Path) -> Path:
    """Writes the runs into a folder, each with the curve of three epochs."""
    for model in MODELS:
        for latent_dim in SIZES:
            for seed in SEEDS:
                bound = bound_of(model, latent_dim, seed)
                run = write_run(
                    folder / f"{model}-z{latent_dim}-seed{seed}",
                    elbo=bound,
                    latent_dim=latent_dim,
                    seed=seed,
                    choices={"model": model},
                    config={"optimizer": {"lr": 0.01 if model == "linear" else 0.005}},
                )
                write_events(run, {"elbo/val": [bound - 20, bound - 5, bound - 1]})
    return folder
