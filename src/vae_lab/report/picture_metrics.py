"""The findings of a part's runs: those of one protocol, so that they can be compared."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vae_lab.report.grouping import Setting
from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample

# How a distance from the prior was measured, where runs from before `distance` say it in words.
OLD_DISTANCES = {
    "mean and covariance of q(z)": "moments",
    "KL(q(z) || p(z)) by draws, each without its own image": "draws",
}

# Findings whose protocols stand for all.
MARKS = ("sharpness_of_data", "precision_of_data", "precision_of_interpolations")


class Seen:
    """What was found of the pictures of some runs, by one protocol, and who lacks it."""

    def __init__(self, runs: Sequence[Run]) -> None:
        by_mark: dict[str, dict[int, dict[str, Any]]] = {}
        for run in runs:
            for found in run.evaluations:
                if found:
                    by_mark.setdefault(_mark(found), {})[id(run)] = found
        best = max(
            by_mark, key=lambda mark: (len(by_mark[mark]), _effort(by_mark[mark])), default=""
        )
        self._found = by_mark.get(best, {})
        self.missing = [run for run in runs if id(run) not in self._found]

    def sample(self, setting: Setting, name: str) -> Sample | None:
        """Returns a finding of a setting; None where one of its runs does not have it."""
        numbers = [self._found.get(id(run), {}).get(name) for run in setting.runs]
        if any(number is None for number in numbers):
            return None
        known = [number for number in numbers if number is not None]
        return Sample(
            values=tuple(float(number["value"]) for number in known),
            errors=tuple(number.get("standard_error") for number in known),
        )

    def way(self, setting: Setting, name: str) -> str:
        """Returns how a distance was measured, by the key of its protocol: moments or draws."""
        found = [number for run in setting.runs if (number := self.of(run, name)) is not None]
        ways = [_distance(number["protocol"]) for number in found]
        return "; ".join(dict.fromkeys(ways))

    def shares(self, setting: Setting, name: str) -> dict[str, float] | None:
        """Returns a finding by label, the mean over the setting's seeds."""
        found = [self._found.get(id(run), {}).get(name) for run in setting.runs]
        if any(one is None for one in found):
            return None
        values = [one["value"] for one in found if one is not None]
        return {
            label: sum(one.get(label, 0.0) for one in values) / len(values) for label in values[0]
        }

    def of(self, run: Run, name: str) -> Mapping[str, Any] | None:
        """Returns one run's finding as it was recorded."""
        return self._found.get(id(run), {}).get(name)

    def protocol(self) -> str:
        """Returns in words how the findings came about."""
        for found in self._found.values():
            looks, judged = found.get(MARKS[0]), found.get(MARKS[1])
            words = f"{looks['protocol']['images']:,} test images" if looks else ""
            if judged:
                own = judged["protocol"]
                words += (
                    f"; {own['classifier']} ({own['neighbours']} neighbours, "
                    f"{own['train_images']:,} training images); a point is plausible by precision "
                    f"where it lies within the manifold of those training images "
                    f"({own['manifold_neighbours']} neighbours)"
                )
            return words
        return ""


def _distance(protocol: Mapping[str, Any]) -> str:
    words = protocol.get("latent", "an unknown protocol")
    return str(protocol.get("distance") or OLD_DISTANCES.get(words, words))


def _mark(found: Mapping[str, Any]) -> str:
    return json.dumps([(found.get(name) or {}).get("protocol") for name in MARKS], sort_keys=True)


def _effort(found: Mapping[int, Mapping[str, Any]]) -> int:
    one = next(iter(found.values()))
    return int((one.get(MARKS[0]) or {}).get("protocol", {}).get("images", 0))


def path_of(seen: Seen, setting: Setting, name: str) -> list[float]:
    """Returns a share at each step of the interpolations, the mean over the setting's seeds."""
    found = [number for run in setting.runs if (number := seen.of(run, name)) is not None]
    paths = [number["by_step"] for number in found if number.get("by_step")]
    return [sum(step) / len(paths) for step in zip(*paths, strict=True)] if paths else []
