"""What `python -m vae_lab.evaluate` measured of a group's runs, by one protocol."""

from collections.abc import Collection
from typing import Any

from vae_lab.evaluations import GAPS, EvaluationRecord
from vae_lab.report.conditions import SOME_LABELS, condition_of
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.picture_metrics import sample_of
from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample
from vae_lab.run_folder import Number

# Numbers that are of log p(x given y), with the class that the classifier finds, for runs with only
# some labels: another quantity than their bound on log p(x), and not shown beside it.
OF_FOUND_CLASSES = (
    *("iw_bound", "exact", "annealed", "sandwich", "gap_elbo_to_iw_bound", "bits_per_dimension"),
    *("log_likelihood", "best_bound", "encoder_bound", *GAPS),
)


class Evaluated:
    """The evaluations of a group by one protocol; runs that were not measured by it have none.

    With `names`, only the evaluations that have one of these numbers count.
    """

    def __init__(self, group: Group, names: Collection[str] = ()) -> None:
        self.group = group
        by_protocol: dict[str, dict[int, EvaluationRecord]] = {}
        for run in group.runs:
            for record in run.evaluations:
                if not names or any(name in record.numbers for name in names):
                    by_protocol.setdefault(record.name, {})[id(run)] = record
        some = any(condition_of(run) == SOME_LABELS for run in group.runs)
        self._left_out = OF_FOUND_CLASSES if some else ()
        # The protocol that most runs have; of two, that with more samples.
        self._records = max(by_protocol.values(), key=_num_runs_and_size, default={})

    @property
    def record(self) -> EvaluationRecord | None:
        """One of the evaluations, for what all have in common; None if there is none."""
        return next(iter(self._records.values()), None)

    @property
    def missing(self) -> list[Run]:
        """The runs that were not measured."""
        return [run for run in self.group.runs if id(run) not in self._records]

    def record_of(self, run: Run) -> EvaluationRecord | None:
        """Returns the evaluation of a run; None if it was not measured."""
        return self._records.get(id(run))

    def numbers(self, setting: Setting, name: str) -> list[Number]:
        """Returns a number as it was recorded in those of a setting's runs that have it."""
        if name in self._left_out:
            return []
        records = [self.record_of(run) for run in setting.runs]
        return [it.numbers[name] for it in records if it and name in it.numbers]

    def protocols(self, name: str) -> list[dict[str, Any]]:
        """Returns the protocol of a number in each evaluation that has it."""
        return [it.numbers[name].protocol for it in self._records.values() if name in it.numbers]

    def num_images_of(self, name: str) -> int | None:
        """Returns the images that a number is of, if it was measured."""
        counts = [protocol.get("images") for protocol in self.protocols(name)]
        return next((count for count in counts if isinstance(count, int)), None)

    def are_means(self, name: str) -> bool:
        """Tells whether targets are means of binary draws: values are not likelihoods then."""
        return any(protocol.get("targets_are_means") for protocol in self.protocols(name))

    def sample(self, setting: Setting, name: str) -> Sample | None:
        """Returns a number of a setting; None if one of its runs lacks it."""
        numbers = self.numbers(setting, name)
        return sample_of(name, numbers) if len(numbers) == len(setting.runs) else None


def _num_runs_and_size(records: dict[int, EvaluationRecord]) -> tuple[int, tuple[int, int], int]:
    record = next(iter(records.values()))
    return len(records), record.size, len(record.numbers)
