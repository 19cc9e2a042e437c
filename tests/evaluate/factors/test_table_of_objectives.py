"""The share of the variance between objectives, of which the recipe's table speaks."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

TOOL = Path(__file__).parents[3] / "tools" / "disentanglement.py"
SPEC = importlib.util.spec_from_file_location("disentanglement", TOOL)
assert SPEC is not None and SPEC.loader is not None
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)


def test_the_share_between_objectives_is_that_of_the_variances() -> None:
    generator = np.random.default_rng(0)
    # 4,000 objectives with a deviation of 2 between, and five seeds with a deviation of 1 within.
    groups = [2 * generator.standard_normal() + generator.standard_normal(5) for _ in range(4000)]
    assert tool.between(groups) == pytest.approx(4 / 5, abs=0.02)
    # Without a difference between objectives the share is about 0, and not 1 in 5.
    seeds_only = list(generator.standard_normal((4000, 5)))
    assert tool.between(seeds_only) < 0.02
    assert tool.between([np.zeros(5), np.zeros(5)]) == 0.0
    assert tool.between([np.zeros(5), np.ones(5)]) == 1.0
