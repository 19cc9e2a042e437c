"""Short runs on the stripes, trained and evaluated."""

from pathlib import Path
from typing import Any

from stripes import small_config

from vae_lab.evaluate import __main__ as evaluate_command
from vae_lab.training.run import run

SMALL = (
    "trust=true",
    "num_images=10",
    "num_samples=20",
    "num_train=50",
    "num_generated=20",
    "threads=1",
)


def train(folder: Path, *overrides: str) -> tuple[dict[str, Any], Path]:
    config, choices = small_config(folder / "conf", *overrides)
    target = folder / "run"
    target.mkdir(parents=True, exist_ok=True)
    return run(config, choices, target, "python -m vae_lab test"), target


def evaluated(folder: Path, *overrides: str) -> dict[str, Any]:
    return evaluate_command.evaluate_run(evaluate_command.check([str(folder), *SMALL, *overrides]))
