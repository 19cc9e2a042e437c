"""What the bounds of runs are given, in words.

A bound on log p(x given y) knows the class y of each image, one on log p(x) does not: the two are
never in one group. A run that is given only some labels in training sums over the classes of the
others: its bound is on log p(x), and no label of a test image enters it.
"""

import re
from collections.abc import Sequence

from vae_lab.report.runs import Run

# What groups are given, as `condition_of` names it.
NONE, LABEL, SOME_LABELS = "none", "label", "some labels"

LOG_P, LOG_P_GIVEN = "log p(x)", "log p(x given y)"

TEST_BOUND = "test bound"

NOTES = {
    LABEL: "These runs are given the class y of every image: the bound is one on log p(x given y). "
    "It is not compared with a bound on log p(x), which must also account for the class.",
    SOME_LABELS: "These runs are given the labels of some training images. No label of a test "
    "image enters the bound: it is one on log p(x), summed over the classes. They stand apart from "
    "runs that are given no label.",
}

# Why two runs are not compared, of which one is given the class of every image.
NOT_COMPARED = (
    "A bound on log p(x given y) is told the class of each image, and a bound on log p(x) is not: "
    "their difference does not say which model is better."
)


def condition_of(run: Run) -> str:
    """Returns what a run is given: `none`, the `label` of every image, or `some labels`."""
    condition = run.result.protocol.get("condition")
    if not condition:
        return NONE
    return LABEL if condition == LABEL else SOME_LABELS


def heading(run: Run) -> str:
    """Returns what a run is given and what its bound is on, such as `none (log p(x))`."""
    return f"{condition_of(run)} ({log_p([run])})"


def log_p(runs: Sequence[Run]) -> str:
    """Returns what the bounds of runs are on."""
    given = {LOG_P_GIVEN if condition_of(run) == LABEL else LOG_P: None for run in runs}
    return " or ".join(given)


def said(text: str, runs: Sequence[Run]) -> str:
    """Returns a text on log p(x) and on test bounds with what they are of these runs."""
    if all(condition_of(run) == NONE for run in runs):
        return text
    of_these = log_p(runs)
    # Also in the plural.
    return re.sub(rf"{TEST_BOUND}s?", rf"\g<0> on {of_these}", text.replace(LOG_P, of_these))


def note(runs: Sequence[Run]) -> str:
    """Returns the sentences on a group of runs that are given labels; empty without a condition."""
    (condition,) = {condition_of(run) for run in runs}
    return NOTES.get(condition, "")


def bound(runs: Sequence[Run]) -> str:
    """Returns `bound`, under a condition with what it is on."""
    return said(TEST_BOUND, runs).removeprefix("test ")
