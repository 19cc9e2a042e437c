"""What a run and a sweep tell other processes while they work. No torch.

A run writes `progress.json` while it trains, a sweep `plan.json` before its first job. So another
process can follow them, whatever launches the jobs: `vae-lab watch`.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from vae_lab.errors import UserError, refusing
from vae_lab.files import write_text
from vae_lab.reading import MOST_TEXT, is_kind, parse_json, read_inside

PROGRESS, PLAN = "progress.json", "plan.json"

# What begins a plan, by which our files are known from those of others.
_WRITTEN_BY = {"written_by": "Written by VAE Lab"}


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far the training of a run is.

    Attributes:
        epochs: how many are done.
        max_epochs: how many there are at most, None if another limit ends the training.
        share: the share of the training that is done, from 0 to 1.
        seconds_per_epoch: of the epochs so far, None before the first one ends.
        seconds_left: of the training, None if not known.
        elbo: the bound of the last epoch in nats per image, None before there is one.
        elbo_split: the images it is of: `val`, or `train` if there is no validation.
        written: when this was written, in seconds since 1970.
    """

    epochs: int
    max_epochs: int | None
    share: float
    seconds_per_epoch: float | None
    seconds_left: float | None
    elbo: float | None
    elbo_split: str
    written: float

    def write(self, folder: Path) -> None:
        """Writes it into the folder of the run."""
        write_text(folder / PROGRESS, json.dumps(asdict(self)) + "\n")

    @staticmethod
    def remove(folder: Path) -> None:
        """Removes the file of a run that is finished: `result.json` says the rest."""
        with suppress(OSError):
            (folder / PROGRESS).unlink(missing_ok=True)

    @classmethod
    def read(cls, folder: Path) -> "RunProgress | None":
        """Returns what the run in a folder last told; None if there is nothing to read."""
        content = _read(folder / PROGRESS)
        hints = get_type_hints(cls)
        if content is None or not all(
            is_kind(content.get(field.name), hints[field.name]) for field in fields(cls)
        ):
            return None
        return cls(**{field.name: content[field.name] for field in fields(cls)})


class PlannedJob(NamedTuple):
    """A job of a sweep: its folder below the sweep's, its epochs at most, and its options."""

    folder: str
    max_epochs: int | None
    options: Mapping[str, str]


class SweepPlan(NamedTuple):
    """What a sweep is going to do.

    `num_jobs` may be known if the jobs are not, as in a search. `written` is when it began, in
    seconds since 1970.
    """

    jobs: Sequence[PlannedJob]
    num_jobs: int | None
    written: float

    def write(self, folder: Path) -> None:
        """Writes it into the folder of the sweep."""
        jobs = [job._asdict() for job in self.jobs]
        content = {**_WRITTEN_BY, **self._asdict(), "jobs": jobs}
        write_text(folder / PLAN, json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "SweepPlan | None":
        """Returns the plan of the sweep in a folder; None if there is none to read."""
        content = _read(folder / PLAN)
        job: Mapping[str, Any] = {
            "folder": str,
            "max_epochs": int | None,
            "options": dict[str, str],
        }
        if content is None or not is_kind(content.get("jobs"), list[Any]):
            return None
        jobs = content["jobs"]
        whole = all(is_kind(it, job) and job.keys() <= it.keys() for it in jobs)
        if not whole or not is_kind(content, {"num_jobs": int | None, "written": float}):
            return None
        planned = [PlannedJob(*(it[name] for name in PlannedJob._fields)) for it in jobs]
        return cls(planned, content.get("num_jobs"), content.get("written") or 0.0)


def _read(path: Path) -> dict[str, Any] | None:
    """Returns the content of a JSON object, None if there is no readable one."""
    with suppress(UserError), refusing(f"{path} cannot be read"):
        content = parse_json(read_inside(path, path.parent, most=MOST_TEXT))
        return content if isinstance(content, dict) else None
    return None
