"""The runs of some folders: those that finished, and what was left out and why."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_lab.config.identity import flatten, is_volatile
from vae_lab.errors import UserError
from vae_lab.loggers.event_files import Curves, read_curves
from vae_lab.ownership import FIGURES
from vae_lab.run_folder import RESULT, RUNNING, SUCCESS, Number, RunFolder


class Skipped(NamedTuple):
    """A folder that the report leaves out."""

    path: Path
    reason: str


class Run:
    """A finished run, read from its folder. Larger files are read when they are asked for."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder, self.path = folder, folder.path
        self.config, self.result = folder.config, folder.require_result()
        self.name = self.result.name or folder.name
        self.seed = self.config.get("seed") if self.result.seed is None else self.result.seed
        self.data_name = str(self.result.protocol.get("data") or self.result.data.get("name"))

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every key of the configuration that can matter, and the option of each group."""
        keys = {key: value for key, value in flatten(self.config) if not is_volatile(key)}
        return {**self.result.choices, **keys}

    @cached_property
    def per_image(self) -> dict[str, np.ndarray]:
        """Bound and terms of every test image, each (N,); empty if they were not kept."""
        try:
            with np.load(self.folder.per_image, allow_pickle=False) as file:
                return {name: file[name] for name in ("elbo", "recon", "kl")}
        except (OSError, ValueError, KeyError):
            return {}

    @cached_property
    def curves(self) -> Curves:
        """Its curves: tag -> epochs completed -> value."""
        return read_curves(self.path)

    @cached_property
    def picture_metrics(self) -> list[dict[str, Number]]:
        """Its picture metrics by name: of each evaluation of these weights, and of its end."""
        weights = self.result.protocol.get("weights")
        records: list[Any] = []
        for path in sorted(self.path.glob("evaluation-test-*.json")):
            try:
                evaluation = json.loads(path.read_text(encoding="utf-8"))
                same_run = evaluation["config_hash"] == self.result.config_hash
                if same_run and evaluation["protocol"]["weights"] == weights:
                    # Older evaluations call them findings.
                    records.append(evaluation.get("picture_metrics", evaluation.get("findings")))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue
        records.append(self.result.picture_metrics)
        return [numbers for record in records if (numbers := _numbers(record))]

    @cached_property
    def kl_per_dimension(self) -> list[float]:
        """The mean KL of each latent dimension in nats, largest first; empty if unknown."""
        return sorted(self.result.latent.get("kl_per_dimension") or [], reverse=True)


def _numbers(record: Any) -> dict[str, Number]:
    """Returns the numbers of a file's record by name; what is no number is left out."""
    if not isinstance(record, Mapping):
        return {}
    return {
        name: Number.from_json(name, entry)
        for name, entry in record.items()
        if isinstance(entry, Mapping) and "value" in entry
    }


def find_runs(folders: Sequence[Path]) -> tuple[list[Run], list[Skipped]]:
    """Returns the finished runs at and below some folders, in the order they began.

    Raises:
        UserError: A folder does not exist, or there is no finished run.
    """
    candidates: dict[Path, Run | Skipped] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder: name a sweep's, a run's, or one of several.")
        for candidate in _candidates(folder):
            candidates.setdefault(candidate.path.resolve(), candidate)
    runs = [it for it in candidates.values() if isinstance(it, Run)]
    skipped = [it for it in candidates.values() if isinstance(it, Skipped)]
    if not runs:
        reasons = "".join(f" {path.resolve().name}: {reason}." for path, reason in skipped[:3])
        raise UserError(
            f"no finished run in {', '.join(map(str, folders))}: train first, or name another "
            f"folder.{reasons}"
        )
    images = image_identities(runs)
    kept: dict[tuple[str, str], Run] = {}
    for run in sorted(runs, key=lambda run: str(run.result.started)):
        # A run with the configuration and the images of an earlier run is the same run again.
        first = kept.setdefault((run.result.config_hash, images[run]), run)
        if first is not run:
            reason = f"the same configuration and seed as {first.path}"
            skipped.append(Skipped(run.path, reason))
    return list(kept.values()), skipped


def image_identities(runs: Sequence[Run]) -> dict[Run, str]:
    """Returns the fingerprint of each run's images; empty if it is not known.

    Older runs have none. They get that of the runs whose data has the same name, if it is one.
    """
    fingerprints = {run: str(run.result.data.get("fingerprint") or "") for run in runs}
    by_name: dict[str, set[str]] = {}
    for run, fingerprint in fingerprints.items():
        if fingerprint:
            by_name.setdefault(run.data_name, set()).add(fingerprint)
    for run, fingerprint in fingerprints.items():
        named = by_name.get(run.data_name, set())
        if not fingerprint and len(named) == 1:
            (fingerprints[run],) = named
    return fingerprints


def _candidates(folder: Path) -> Iterator[Run | Skipped]:
    """Yields the runs at and below a folder, and its folders that hold none."""
    run_folders = [path.parent for path in sorted(folder.rglob(RESULT))]
    yield from (_read(RunFolder(path)) for path in run_folders)
    if folder in run_folders:
        return
    for child in sorted(folder.iterdir()):
        ours = child.name == FIGURES or child.name.startswith(".")
        holds_runs = any(path.is_relative_to(child) for path in run_folders)
        if child.is_dir() and not ours and not holds_runs:
            yield Skipped(child, f"holds no {RESULT}: no run, or one that never started")


def _read(folder: RunFolder) -> Run | Skipped:
    path, result = folder.path, folder.result
    if result is None:
        return Skipped(path, f"its {RESULT} cannot be read")
    if result.status != SUCCESS:
        unfinished = "unfinished, or still running" if result.status == RUNNING else result.status
        return Skipped(path, f"{unfinished}: {result.error}" if result.error else unfinished)
    try:
        run = Run(folder)
    except UserError as error:
        return Skipped(path, str(error))
    bound = run.result.metrics.get("elbo/test")
    if bound is None or not math.isfinite(bound):
        return Skipped(path, "has no test bound" if bound is None else f"its test bound is {bound}")
    return run
