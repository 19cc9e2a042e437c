"""log p(x) by annealed importance sampling as a metric: trained models, and what is said of it."""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from copier import evaluation_of_copier
from runs import SMALL, evaluated, train

from vae_lab.evaluate.annealed import annealed
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.evaluate.grid import exact_on_grid
from vae_lab.evaluate.requests import check
from vae_lab.evaluations import default_settings, file_name
from vae_lab.likelihoods import Gaussian, Likelihood
from vae_lab.run_folder import Number

FEW: dict[str, Any] = {
    "ais": 1, "temperatures": 3, "chains": 4, "leapfrog_steps": 2, "start_width": 2,
    "simulated_images": 6,
}  # fmt: skip


# A small network on real digits: the encoder learns enough in a few seconds.
DIGITS = (
    *("data=digits", "model.hidden_dims=[64]", "trainer.max_epochs=20"),
    *("callbacks=none", "logger=none"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("annealed"), *DIGITS)[1]


def evaluation_of(folder: Path, *overrides: str) -> Evaluation:
    (request,) = check([str(folder), *SMALL, *overrides]).requests
    return Evaluation.load(*request)


def numbers_of(evaluation: Evaluation) -> dict[str, Number]:
    return {number.name: number for number in annealed(evaluation)}


def value_of(number: Number) -> float:
    assert isinstance(number.value, float)
    return number.value


def assert_equals_the_grid(folder: Path) -> None:
    evaluation = evaluation_of(folder, "temperatures=80", "chains=8", "num_images=30")
    grid = exact_on_grid(
        evaluation.model, evaluation.drawn, tolerance=1e-3, max_points=2**20
    ).log_likelihood
    found = evaluation.annealed
    error = found.monte_carlo_error()
    assert error is not None and error < 0.05
    difference = found.log_likelihood - grid
    assert difference.mean() == pytest.approx(0, abs=4 * error)
    assert abs(difference).max() < 1


def test_a_trained_model_has_the_value_of_the_grid(trained: Path) -> None:
    assert_equals_the_grid(trained)


@pytest.mark.parametrize(
    "overrides",
    [("prior=gaussian_mixture",), ("prior=vamp", "prior.num_components=5"), ("posterior=full",)],
    ids=" ".join,
)
def test_learned_priors_and_a_full_posterior_have_the_value_of_the_grid(
    tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    assert_equals_the_grid(train(tmp_path, *DIGITS, *overrides)[1])


def test_the_numbers_say_how_they_were_measured(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [f"{key}={value}" for key, value in (FEW | {"ais": "true", "temperatures": 40}).items()]
    content = evaluated(trained, *few)["numbers"]
    number, gap, grid = (content[name] for name in ("annealed", "sandwich", "exact"))
    error = number["monte_carlo_error"]
    assert number["value"] == pytest.approx(grid["value"], abs=4 * error)
    assert number["protocol"]["temperatures"] == 40 and number["protocol"]["images"] == 10
    assert number["protocol"]["targets_are_means"] is True
    assert gap["protocol"]["images"] == 6 and "targets_are_means" not in gap["protocol"]
    assert gap["value"] == pytest.approx(gap["upper"] - gap["lower"])
    assert 0 < number["smallest_acceptance"] <= number["mean_acceptance"] <= 1
    assert 1 <= number["smallest_effective_chains"] <= number["median_effective_chains"] <= 4
    shown = capsys.readouterr().out
    assert "annealed" in shown and "sandwich" in shown and "temperatures 40" in shown


def test_too_few_temperatures_are_too_low_make_the_sandwich_wide_and_are_warned_of(
    trained: Path,
) -> None:
    def measured(temperatures: int) -> tuple[float, float, Number]:
        evaluation = evaluation_of(
            trained, "ais=true", f"temperatures={temperatures}", "start_width=4", "chains=4"
        )
        grid = exact_on_grid(evaluation.model, evaluation.drawn, tolerance=0.01, max_points=2**20)
        numbers = numbers_of(evaluation)
        below = float((grid.log_likelihood - evaluation.annealed.log_likelihood).mean())
        return below, value_of(numbers["sandwich"]), numbers["annealed"]

    below, wide, number = measured(1)
    enough_below, thin, enough = measured(100)
    assert below > 1 and abs(enough_below) < 0.3
    assert wide > 1 and wide > 10 * thin
    assert "the sandwich is wide" in number.details["warning"]
    assert "raise temperatures" in number.details["warning"]
    assert "sandwich" not in enough.details.get("warning", "")


def test_a_likelihood_that_cannot_draw_has_no_sandwich() -> None:
    class Silent(Gaussian):
        sample = Likelihood.sample

    evaluation = evaluation_of_copier(2, **FEW)
    assert set(numbers_of(evaluation)) == {"annealed", "sandwich"}
    evaluation.model.likelihood = Silent(scale=1.0, learn_scale=False)
    numbers = numbers_of(evaluation)
    assert set(numbers) == {"annealed"}
    assert "no method sample" in numbers["annealed"].details["sandwich"]


@pytest.mark.parametrize(
    ("latent_dim", "settings", "is_measured"),
    [
        (3, {}, False),
        (2, {"ais": True}, True),
        (3, {"ais": True}, True),
        # With two dimensions the grid gives log p(x).
        (2, {"anatomy": True}, False),
        (3, {"anatomy": True}, True),
    ],
)
def test_it_is_measured_where_it_is_asked_for(
    latent_dim: int, settings: dict[str, Any], is_measured: bool
) -> None:
    evaluation = evaluation_of_copier(latent_dim, **(FEW | {"ais": False} | settings))
    assert bool(numbers_of(evaluation)) == is_measured


def test_the_bar_goes_to_its_end() -> None:
    evaluation, steps = evaluation_of_copier(3, **FEW), list[tuple[int, int]]()
    evaluation.advance = lambda done, total: steps.append((done, total))
    numbers_of(evaluation)
    shares = [done / total for done, total in steps]
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) == 13


def test_an_evaluation_without_it_keeps_its_file_name() -> None:
    settings = default_settings() | {"seed": 0}
    name = partial(file_name, "best")
    earlier = {key: it for key, it in settings.items() if key not in (*FEW, "anatomy")}
    assert name(settings) == name(earlier)
    assert name(settings | {"temperatures": 9}) == name(earlier)
    asked = settings | {"ais": True}
    assert len({name(asked), name(asked | {"temperatures": 9}), name(earlier)}) == 3


def test_what_the_model_made_is_not_what_is_measured(trained: Path) -> None:
    first, second = (
        evaluation_of(trained, "temperatures=5", f"simulated_images={count}") for count in (2, 4)
    )
    np.testing.assert_array_equal(first.annealed.log_likelihood, second.annealed.log_likelihood)
    assert math.isfinite(first.annealed.log_likelihood.mean())
