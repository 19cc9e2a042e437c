"""The runs of some folders: those that finished, and what was left out and why."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_lab.config.identity import flatten, is_volatile
from vae_lab.errors import UserError
from vae_lab.loggers.event_files import Curves, read_curves
from vae_lab.run_folder import RESULT, RUNNING, SUCCESS, RunFolder

# What the report itself writes beside the runs.
FIGURES = "report_figures"


class Skipped(NamedTuple):
    """A folder that the report leaves out."""

    folder: Path
    reason: str


class Run:
    """A finished run, as its folder tells it. Larger files are read when asked for."""

    def __init__(self, files: RunFolder) -> None:
        self.files, self.folder = files, files.path
        self.config, self.result = files.config, files.require_result()
        self.name = self.result.name or self.folder.name
        self.seed = self.config.get("seed") if self.result.seed is None else self.result.seed

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every key of the configuration that can matter, and the option of each group."""
        choices = self.result.choices
        keys = {key: value for key, value in flatten(self.config) if not is_volatile(key)}
        return {**choices, **keys}

    @cached_property
    def per_image(self) -> dict[str, np.ndarray]:
        """Bound and terms of every test image, each (N,); empty where they were not kept."""
        try:
            with np.load(self.files.per_image, allow_pickle=False) as file:
                return {name: file[name] for name in ("elbo", "recon", "kl")}
        except (OSError, ValueError, KeyError):
            return {}

    @cached_property
    def curves(self) -> Curves:
        """Its curves: tag -> epochs completed -> value."""
        return read_curves(self.folder)

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        """What was found of its pictures: by evaluations of these weights, and at its end."""
        weights = self.protocol.get("weights")
        found = []
        for path in sorted(self.folder.glob("evaluation-test-*.json")):
            try:
                evaluation = json.loads(path.read_text(encoding="utf-8"))
                fits = evaluation["config_hash"] == self.result.config_hash
                if fits and evaluation["protocol"]["weights"] == weights:
                    found.append(_picture_metrics(evaluation))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return [one for one in [*found, self.result.picture_metrics] if isinstance(one, dict)]

    @property
    def protocol(self) -> Mapping[str, Any]:
        """How its test figures came about."""
        return self.result.protocol

    def metric(self, name: str) -> float | None:
        """Returns a metric such as `elbo/test`, in nats per image."""
        value = self.result.metrics.get(name)
        return float(value) if isinstance(value, int | float) else None

    def standard_error(self, name: str) -> float | None:
        """Returns a metric's standard error over images."""
        value = self.result.standard_errors.get(name)
        return float(value) if isinstance(value, int | float) else None


def _picture_metrics(record: Mapping[str, Any]) -> Any:
    # Older files call them findings.
    return record.get("picture_metrics", record.get("findings"))


def find_runs(folders: Sequence[Path]) -> tuple[list[Run], list[Skipped]]:
    """Returns the finished runs at and below some folders, in the order they began.

    Raises:
        UserError: where a folder does not exist, or there is no finished run.
    """
    runs: dict[Path, Run] = {}
    skipped: dict[Path, Skipped] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder: name a sweep's, a run's, or one of several.")
        for found in _look(folder):
            key = found.folder.resolve()
            if isinstance(found, Run):
                runs.setdefault(key, found)
            else:
                skipped.setdefault(key, found)
    if not runs:
        why = "".join(f" {one.folder.name}: {one.reason}." for one in [*skipped.values()][:3])
        raise UserError(
            f"no finished run in {', '.join(map(str, folders))}: train first, or name another "
            f"folder.{why}"
        )
    ordered = sorted(runs.values(), key=lambda run: str(run.result.started))
    return _without_copies(ordered, skipped)


def _look(folder: Path) -> Iterator[Run | Skipped]:
    found = [path.parent for path in sorted(folder.rglob(RESULT))]
    for place in found:
        yield _read(RunFolder(place))
    if folder in found:
        return
    for child in sorted(folder.iterdir()):
        own = child.name == FIGURES or child.name.startswith(".")
        if child.is_dir() and not own and not any(place.is_relative_to(child) for place in found):
            yield Skipped(child, f"holds no {RESULT}: no run, or one that never started")


def _read(files: RunFolder) -> Run | Skipped:
    folder, result = files.path, files.result
    if result is None:
        return Skipped(folder, f"its {RESULT} cannot be read")
    if result.status != SUCCESS:
        unfinished = "unfinished, or still running" if result.status == RUNNING else result.status
        return Skipped(folder, f"{unfinished}: {result.error}" if result.error else unfinished)
    try:
        run = Run(files)
    except UserError as error:
        return Skipped(folder, str(error))
    if run.metric("elbo/test") is None:
        return Skipped(folder, "has no test bound")
    return run


def _without_copies(
    runs: Sequence[Run], skipped: dict[Path, Skipped]
) -> tuple[list[Run], list[Skipped]]:
    """Leaves out runs of a configuration that was there before: the same run again."""
    kept: dict[str, Run] = {}
    for run in runs:
        first = kept.setdefault(str(run.result.config_hash), run)
        if first is not run:
            reason = f"the same configuration and seed as {first.folder}"
            skipped[run.folder.resolve()] = Skipped(run.folder, reason)
    return list(kept.values()), list(skipped.values())


def kl_per_dimension(run: Run) -> list[float]:
    """Returns the mean KL of each latent dimension in nats, largest first; none if unknown."""
    return sorted(run.result.latent.get("kl_per_dimension") or [], reverse=True)
