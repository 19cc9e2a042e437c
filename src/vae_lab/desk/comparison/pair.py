"""Two runs, and the differences of what was measured of both. Values are of A, minus those of B."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_lab.desk.comparison.differences import Differences, differences
from vae_lab.errors import refusing
from vae_lab.report.comparisons import TERMS
from vae_lab.report.conditions import log_p
from vae_lab.report.gaps import Gaps
from vae_lab.report.grouping import Group, Setting, must_share
from vae_lab.report.likelihoods import BOUNDS, CODES, Likelihoods
from vae_lab.report.runs import Run, image_identities
from vae_lab.report.statistics import Difference, Sample, difference
from vae_lab.run_folder import RunFolder

NAMES = ("A", "B")

# Images at each end.
MOST_EXTREMES = 5

WORDS = {"elbo": "bound (ELBO)", "recon": "reconstruction", "kl": "KL"}


class Compared(NamedTuple):
    """A quantity of both runs, and its difference."""

    name: str
    words: str
    samples: tuple[Sample, Sample]
    difference: Difference

    def numbers(self) -> dict[str, Any]:
        """Returns what is known of it, for JSON."""
        a, b = self.samples
        found = self.difference.numbers()
        return {
            "A": {"value": a.mean, "standard_error": a.error},
            "B": {"value": b.mean, "standard_error": b.error},
            "difference": {name: found[name] for name in ("value", "standard_error", "interval")},
            "is_paired": self.difference.kind == "images",
        }


class ImageDifference(NamedTuple):
    """A test image by its place in the test set, its bounds in A and B, and A minus B, in nats."""

    place: int
    bounds: tuple[float, float]
    difference: float


class Pair:
    """Two runs, of which one may be unfinished: then only their configurations are compared."""

    def __init__(self, paths: tuple[Path, Path]) -> None:
        """Reads the runs; UserError if a folder is not a run's."""
        self.runs = [_read(path) for path in paths]
        names = [run.name for run in self.runs]
        self.labels = [f"{letter}: {name}" for letter, name in zip(NAMES, names, strict=True)]
        settings = [
            Setting(label, {"run": label}, [run])
            for label, run in zip(self.labels, self.runs, strict=True)
        ]
        # One group, whatever differs: the pictures of both are shown side by side.
        self.group = Group(" and ".join(names), ["run"], settings, [])

    @cached_property
    def differences(self) -> Differences:
        """In which keys the configurations differ."""
        return differences(*self.runs)

    @cached_property
    def obstacles(self) -> list[str]:
        """Why the numbers cannot be compared; empty if they can."""
        unfinished = [
            f"{letter} has no test bound (status of the run: {run.result.status})"
            for letter, run in zip(NAMES, self.runs, strict=True)
            if "elbo/test" not in run.result.metrics
        ]
        if unfinished:
            return unfinished
        images = image_identities(self.runs)
        a, b = (must_share(run, images[run]) for run in self.runs)
        differing = [name for name in a if a[name] != b[name]]
        for it, run in zip((a, b), self.runs, strict=True):
            it["data set"] = f"{run.data_name} ({images[run][:8] or 'no fingerprint'})"
        return [f"{name}: {a[name]} in A, {b[name]} in B" for name in differing]

    @property
    def is_given_unequally(self) -> bool:
        """Whether only one of them is given the class of every image."""
        return len({log_p([run]) for run in self.runs}) > 1

    @cached_property
    def terms(self) -> list[Compared]:
        """The bound and its terms on the test images, in nats per image."""
        return [] if self.obstacles else [*self._compared_terms()]

    def _compared_terms(self) -> Iterator[Compared]:
        for name in TERMS:
            a, b = (setting.sample(name) for setting in self.group.settings)
            if a and b:
                yield Compared(name, WORDS[name], (a, b), difference(a, b))

    @cached_property
    def per_image(self) -> np.ndarray | None:
        """The bound of A minus that of B for each test image, (N,); None if it is not known."""
        a, b = (run.per_image.get("elbo") for run in self.runs)
        if self.obstacles or a is None or b is None or a.shape != b.shape:
            return None
        values: np.ndarray = a.astype(float) - b.astype(float)
        return values if np.isfinite(values).all() and len(values) else None

    @property
    def share_better(self) -> float | None:
        """The share of test images of which A has the higher bound; None if it is not known."""
        return None if self.per_image is None else float((self.per_image > 0).mean())

    def extremes(self) -> list[ImageDifference]:
        """Returns the test images whose bounds differ most: those of A first, then those of B."""
        if self.per_image is None:
            return []
        order = np.argsort(self.per_image, kind="stable")
        count = min(MOST_EXTREMES, len(order) // 2)
        chosen = [*order[::-1][:count], *order[:count][::-1]]
        arrays = [run.per_image["elbo"] for run in self.runs]
        return [
            ImageDifference(
                int(index), (float(arrays[0][index]), float(arrays[1][index])),
                float(self.per_image[index]),
            )
            for index in chosen
        ]  # fmt: skip

    @cached_property
    def evaluations(self) -> Likelihoods:
        """The evaluations of both runs by one protocol."""
        return Likelihoods(self.group)

    @cached_property
    def evaluated(self) -> list[Compared]:
        """What `python -m vae_lab.evaluate` measured of both by one protocol."""
        if self.obstacles:
            return []
        sources = [(self.evaluations, BOUNDS | CODES), (Gaps(self.group), _GAPS)]
        return [
            Compared(name, words, (a, b), difference(a, b))
            for source, headings in sources
            for name, words in headings.items()
            if (a := source.sample(self.group.settings[0], name))
            and (b := source.sample(self.group.settings[1], name))
        ]

    def outcome(self) -> dict[str, Any]:
        """Returns what was found, for JSON."""
        found = self.differences
        record = self.evaluations.record if self.evaluated else None
        return {
            **{
                letter: {"name": run.name, "folder": run.path, "status": run.result.status}
                for letter, run in zip(NAMES, self.runs, strict=True)
            },
            "differing_keys": {
                it.key: dict(it.values) for rows in found.groups.values() for it in rows
            },
            "num_equal_keys": found.num_equal,
            "not_comparable": self.obstacles,
            "test": {it.name: it.numbers() for it in self.terms},
            "share_of_images_on_which_A_is_better": self.share_better,
            "images_that_differ_most": [it._asdict() for it in self.extremes()],
            "evaluation": record.name if record else None,
            "evaluated": {it.name: it.numbers() for it in self.evaluated},
        }


_GAPS = {"approximation_gap": "approximation gap", "amortisation_gap": "amortisation gap"}


def _read(path: Path) -> Run:
    folder = RunFolder(path)
    folder.require_result()
    with refusing(f"{path} cannot be compared"):
        run = Run(folder)
        run.read_all()
    return run
