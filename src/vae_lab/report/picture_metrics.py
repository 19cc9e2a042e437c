"""The picture metrics of a group's runs: those of one protocol, so that they can be compared."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from vae_lab.report.grouping import Group, Setting
from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample
from vae_lab.run_folder import Number

# Metrics whose protocols stand for those of all.
PROTOCOL_KEYS = ("sharpness_of_data", "precision_of_data", "precision_of_interpolations")

DISTANCE_NAME = "distance_from_prior"

# The metrics that are compared between settings, by topic.
COMPARED_BY_TOPIC = {
    "reconstructions": ("sharpness_of_reconstructions", "contrast_of_reconstructions"),
    "samples": ("sharpness_of_samples", "contrast_of_samples"),
    "plausibility": ("precision_of_samples", "unanimity_of_samples"),
    "interpolations": tuple(
        f"{name}_of_interpolations" for name in ("precision", "unanimity", "sharpness")
    ),
}
COMPARED = tuple(name for names in COMPARED_BY_TOPIC.values() for name in names)

# A metric with one of these words in its name is a share of images.
SHARES = {"accuracy", "precision", "recall", "share", "unanimity"}

# What a share is of, by the keys of its protocol: pairs of images, or images.
COUNTS = ("pairs", "images")

# How a distance from the prior is measured, and what that is.
METHODS = {
    "moments": "of a Gaussian with the codes' mean and covariance, at most the whole distance",
    "draws": "estimated by draws, too low on average",
}

# The prose of older runs, and its key.
METHODS_OF_OLDER_RUNS = {
    "mean and covariance of q(z)": "moments",
    "KL(q(z) || p(z)) by draws, each without its own image": "draws",
}

# The numbers of a run by name.
Numbers = Mapping[str, Number]


# Shorter words for a table than those that a run records.
WORDS = {
    f"{name}_of_{what}": f"{images} {words}"
    for name, words in (
        ("precision", "near real images (precision)"),
        ("unanimity", "with neighbours of one label (unanimity)"),
    )
    for what, images in (
        ("data", "test images"),
        ("samples", "samples"),
        ("interpolations", "points on interpolations"),
        ("ends", "ends of interpolations"),
    )
}


class PictureMetrics:
    """What was measured on the pictures of a group, by one protocol; other runs have nothing."""

    def __init__(self, group: Group) -> None:
        self.group = group
        by_protocol: dict[str, dict[int, Numbers]] = {}
        for run in group.runs:
            for numbers in run.picture_metrics:
                protocols = [numbers[it].protocol if it in numbers else {} for it in PROTOCOL_KEYS]
                key = json.dumps(protocols, sort_keys=True)
                by_protocol.setdefault(key, {})[id(run)] = numbers
        # The protocol that most runs have; of two, that with more images.
        self._numbers = max(by_protocol.values(), key=_num_runs_and_images, default={})

    def by_run(self, setting: Setting, name: str) -> list[tuple[Run, Number]]:
        """Returns the runs of a setting that have a metric, with its recorded number."""
        of_runs = [(run, self._numbers.get(id(run), {}).get(name)) for run in setting.runs]
        return [(run, number) for run, number in of_runs if number]

    def numbers(self, setting: Setting, name: str) -> list[Number]:
        """Returns a metric as it was recorded in those of a setting's runs that have it."""
        return [number for _, number in self.by_run(setting, name)]

    def samples(self, name: str) -> list[tuple[Setting, Sample]]:
        """Returns the settings that have a metric as a number in all of their runs, and it."""
        return [(it, sample) for it in self.group.settings if (sample := self.sample(it, name))]

    def names(self) -> list[str]:
        """Returns the names of all metrics, in the order of their measurement."""
        return list(dict.fromkeys(name for numbers in self._numbers.values() for name in numbers))

    def words(self, name: str) -> str:
        """Returns what a metric is, for people."""
        recorded = next(it[name].words for it in self._numbers.values() if name in it)
        return WORDS.get(name, recorded.removeprefix("the "))

    def protocols(self, name: str) -> list[dict[str, Any]]:
        """Returns the protocols of a metric, each once: runs of one protocol can be compared."""
        numbers = [of_run[name] for of_run in self._numbers.values() if name in of_run]
        protocols = [number.protocol for number in numbers]
        return [it for index, it in enumerate(protocols) if it not in protocols[:index]]

    def sample(
        self, setting: Setting, name: str, protocol: Mapping[str, Any] | None = None
    ) -> Sample | None:
        """Returns a metric of a setting; None if one of its runs lacks it, or it is not a number.

        With a `protocol`, only numbers that were measured by it count.
        """
        numbers = self.numbers(setting, name)
        if protocol is not None and any(number.protocol != protocol for number in numbers):
            return None
        return sample_of(name, numbers) if len(numbers) == len(setting.runs) else None

    def by_method(self, name: str) -> dict[str, list[tuple[Setting, Sample]]]:
        """Returns a distance of each setting that has it, by how it was measured."""
        by_method: dict[str, list[tuple[Setting, Sample]]] = {}
        for setting, sample in self.samples(name):
            by_method.setdefault(self.method(setting, name), []).append((setting, sample))
        return by_method

    def by_label(self, setting: Setting, name: str) -> dict[str, float] | None:
        """Returns a metric by label, the mean over the setting's seeds."""
        values = [it.value for it in self.numbers(setting, name) if isinstance(it.value, dict)]
        if len(values) < len(setting.runs):
            return None
        count = len(values)
        return {label: sum(it.get(label, 0.0) for it in values) / count for label in values[0]}

    def label_errors(self, setting: Setting, name: str) -> dict[str, float]:
        """Returns the standard errors of a metric by label, of a run on average; none of grids."""
        errors: dict[str, list[float]] = {}
        for number in self.numbers(setting, name):
            for label, error in number.details.get("standard_errors", {}).items():
                errors.setdefault(label, []).append(error)
        return {label: sum(of_label) / len(of_label) for label, of_label in errors.items()}

    def by_step(self, setting: Setting, name: str) -> list[float]:
        """Returns a share at each step of the interpolations, the mean over the setting's seeds."""
        details = [number.details for number in self.numbers(setting, name)]
        paths = [it["by_step"] for it in details if it.get("by_step")]
        return [sum(step) / len(paths) for step in zip(*paths, strict=True)] if paths else []

    def method(self, setting: Setting, name: str) -> str:
        """Returns how a distance was measured, by the key of its protocol: moments or draws."""
        methods = []
        for protocol in (number.protocol for number in self.numbers(setting, name)):
            former = str(protocol.get("latent", "an unknown protocol"))
            methods.append(protocol.get("distance") or METHODS_OF_OLDER_RUNS.get(former, former))
        return "; ".join(dict.fromkeys(map(str, methods)))

    def protocol(self) -> str:
        """Returns how the metrics were measured, for people."""
        numbers = next(iter(self._numbers.values()), {})
        pictures, plausibility = (numbers.get(name) for name in PROTOCOL_KEYS[:2])
        text = f"{pictures.protocol['images']:,} test images" if pictures else ""
        if plausibility:
            protocol = plausibility.protocol
            text += (
                f"; {protocol['classifier']} ({protocol['neighbours']} neighbours, "
                f"{protocol['train_images']:,} training images); a point is plausible by precision "
                f"where it lies within the manifold of those training images "
                f"({protocol['manifold_neighbours']} neighbours)"
            )
        return text


def sample_of(name: str, numbers: Sequence[Number]) -> Sample | None:
    """Returns a number of each run of a setting as one quantity; None if one is not a number."""
    scalars = [float(it.value) for it in numbers if isinstance(it.value, int | float)]
    if len(scalars) < len(numbers) or not all(map(math.isfinite, scalars)):
        return None
    counts = [it.protocol[key] for it in numbers for key in COUNTS if key in it.protocol]
    known = [count for count in counts if isinstance(count, int) and count > 0]
    is_share = not SHARES.isdisjoint(name.split("_")) and 0 <= min(scalars) <= max(scalars) <= 1
    return Sample(
        values=tuple(scalars),
        errors=tuple(number.standard_error for number in numbers),
        num_images=min(known, default=None),
        is_share=is_share,
    )


def _num_runs_and_images(of_runs: Mapping[int, Numbers]) -> tuple[int, int]:
    number = next(iter(of_runs.values())).get(PROTOCOL_KEYS[0])
    return len(of_runs), int(number.protocol.get("images", 0)) if number else 0
