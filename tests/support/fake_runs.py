"""Made-up runs: folders as a run leaves them, with figures that a test chooses. No torch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from vae_lab.config.identity import config_hash

# A number as it is recorded.
Record = dict[str, Any]

# How a distance from the prior is found: of the standard normal, and of a learned prior.
BY_MOMENTS, BY_DRAWS = "moments", "draws"

AIS = "annealed importance sampling"

PROTOCOL = {
    "data": "made-up",
    "targets": "grey values in [0, 1], not binarised",
    "latent": "sampled",
    "num_samples": 1,
    "precision": "32-true",
    "weights": "best",
    "weights_epoch": 3,
}


def write_run(
    folder: Path,
    *,
    elbo: float,
    noise: float = 1.0,
    seed: int = 0,
    latent_dim: int = 2,
    choices: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    picture_metrics: dict[str, Any] | None = None,
    images: int = 400,
    **result: Any,
) -> Path:
    """Writes a finished run whose bound is `elbo` on average over its images, exactly.

    Every run has the same easy and hard images; `noise` is the scale of what differs.
    """
    hardness = np.random.default_rng(0).normal(0, 20, images)
    noises = np.random.default_rng([seed, latent_dim, len(str(folder))]).normal(0, noise, images)
    values = hardness + noises
    values += elbo - values.mean()
    kl = np.full(images, 6.0)
    options = {"model": "linear", "data": "made-up", **(choices or {})}
    # Something of each option, as a real configuration has: the hash is of it alone.
    of_options = {
        f"{group}_option": option
        for group, option in options.items()
        if group not in (config or {})
    }
    written = {"latent_dim": latent_dim, "seed": seed, **of_options, **(config or {})}
    recorded = {
        "name": folder.name,
        "status": "success",
        "config_hash": config_hash(written),
        "choices": options,
        "latent_dim": latent_dim,
        "seed": seed,
        "command": f"python -m vae_lab latent_dim={latent_dim} seed={seed}",
        "started": f"2026-01-01T00:00:{seed:02d}+00:00",
        "data": {"name": "made-up", "train": 10, "val": 5, "test": images},
        "epochs": 3,
        "metrics": {"elbo/test": elbo, "recon/test": -elbo - 6.0, "kl/test": 6.0},
        "standard_errors": {"elbo/test": float(values.std(ddof=1) / np.sqrt(images))},
        "latent": {"kl_per_dimension": [3.0] * latent_dim, "active_units": latent_dim},
        "protocol": PROTOCOL,
        "picture_metrics": picture_metrics or {},
        **result,
    }
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps({**written, "choices": options}))
    (folder / "result.json").write_text(json.dumps(recorded))
    np.savez(folder / "per_image.npz", elbo=values, recon=-values - kl, kl=kl)
    return folder


def write_evaluation(
    folder: Path,
    numbers: dict[str, Any],
    *,
    samples: int = 500,
    weights: str = "best",
    digest: str = "0",
    **settings: Any,
) -> Path:
    """Writes the evaluation of a run with 500 samples per image, or another number."""
    result = json.loads((folder / "result.json").read_text())
    path = folder / f"evaluation-test-{weights}-k{samples}-{digest}.json"
    record = {
        "run": result["name"],
        "config_hash": result["config_hash"],
        "protocol": {"weights": weights, "weights_epoch": 3, "seed": 0},
        "settings": {"num_samples": samples, "num_images": 1000, "seed": 0, **settings},
        "numbers": numbers,
        "picture_metrics": {},
    }
    path.write_text(json.dumps(record))
    return path


def write_anatomy(
    folder: Path, approximation: float, amortisation: float, *, error: float = 0.05,
    images: int = 100, sandwich: float | None = None, per_image: bool = True, **more: Any,
) -> Path:  # fmt: skip
    """Writes an evaluation with both gaps of a run, each with a standard error over images."""
    random = np.random.default_rng(len(str(folder)))
    gaps = {"approximation_gap": approximation, "amortisation_gap": amortisation}
    scale = error * np.sqrt(images)
    values = {name: scale * _standardised(random, images) + gap for name, gap in gaps.items()}
    protocol = {"images": images, "samples": 64, "steps": 300, "posterior": "diagonal"}
    numbers = {name: number(gap, error) for name, gap in gaps.items()} | {
        "log_likelihood": number(-100.0, 1.0, by="grid" if sandwich is None else AIS),
        "best_bound": number(-100.0 - approximation, 1.0),
        "encoder_bound": number(-100.0 - approximation - amortisation, 1.0),
    }
    for it in numbers.values():
        it["protocol"] |= protocol
    if sandwich is not None:
        numbers["sandwich"] = number(sandwich, 0.01)
    numbers |= more.pop("numbers", {})
    path = write_evaluation(folder, numbers, digest="1", anatomy=True, **more)
    if per_image:
        np.savez(path.with_suffix(".npz"), **values)
    return path


def _standardised(random: np.random.Generator, count: int) -> np.ndarray:
    """Values whose mean is 0 and whose standard deviation is 1."""
    values = random.normal(size=count)
    return (values - values.mean()) / values.std(ddof=1)


def make_former(folder: Path) -> Path:
    """Rewrites a run as an earlier version left it: its hash, and its numbers without words."""
    config = json.loads((folder / "config.yaml").read_text())
    config["model_class"] = {"_target_": "vae_lab.former_module.Model"}
    (folder / "config.yaml").write_text(json.dumps(config))
    result = json.loads((folder / "result.json").read_text())
    values = {key: value for key, value in config.items() if key != "choices"}
    result["config_hash"] = config_hash(values, with_modules=True)
    numbers = result.pop("picture_metrics")
    result["findings"] = {
        name: {key: value for key, value in record.items() if key != "words"}
        for name, record in numbers.items()
    }
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def write_events(folder: Path, curves: dict[str, Sequence[float]]) -> Path:
    """Writes an event file with scalars for the steps 1, 2, ... and a picture in between."""
    writer = EventFileWriter(str(folder))
    for tag, values in curves.items():
        for step, value in enumerate(values, start=1):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(Event(step=step, summary=summary))
    picture = Summary.Image(height=1, width=1, colorspace=1, encoded_image_string=b"\0" * 1000)
    summary = Summary(value=[Summary.Value(tag="picture", image=picture)])
    writer.add_event(Event(step=1, summary=summary))
    writer.close()
    (path,) = folder.glob("events.out.tfevents.*")
    return path


def number(value: Any, error: float | None = None, words: str = "", **protocol: Any) -> Record:
    """Returns a number as a run records it."""
    record = {"value": value, "standard_error": error, "protocol": {"images": 100, **protocol}}
    return {"words": words} | record if words else record


def classifier_number(
    value: Any, error: float | None = None, words: str = "", **more: Any
) -> Record:
    """Returns a number that the classifier gave."""
    protocol = {"classifier": "k", "neighbours": 5, "train_images": 9, "manifold_neighbours": 3}
    return number(value, error, words, **protocol) | more


# What a picture metric is the share of, in words.
SHARES = {
    "precision": "near real images (precision)",
    "unanimity": "with a sure classification",
}


def picture_metrics(*, sharpness: float, precision: float, error: float = 0.01) -> dict[str, Any]:
    """Returns every picture metric, with two values that a test chooses."""
    metrics = {
        f"{name}_of_{what}": number(value, error, f"the {name} of the {what}")
        for what in ("data", "reconstructions", "samples")
        for name, value in (("sharpness", 0.6 if what == "data" else sharpness), ("contrast", 0.3))
    }
    for name, share in SHARES.items():
        for what in ("data", "samples", "ends"):
            value, words = (precision if what == "samples" else 0.9), f"the share of {what} {share}"
            metrics[f"{name}_of_{what}"] = classifier_number(value, error, words)
        steps = [0.9, 0.5, precision, 0.5, 0.9]
        words = f"the share of points on interpolations {share}"
        metrics[f"{name}_of_interpolations"] = classifier_number(
            precision, error, words, by_step=steps
        )
    words = "the sharpness of the points on interpolations"
    return metrics | {
        "sharpness_of_interpolations": number(sharpness, error, words),
        "distance_from_prior": number(0.2, 0.01, "the distance", distance=BY_MOMENTS),
        "classifier_accuracy": classifier_number(0.95, words="the accuracy of the classifier"),
        "digits_of_samples": classifier_number({"1": 0.7, "8": 0.3}),
        "digits_of_map": classifier_number({"1": 0.5, "8": 0.5}),
        "digits_of_centre": classifier_number({"1": 0.2, "8": 0.8}),
        "digit_at_centre": classifier_number("8", votes=1.0),
        "distance_of_digits": number({"1": 2.5, "8": 0.5}),
    }
