"""Where the bound loses: both gaps against their closed forms, and what is kept of each image."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from copier import evaluation_of_copier
from linear_gaussian import PIXELS, exact_precision, linear_gaussian, log_likelihood
from runs import evaluated, train

from vae_lab.evaluate.anatomy import anatomy
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.evaluate.highlights import ANATOMY, anatomy_block, weights_block
from vae_lab.evaluations import default_settings, file_name
from vae_lab.run_folder import Number

SHIFT = 0.4


def evaluation_of_linear_gaussian(**settings: Any) -> Evaluation:
    """Returns an evaluation whose true posterior is a Gaussian with correlated dimensions."""
    every: dict[str, Any] = {
        "anatomy": True,
        "posterior_steps": 400,
        "posterior_samples": 400,
        **settings,
    }
    found = evaluation_of_copier(2, **every, grid_tolerance=0.01, grid_points=300**2)
    found.model, _ = linear_gaussian(latent_dim=2, posterior_shift=SHIFT, correlation=0.8)
    generator = torch.Generator().manual_seed(3)
    shape = (40, 1, 1, PIXELS)
    found.images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return found


def values(numbers: dict[str, Number]) -> dict[str, float]:
    # All of these are single numbers.
    return {name: float(one.value) for name, one in numbers.items()}  # type: ignore[arg-type]


def test_both_gaps_are_those_of_the_closed_form_and_add_up() -> None:
    evaluation = evaluation_of_linear_gaussian()
    numbers = {number.name: number for number in anatomy(evaluation)}
    found = values(numbers)
    precision = exact_precision(evaluation.model.decoder.get_parameter("weight").detach().double())
    family = 0.5 * (precision.diagonal().log().sum() - precision.logdet()).item()
    # The encoder has the best diagonal variances, and a mean that is shifted.
    encoder = 0.5 * SHIFT**2 * precision.sum().item()
    assert family > 0.15 and encoder > 0.2, "or this test shows nothing"
    assert found["approximation_gap"] == pytest.approx(family, abs=0.03)
    assert found["amortisation_gap"] == pytest.approx(encoder, rel=0.1)
    whole = found["log_likelihood"] - found["encoder_bound"]
    assert found["approximation_gap"] + found["amortisation_gap"] == pytest.approx(whole)
    _, exact = linear_gaussian(latent_dim=2, posterior_shift=0, correlation=0.8)
    truth = log_likelihood(exact, evaluation.drawn.images).mean().item()
    assert found["log_likelihood"] == pytest.approx(truth, abs=0.01)
    assert "warning" not in numbers["best_bound"].details
    protocol = numbers["approximation_gap"].protocol
    assert (protocol["posterior"], protocol["by"]) == ("diagonal", "grid")
    assert (protocol["steps"], protocol["samples"], protocol["images"]) == (400, 400, 20)
    rows = evaluation.per_image
    assert rows["rows"].tolist() == evaluation.drawn.rows.tolist()
    assert {*ANATOMY, "rows", "chosen_start", "moved"} == rows.keys()
    for name in ANATOMY:
        assert rows[name].mean() == pytest.approx(found[name])


def test_too_few_steps_warn_that_the_best_posterior_has_not_settled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of many draws one lies so near that a few steps are enough.
    monkeypatch.setattr("vae_lab.inference.best_posterior._PRIOR_DRAWS", 1)
    evaluation = evaluation_of_linear_gaussian(posterior_steps=16)
    with torch.no_grad():
        evaluation.model.encoder.get_parameter("bias").add_(3.0)
    best = next(number for number in anatomy(evaluation) if number.name == "best_bound")
    assert "not settled" in best.details["warning"]
    assert best.details["rise_in_the_last_half_of_the_steps"] > 0.1
    assert sum(best.details["starts"].values()) == pytest.approx(1)


def test_nothing_is_measured_unless_it_is_asked_for() -> None:
    assert list(anatomy(evaluation_of_copier(2))) == []


def test_an_evaluation_without_the_split_keeps_the_name_of_its_file() -> None:
    settings = default_settings()
    off = {**settings, "anatomy": False}
    assert file_name("best", off | {"posterior_steps": 7}) == file_name("best", off)
    older = {key: it for key, it in off.items() if not key.startswith(("posterior_", "anatomy"))}
    assert file_name("best", older) == file_name("best", off)
    on = settings | {"anatomy": True}
    assert file_name("best", on) != file_name("best", off)
    assert file_name("best", on | {"posterior_steps": 7}) != file_name("best", on)


def test_the_command_shows_the_split_and_keeps_the_values_of_each_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = train(tmp_path, "callbacks=none", "logger=none")
    found = evaluated(folder, "anatomy=true", "posterior_steps=8", "posterior_samples=4")
    shown = capsys.readouterr().out
    (path,) = folder.glob("evaluation-*.npz")
    numbers = json.loads(path.with_suffix(".json").read_text())["numbers"]
    assert numbers == found["numbers"]
    with np.load(path) as file:
        assert len(file["rows"]) == 10
        for name in ANATOMY:
            assert file[name].mean() == pytest.approx(numbers[name]["value"])
            assert name in shown
    gap = numbers["approximation_gap"]["value"] + numbers["amortisation_gap"]["value"]
    assert f"The bound is {gap:.2f} nats below log p(x)" in shown
    # How far the weights can be trusted comes before the numbers.
    assert shown.index("importance weights") < shown.index("where the bound loses")
    assert shown.index("where the bound loses") < shown.index("  elbo ")


def number(name: str, value: float, **details: float | bool) -> Number:
    return Number(name, name, value, 0.1, {"samples": 500, "images": 10}, details)


def test_the_first_lines_say_whether_the_weighted_bound_still_rises() -> None:
    details = {
        "smallest_effective_samples": 1.1, "tenth_percentile_effective_samples": 2.0,
        "median_effective_samples": 9.0, "with_half_the_samples": -100.5, "monte_carlo_error": 0.1,
    }  # fmt: skip
    lines = {
        rising: "\n".join(
            weights_block({"iw_bound": number("iw_bound", -100.0, **details, still_rising=rising)})
        )
        for rising in (True, False)
    }
    assert "-100.50 with 250 samples, -100.00 with 500: still rising" in lines[True]
    assert "-100.00 with 500: at rest" in lines[False]
    assert "smallest 1.1" in lines[True] and "median 9 of 500" in lines[True]
    # An evaluation of an earlier version, and one without the split.
    assert weights_block({"iw_bound": number("iw_bound", -100.0)}) == []
    assert anatomy_block({"iw_bound": number("iw_bound", -100.0)}) == []


def test_the_split_is_a_sentence_of_its_parts() -> None:
    given = dict(zip(ANATOMY, (-100.0, 3.9, -103.9, 1.2, -105.1), strict=True))
    lines = anatomy_block({name: number(name, value) for name, value in given.items()})
    assert math.isclose(given["log_likelihood"] - given["encoder_bound"], 5.1)
    assert (
        "The bound is 5.10 nats below log p(x): 3.90 by the family of the posterior "
        "(approximation), 1.20 by the encoder (amortisation)."
    ) in lines[-2]
