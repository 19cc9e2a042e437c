"""The runs of some folders: those that finished, and what was left out and why."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_lab.config.identity import (
    ADDED_LATER,
    INIT_FROM,
    INIT_WEIGHTS,
    flatten,
    is_volatile,
    options_of,
    source_name,
)
from vae_lab.errors import UserError, refusing
from vae_lab.evaluations import EvaluationRecord, evaluations_of, numbers_of, read_per_image
from vae_lab.loggers.event_files import Curves, read_curves
from vae_lab.ownership import COMPARISON, EXPLORER, FIGURES, is_ours
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
        """Every key of the configuration that can matter, and the option of each group.

        Of keys that the run's version did not have, the value that computes the same.
        """
        keys = {key: value for key, value in flatten(self.config) if not is_volatile(key)}
        if weights := keys.pop(INIT_WEIGHTS, None):
            # Short, and different for other weights of one name.
            keys[INIT_FROM] = f"{source_name(str(keys.get(INIT_FROM)))} ({str(weights)[:6]})"
        return {**options_of(self.result.choices), **ADDED_LATER, **keys}

    @cached_property
    def per_image(self) -> dict[str, np.ndarray]:
        """Bound and terms of every test image, each (N,); empty if they were not kept."""
        return read_per_image(self.folder)

    @cached_property
    def explorer(self) -> Path | None:
        """The page of its model, `explorer.html`; None if there is none that we wrote."""
        path = self.path / EXPLORER
        try:
            return path if path.is_file() and is_ours(path) else None
        except OSError:
            return None

    @cached_property
    def curves(self) -> Curves:
        """Its curves: tag -> epochs completed -> value."""
        return read_curves(self.path)

    @cached_property
    def evaluations(self) -> list[EvaluationRecord]:
        """What `python -m vae_lab.evaluate` measured of the tested weights; most samples first."""
        return evaluations_of(self.folder)

    @cached_property
    def picture_metrics(self) -> list[dict[str, Number]]:
        """Its picture metrics by name: of each evaluation of the tested weights, and of its end."""
        records = [record.picture_metrics for record in self.evaluations]
        return [it for it in [*records, numbers_of(self.result.picture_metrics)] if it]

    @cached_property
    def kl_per_dimension(self) -> list[float]:
        """The mean KL of each latent dimension in nats, largest first; empty if unknown."""
        return sorted(self.result.latent.get("kl_per_dimension") or [], reverse=True)

    def read_all(self) -> None:
        """Reads the numbers that a page shows; files that are not ours make it fail in any way."""
        json.dumps([self.settings, self.result.protocol])
        _ = self.per_image, self.curves, self.picture_metrics, self.kl_per_dimension
        int(self.seed or 0)


def find_runs(
    folders: Sequence[Path], look: Callable[[Run], object] = Run.read_all
) -> tuple[list[Run], list[Skipped]]:
    """Returns the finished runs at and below some folders, in the order they began.

    A run at which `look` fails is left out: its files can be damaged, or made up.

    Raises:
        UserError: A folder does not exist, or there is no finished run.
    """
    candidates: dict[Path, Run | Skipped] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(
                f"{folder} is not a folder: name a sweep's, a run's, or one of several."
            )
        for candidate in _candidates(folder, look):
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


def _candidates(folder: Path, look: Callable[[Run], object]) -> Iterator[Run | Skipped]:
    """Yields the runs at and below a folder, and its folders that hold none."""
    run_folders = [path.parent for path in sorted(folder.rglob(RESULT))]
    yield from (_read(RunFolder(path), look) for path in run_folders)
    if folder in run_folders:
        return
    try:
        children = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"{folder} cannot be read: {error.strerror}.") from error
    for child in children:
        ours = child.name in (FIGURES, COMPARISON) or child.name.startswith(".")
        holds_runs = any(path.is_relative_to(child) for path in run_folders)
        if child.is_dir() and not ours and not holds_runs:
            yield Skipped(child, f"holds no {RESULT}: no run, or one that never started")


def _read(folder: RunFolder, look: Callable[[Run], object]) -> Run | Skipped:
    path = folder.path
    try:
        with refusing("it cannot be read"):
            result = folder.read_result()
            if result.status != SUCCESS:
                unfinished = result.status == RUNNING
                words = "unfinished, or still running" if unfinished else result.status
                return Skipped(path, f"{words}: {result.error}" if result.error else words)
            run = Run(folder)
            bound = result.metrics.get("elbo/test")
            if bound is None or not math.isfinite(bound):
                words = "has no test bound" if bound is None else f"its test bound is {bound}"
                return Skipped(path, words)
            look(run)
    except UserError as error:
        return Skipped(path, str(error))
    return run
