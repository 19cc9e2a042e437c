"""The true posterior in the page: log p(x) on its grid, and the best Gaussian on it.

The model is linear and Gaussian: p(x), the posterior and both gaps are known in closed form.
"""

from typing import Any

import linear_gaussian
import numpy as np
import pytest
import torch
from page_maths import PageMaths
from torch import Tensor
from torch.distributions import MultivariateNormal

PIXELS, SCALE = 6, 0.2
WEIGHT = torch.randn(PIXELS, 2, generator=torch.Generator().manual_seed(0)).double()
WEIGHT[:, 1] += WEIGHT[:, 0]
# p(z|x) is Gaussian; its precision does not depend on x, and couples the two dimensions.
PRECISION = torch.eye(2).double() + WEIGHT.T @ WEIGHT / SCALE**2
COVARIANCE = torch.linalg.inv(PRECISION)
X = torch.rand(PIXELS, generator=torch.Generator().manual_seed(1)).double()
MEAN = COVARIANCE @ WEIGHT.T @ X / SCALE**2

# Of an encoder's q the grid, its log p(x) and the best Gaussian; the clock counts decoded points,
# and moves after each `tick` of them.
COMPUTE = """(weight, x, scale, mean, logVar, lower, budget, tick) => {
  let decoded = 0;
  const outputs = new Float32Array(x.length);
  const run = (z) => {
    decoded += 1;
    weight.forEach(([a, b], i) => { outputs[i] = a * z[0] + b * z[1]; });
    return outputs;
  };
  const likelihood = makeLikelihood({ kind: "gaussian", log_scale: Math.log(scale) });
  const model = { decoder: { run }, likelihood, prior: standardNormal(2), numPixels: x.length };
  const now = () => tick * Math.floor(decoded / tick);
  const points = new DecodedPoints(model, [0.1, -0.2], 0.5, now);
  const q = new Gaussian(floats(mean), floats(logVar), lower && floats(lower));
  const grids = [1, 2].map(() => {
    const grid = new PosteriorGrid(points, floats(x), q, budget);
    while (grid.step());
    return { ...grid.result, decoded };
  });
  return { ...grids[0], ofBoth: grids.map((grid) => grid.decoded) };
}"""


def computed(maths: PageMaths, q: dict[str, Any], budget: float = 5000, tick: int = 1) -> Any:
    x, weight = X.tolist(), WEIGHT.tolist()
    given = (q["mean"].tolist(), q["log_var"].tolist(), q["lower"])
    return maths.call(COMPUTE, weight, x, SCALE, *given, budget, tick)


def encoder(*, full: bool, shift: tuple[float, float] = (0.0, 0.0)) -> dict[str, Any]:
    """Returns the nearest q of a family, with a mean that is wrong by a shift."""
    mean = MEAN + torch.tensor(shift).double()
    if not full:
        return {"mean": mean, "log_var": -PRECISION.diag().log(), "lower": None}
    factor = torch.linalg.cholesky(COVARIANCE)
    return {
        "mean": mean,
        "log_var": 2 * factor.diag().log(),
        "lower": [(factor[1, 0] / factor[1, 1]).item()],
    }


def approximation_gap() -> float:
    """Of independent dimensions: half of the log diagonal's sum minus the log determinant."""
    return 0.5 * (PRECISION.diag().log().sum() - torch.logdet(PRECISION)).item()


def log_likelihood() -> float:
    covariance = WEIGHT @ WEIGHT.T + SCALE**2 * torch.eye(PIXELS)
    exact = MultivariateNormal(torch.zeros(PIXELS).double(), covariance)
    return linear_gaussian.log_likelihood(exact, X[None]).item()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.2, -0.1)])
def test_log_p_and_both_gaps_are_the_exact_ones(
    maths: PageMaths, full: bool, shift: tuple[float, float]
) -> None:
    found = computed(maths, encoder(full=full, shift=shift))
    assert found["isFine"] is True
    assert found["logProb"] == pytest.approx(log_likelihood(), abs=1e-3)
    approximation = 0.0 if full else approximation_gap()
    assert found["best"]["kl"] == pytest.approx(approximation, abs=1e-3)
    shifted = torch.tensor(shift).double()
    amortisation = 0.5 * (shifted @ PRECISION @ shifted).item()
    assert found["kl"] - found["best"]["kl"] == pytest.approx(amortisation, abs=2e-3)
    # The values differ by more than the tolerance.
    assert approximation_gap() > 0.05 and (amortisation > 0.05 or shift == (0.0, 0.0))


@pytest.mark.parametrize("full", [False, True])
def test_the_best_gaussian_is_the_exact_one(maths: PageMaths, full: bool) -> None:
    found = computed(maths, encoder(full=full, shift=(0.1, 0.1)))["best"]["gaussian"]
    covariance = COVARIANCE if full else torch.linalg.inv(PRECISION.diag().diag())
    assert found["mean"] == pytest.approx(MEAN.tolist(), abs=3e-4)
    expected = [covariance[0, 0], covariance[0, 1], covariance[1, 1]]
    assert found["covariance"] == pytest.approx([value.item() for value in expected], abs=1e-5)


def test_the_largest_density_is_at_the_posterior_mean(maths: PageMaths) -> None:
    found = computed(maths, encoder(full=False, shift=(0.2, 0.2)))
    largest = int(np.argmax(found["values"]))
    place = [found["us"][largest], found["vs"][largest]]
    assert place == pytest.approx(MEAN.tolist(), abs=found["spacing"])


def test_a_second_image_decodes_no_point_again(maths: PageMaths) -> None:
    first, both = computed(maths, encoder(full=False))["ofBoth"]
    assert 289 <= first == both


def test_without_time_for_more_points_a_coarse_grid_says_so(maths: PageMaths) -> None:
    found = computed(maths, encoder(full=False), budget=0)
    assert found["isFine"] is False and found["spacing"] == 0.5


def test_a_coarse_clock_limits_the_points_as_a_fine_one(maths: PageMaths) -> None:
    fine, coarse = (
        computed(maths, encoder(full=False), budget=300, tick=tick)["ofBoth"][0] for tick in (1, 20)
    )
    assert fine == coarse < computed(maths, encoder(full=False))["ofBoth"][0]


@pytest.mark.parametrize("kind", ["bernoulli", "continuous_bernoulli"])
def test_a_product_and_a_normaliser_are_the_log_likelihood(maths: PageMaths, kind: str) -> None:
    random = torch.Generator().manual_seed(2)
    outputs: Tensor = 5 * torch.randn(50, generator=random)
    x = torch.rand(50, generator=random)
    function = """(kind, outputs, x) => {
      const { logProb, logNormaliser } = makeLikelihood({ kind });
      const [o, i] = [floats(outputs), floats(x)];
      return [logProb(o, i), dot(o, 0, i, 0, 50) - logNormaliser(o)];
    }"""
    direct, split = maths.call(function, kind, outputs.tolist(), x.tolist())
    assert split == pytest.approx(direct, rel=1e-6)
