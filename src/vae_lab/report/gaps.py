"""How far the bounds of a group lie below log p(x), in two parts, in nats per image.

log p(x) - bound = approximation gap (log p(x) - the best bound of the posterior's family) +
amortisation gap (the best bound - that of the encoder): Cremer et al., arXiv:1801.03558, section 3.
Shapes: N images.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vae_lab.errors import UserError
from vae_lab.evaluations import GAPS, read_gaps
from vae_lab.report.evaluated import Evaluated
from vae_lab.report.grouping import Group, Setting
from vae_lab.report.runs import Run
from vae_lab.report.statistics import Sample

APPROXIMATION, AMORTISATION = GAPS


class BothGaps(NamedTuple):
    """Both gaps of a setting, their sum, and by how much the amortisation gap is the larger."""

    approximation: Sample
    amortisation: Sample
    distance: Sample
    excess: Sample


class Gaps(Evaluated):
    """The gaps of a group's settings by one protocol."""

    def __init__(self, group: Group) -> None:
        super().__init__(group, GAPS)

    def parts(self, setting: Setting) -> BothGaps | None:
        """Returns the gaps of a setting; None if one of its runs lacks one."""
        gaps = [self.sample(setting, name) for name in GAPS]
        approximation, amortisation = gaps
        if not approximation or not amortisation:
            return None
        per_image = [self._per_image(run) for run in setting.runs]
        distance, excess = (
            _combined((approximation, amortisation), (sign, 1.0), per_image) for sign in (1.0, -1.0)
        )
        return BothGaps(approximation, amortisation, distance, excess)

    def measured(self) -> list[tuple[Setting, BothGaps]]:
        """Returns the settings that have both gaps."""
        return [(it, parts) for it in self.group.settings if (parts := self.parts(it))]

    def _per_image(self, run: Run) -> tuple[np.ndarray, ...]:
        """Returns both gaps of each image, each (N,); none if they were not kept."""
        record = self.record_of(run)
        try:
            values = read_gaps(run.folder, record.name) if record else {}
        except UserError:  # damaged, or not one of ours
            return ()
        # A stranger's may be anything.
        is_finite = all(np.isfinite(it).all() for it in values.values())
        return tuple(values[name] for name in GAPS if name in values) if is_finite else ()


def _combined(
    gaps: Sequence[Sample], weights: Sequence[float], per_image: Sequence[tuple[np.ndarray, ...]]
) -> Sample:
    """Returns a weighted sum of both gaps of the same images.

    `per_image` has both for each seed. Their errors depend on each other: without the values of the
    images, the error is the largest that it can be.
    """
    first, second = gaps
    a, b = weights
    arrays = [a * values[0] + b * values[1] for values in per_image if values]
    if arrays and len(arrays) == len(first.values):
        errors = [float(np.std(it, ddof=1)) / math.sqrt(len(it)) for it in arrays if len(it) > 1]
    else:
        arrays = []
        pairs = zip(first.errors, second.errors, strict=True)
        errors = [one + other for one, other in pairs if one is not None and other is not None]
    sums = zip(first.values, second.values, strict=True)
    return Sample(
        values=tuple(a * one + b * other for one, other in sums),
        errors=tuple(errors) if len(errors) == len(first.values) else (),
        per_image=tuple(arrays),
        num_images=first.num_images,
    )
