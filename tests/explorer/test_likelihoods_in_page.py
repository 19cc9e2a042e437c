"""The likelihoods of the page against those of the package, in double precision."""

import math
from typing import Any

import pytest
import torch
from page_maths import PageMaths
from torch import Tensor

from vae_lab.explorer.distributions import likelihood_description
from vae_lab.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
)

LIKELIHOODS: list[Likelihood] = [
    Bernoulli(),
    ContinuousBernoulli(),
    *(
        kind(scale=scale, learn_scale=learned)
        for kind in (Gaussian, Laplace, DiscretizedLogistic)
        for scale, learned in ((0.05, False), (0.7, True), (1e-4, True))
    ),
]

NAMES = [f"{type(likelihood).__name__}-{index}" for index, likelihood in enumerate(LIKELIHOODS)]

# Far, near and vanishing outputs with each of the ends of the pixel range, and levels between them.
OUTPUTS = [0.0, 1e-9, 1e-4, 0.05, 0.0999, 0.1001, 0.59, 0.61, 1.0, 1.4, 8, 40, 90, 500]
PIXELS = [0.0, 1 / 255, 128 / 255, 254 / 255, 1.0]


def grid() -> tuple[Tensor, Tensor]:
    """Every output, of both signs, with every pixel: two vectors of the same length."""
    outputs = torch.tensor([*OUTPUTS, *(-value for value in OUTPUTS[1:])])
    pairs = torch.cartesian_prod(outputs, torch.tensor(PIXELS))
    return pairs[:, 0], pairs[:, 1]


def call(maths: PageMaths, likelihood: Likelihood, method: str, *values: Tensor) -> Any:
    function = f"(description, ...lists) => makeLikelihood(description).{method}"
    body = f"{function}(...lists.map(floats))"
    return maths.call(body, likelihood_description(likelihood), *(v.tolist() for v in values))


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=NAMES)
def test_log_probabilities_of_pixels_are_exact_at_any_output(
    maths: PageMaths, likelihood: Likelihood
) -> None:
    outputs, x = grid()
    shape = (1, len(x), 1, 1, 1)
    with torch.no_grad():
        expected = likelihood.double().log_prob(
            outputs.double().view(shape), x.double().view(shape[1:])
        )
    function = """(description, outputs, x) => {
      const { logProb } = makeLikelihood(description);
      return outputs.map((output, i) => logProb(Float32Array.of(output), Float32Array.of(x[i])));
    }"""
    given = likelihood_description(likelihood), outputs.tolist(), x.tolist()
    found = torch.tensor(maths.call(function, *given), dtype=torch.double)
    # Python's series ends where single precision does; sums of terms that cancel keep 1e-8.
    torch.testing.assert_close(found, expected[0], rtol=1e-7, atol=2e-8)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=NAMES)
def test_an_images_log_probability_is_the_sum_over_its_pixels(
    maths: PageMaths, likelihood: Likelihood
) -> None:
    outputs, x = torch.linspace(-2, 2, 12), torch.linspace(0, 1, 12)
    with torch.no_grad():
        expected = (
            likelihood.float().log_prob(outputs.view(1, 1, 3, 2, 2), x.view(1, 3, 2, 2)).item()
        )
    assert call(maths, likelihood, "logProb", outputs, x) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=NAMES)
def test_mean_images_are_those_of_the_package(maths: PageMaths, likelihood: Likelihood) -> None:
    steps = torch.linspace(-0.2, 1.2, 301)
    outputs = torch.cat([grid()[0], steps, steps / 255])
    with torch.no_grad():
        expected = likelihood.double().mean(outputs.double()).float()
    found = torch.tensor(call(maths, likelihood, "mean", outputs))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


class Own(Bernoulli):
    """A likelihood of somebody's own that could be anything."""


def test_a_likelihood_that_is_not_known_has_no_formula(maths: PageMaths) -> None:
    assert likelihood_description(Own()) == {"kind": None}
    found = maths.call(
        "(description) => { const l = makeLikelihood(description); "
        "return [l.isKnown, Number.isNaN(l.logProb([], []))]; }",
        {"kind": None},
    )
    assert found == [False, True]


def test_a_scale_is_the_learned_one() -> None:
    likelihood = Gaussian(scale=0.1, learn_scale=True)
    with torch.no_grad():
        likelihood.log_scale.fill_(-1.5)
    assert likelihood_description(likelihood) == {"kind": "gaussian", "log_scale": -1.5}
    assert likelihood_description(Laplace(scale=0.1, learn_scale=False)) == {
        "kind": "laplace",
        "log_scale": pytest.approx(math.log(0.1)),
    }
