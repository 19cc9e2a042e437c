"""Scores of disentanglement as numbers of an evaluation: values, nulls, text, picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from copier import evaluation_of_copier
from factor_codes import coded, noisy
from PIL import Image

from vae_lab.data.factor_splits import SplitFactors
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.evaluate.factors.block import factors_block
from vae_lab.evaluate.factors.codes import CodeSample
from vae_lab.evaluate.factors.numbers import (
    DIMENSIONS,
    FEWEST,
    WORDS,
    FactorSample,
    factor_scores,
    reason_for_none,
    varying,
)
from vae_lab.evaluate.factors.picture import chart_of, draw_factors
from vae_lab.evaluations import _ADDED_LATER, default_settings, file_name
from vae_lab.run_folder import Number, RunFolder


def with_factors(latent_dim: int, *, varying_factors: int = 2) -> Evaluation:
    """Returns an evaluation on images whose factors are the labels in two halves."""
    evaluation = evaluation_of_copier(latent_dim, factor_images=60, factor_bins=5)
    data = evaluation.data
    assert data.train_labels is not None and data.test_labels is not None
    parts = [
        torch.stack([labels // 5, labels % (1 if varying_factors == 1 else 5)], dim=1)
        for labels in (data.train_labels, data.test_labels)
    ]
    values = (("low", "high"), tuple("01234"))
    data.factors = SplitFactors(("half", "rest"), values, parts[0], parts[0][:0], parts[1])
    return evaluation


@pytest.fixture(scope="module")
def numbers() -> dict[str, Number]:
    return {number.name: number for number in factor_scores(with_factors(2))}


def test_each_score_has_an_error_two_nulls_and_a_protocol(numbers: dict[str, Number]) -> None:
    assert list(numbers) == [*WORDS, DIMENSIONS]
    for name in WORDS:
        number = numbers[name]
        assert isinstance(number.value, float) and 0 <= number.value <= 1.001
        assert number.standard_error is not None and np.isfinite(number.standard_error)
        assert {"null_random", "null_permuted"} < number.details.keys()
        assert number.protocol["images"] == 20 and number.protocol["factors"] == "half, rest"
    assert numbers["mig_sampled"].protocol["latent"] == "sampled"
    json.dumps([number.to_json() for number in numbers.values()])


def test_the_text_shows_value_error_and_nulls_side_by_side(numbers: dict[str, Number]) -> None:
    lines = factors_block(numbers)
    line = next(line for line in lines if line.startswith("  explicitness "))
    random = numbers["explicitness"].details["null_random"]
    assert "±" in line and f"{random:.3f}" in line and line.endswith(WORDS["explicitness"])
    assert any("z[0]" in line for line in lines)
    assert factors_block({}) == []


def test_without_known_factors_there_is_nothing() -> None:
    assert list(factor_scores(evaluation_of_copier(2))) == []


@pytest.mark.parametrize(
    ("latent_dim", "varying_factors", "why"),
    [(1, 2, "two latent dimensions"), (2, 1, "two factors that vary, and 1 varies")],
)
def test_what_allows_no_score_is_one_warning(
    latent_dim: int, varying_factors: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = with_factors(latent_dim, varying_factors=varying_factors)
    assert list(factor_scores(evaluation)) == []
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and why in told[0]


def test_of_few_images_there_is_a_reason_and_no_score() -> None:
    codes = noisy(FEWEST - 1, 2, 3, latent_dim=2, seed=0)
    sample = FactorSample(CodeSample(codes, codes, 20, 0), ("a", "b"))
    assert str(FEWEST - 1) in (reason_for_none(sample) or "")


def test_a_constant_factor_is_left_out() -> None:
    factors = np.array([[0, 0, 4], [1, 1, 4], [0, 2, 4]])
    codes = coded(np.eye(3), factors)
    sample = varying(CodeSample(codes, codes, 20, 0), ("a", "b", "c"))
    assert sample.names == ("a", "b") and sample.codes.train.factors.shape == (3, 2)


def test_the_picture_shows_the_matrices_and_says_so(
    numbers: dict[str, Number], tmp_path: Path
) -> None:
    kept: dict[str, Any] = {DIMENSIONS: numbers[DIMENSIONS].to_json()}
    (tmp_path / "figures").mkdir()
    # Without a result the page of pictures is not written: a warning, and no picture returned.
    draw_factors({"run": "r", "numbers": kept}, RunFolder(tmp_path), epochs_done=3)
    with Image.open(tmp_path / "figures" / "factors_0003.png") as file:
        # Pillow gives this attribute to PNG files only.
        about = json.loads(file.text["vae_lab"])  # type: ignore[attr-defined]
    assert about["rows"] == ["half", "rest"] and sorted(about["columns"]) == ["z[0]", "z[1]"]
    dims = [int(name[2]) for name in about["columns"]]
    information = np.array(numbers[DIMENSIONS].details["information"])
    shown = np.array(next(iter(about["panels"].values())))
    assert np.array_equal(shown, information[dims].T)
    assert draw_factors({"run": "r", "numbers": {}}, RunFolder(tmp_path), epochs_done=3) is None


def test_dimensions_of_a_factor_stand_together() -> None:
    shares = [0.2, 0.0, 0.9, 0.8]
    number = {
        "value": {f"z[{dim}]": share for dim, share in enumerate(shares)},
        "factors": ["x", "y"],
        "titles": ["y", None, "y", "x"],
        "information": [[0.0, 0.2], [0.0, 0.0], [0.0, 0.9], [0.8, 0.0]],
        "importance": [[0.1, 0.2], [0.0, 0.0], [0.0, 0.8], [0.9, 0.0]],
    }
    chart = chart_of(number)
    assert list(chart.columns) == ["z[3]", "z[2]", "z[0]", "z[1]"]
    assert list(chart.rows) == ["x", "y"]
    assert chart.panels[0].shares == [[0.8, 0.0, 0.0, 0.0], [0.0, 0.9, 0.2, 0.0]]


def test_settings_that_came_later_change_no_name_of_a_file() -> None:
    settings = default_settings()
    assert {key: settings[key] for key in _ADDED_LATER} == _ADDED_LATER
    before = {key: value for key, value in settings.items() if key not in _ADDED_LATER}
    assert file_name("best", settings) == file_name("best", before)
    assert file_name("best", {**settings, "factor_bins": 10}) != file_name("best", before)
