"""The picture metrics of a group's runs: those of one protocol, so that they can be compared."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vae_lab.report.grouping import Setting
from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample
from vae_lab.run_folder import Number

# Metrics whose protocols stand for those of all.
PROTOCOL_KEYS = ("sharpness_of_data", "precision_of_data", "precision_of_interpolations")

# How a distance from the prior is measured: older runs say it in words.
METHODS_OF_OLDER_RUNS = {
    "mean and covariance of q(z)": "moments",
    "KL(q(z) || p(z)) by draws, each without its own image": "draws",
}

# The numbers of a run by name.
Numbers = Mapping[str, Number]


class PictureMetrics:
    """What was measured on the pictures of some runs, by one protocol; other runs have nothing."""

    def __init__(self, runs: Sequence[Run]) -> None:
        by_protocol: dict[str, dict[int, Numbers]] = {}
        for run in runs:
            for numbers in run.picture_metrics:
                by_protocol.setdefault(_protocol_of(numbers), {})[id(run)] = numbers
        # The protocol that most runs have; of two, that with more images.
        self._numbers = max(
            by_protocol.values(),
            key=lambda of_runs: (len(of_runs), _num_images(next(iter(of_runs.values())))),
            default={},
        )

    def number(self, run: Run, name: str) -> Number | None:
        """Returns a metric of one run as it was recorded."""
        return self._numbers.get(id(run), {}).get(name)

    def names(self) -> list[str]:
        """Returns the names of all metrics, in the order of their measurement."""
        return list(dict.fromkeys(name for numbers in self._numbers.values() for name in numbers))

    def words(self, name: str) -> str:
        """Returns what a metric is, in words."""
        return next(of_run[name].words for of_run in self._numbers.values() if name in of_run)

    def protocols(self, name: str) -> list[dict[str, Any]]:
        """Returns the protocols of a metric, each once: runs of one protocol can be compared."""
        protocols: list[dict[str, Any]] = []
        for numbers in self._numbers.values():
            if name in numbers and numbers[name].protocol not in protocols:
                protocols.append(numbers[name].protocol)
        return protocols

    def sample(
        self, setting: Setting, name: str, protocol: Mapping[str, Any] | None = None
    ) -> Sample | None:
        """Returns a metric of a setting; None if one of its runs lacks it, or it is no number.

        With a `protocol`, only numbers that came about by it count.
        """
        numbers = self._of_all_seeds(setting, name)
        if protocol is not None and any(number.protocol != protocol for number in numbers):
            return None
        values = [number.value for number in numbers]
        scalars = [float(value) for value in values if isinstance(value, int | float)]
        if not scalars or len(scalars) < len(values):
            return None
        return Sample(tuple(scalars), tuple(number.standard_error for number in numbers))

    def by_label(self, setting: Setting, name: str) -> dict[str, float] | None:
        """Returns a metric by label, the mean over the setting's seeds."""
        numbers = self._of_all_seeds(setting, name)
        values = [number.value for number in numbers if isinstance(number.value, dict)]
        if not values:
            return None
        labels = values[0]
        return {
            label: sum(value.get(label, 0.0) for value in values) / len(values) for label in labels
        }

    def by_step(self, setting: Setting, name: str) -> list[float]:
        """Returns a share at each step of the interpolations, the mean over the setting's seeds."""
        numbers = [number for run in setting.runs if (number := self.number(run, name))]
        paths = [path for number in numbers if (path := number.details.get("by_step"))]
        return [sum(step) / len(paths) for step in zip(*paths, strict=True)] if paths else []

    def method(self, setting: Setting, name: str) -> str:
        """Returns how a distance was measured, by the key of its protocol: moments or draws."""
        numbers = [number for run in setting.runs if (number := self.number(run, name))]
        return "; ".join(dict.fromkeys(_method(number.protocol) for number in numbers))

    def protocol(self) -> str:
        """Returns in words how the metrics came about."""
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

    def _of_all_seeds(self, setting: Setting, name: str) -> list[Number]:
        """Returns a metric of each run of a setting; nothing if one of them lacks it."""
        numbers = [number for run in setting.runs if (number := self.number(run, name))]
        return numbers if len(numbers) == len(setting.runs) else []


def _protocol_of(numbers: Numbers) -> str:
    protocols = [numbers[name].protocol if name in numbers else None for name in PROTOCOL_KEYS]
    return json.dumps(protocols, sort_keys=True)


def _num_images(numbers: Numbers) -> int:
    number = numbers.get(PROTOCOL_KEYS[0])
    return int(number.protocol.get("images", 0)) if number else 0


def _method(protocol: Mapping[str, Any]) -> str:
    former = str(protocol.get("latent", "an unknown protocol"))
    return str(protocol.get("distance") or METHODS_OF_OLDER_RUNS.get(former, former))
