"""Short runs on the stripes, trained and evaluated."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from stripes import small_config

from vae_lab.config.identity import config_hash
from vae_lab.evaluate.__main__ import evaluate_run
from vae_lab.evaluate.requests import check
from vae_lab.run_folder import RunFolder, RunResult
from vae_lab.training.request import RunRequest
from vae_lab.training.run import run

SMALL = (
    "trust=true",
    "num_images=10",
    "num_samples=20",
    "num_train=50",
    "num_generated=20",
    "threads=1",
)


def run_job(config: Mapping[str, Any], choices: Mapping[str, str], folder: Path) -> RunResult:
    """Does the run of a composed job, as the command line would."""
    command = "python -m vae_lab test"
    request = RunRequest(
        config=config, choices=choices, folder=RunFolder(folder), command=command, trust=True
    )
    return run(request)


def train(folder: Path, *overrides: str) -> tuple[RunResult, Path]:
    config, choices = small_config(folder / "conf", *overrides)
    target = folder / "run"
    target.mkdir(parents=True, exist_ok=True)
    return run_job(config, choices, target), target


def evaluated(folder: Path, *overrides: str) -> dict[str, Any]:
    return evaluate_run(*check([str(folder), *SMALL, *overrides]).requests).content


def make_earlier(folder: Path) -> None:
    """Gives a run's folder and checkpoints the hash that earlier versions made."""
    run = RunFolder(folder)
    earlier = config_hash(run.config, with_modules=True)
    run.write_result(replace(run.require_result(), config_hash=earlier))
    for path in run.checkpoints.glob("*.ckpt"):
        content = torch.load(path, weights_only=True)
        torch.save(content | {"config_hash": earlier}, path)
