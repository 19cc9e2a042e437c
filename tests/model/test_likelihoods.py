"""Every likelihood: normalised, equal to torch.distributions, exact at extremes."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from linear_gaussian import random
from torch import Tensor
from torch.distributions import ContinuousBernoulli as TorchContinuousBernoulli
from torch.distributions import Laplace as TorchLaplace
from torch.distributions import Normal

from vae_lab.config import compose
from vae_lab.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
    ScaledLikelihood,
)

SCALED: tuple[type[ScaledLikelihood], ...] = (Gaussian, Laplace, DiscretizedLogistic)
SCALE = 0.07


def scaled(cls: type[ScaledLikelihood], *, scale: float = SCALE, learn: bool = False) -> Likelihood:
    return cls(scale=scale, learn_scale=learn)


ALL: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "continuous_bernoulli": ContinuousBernoulli(),
    "gaussian": scaled(Gaussian),
    "laplace": scaled(Laplace),
    "discretized_logistic": scaled(DiscretizedLogistic),
}


def test_every_likelihood_of_the_configuration_is_in_these_tests() -> None:
    names = {path.stem for path in (compose.conf_folder() / "likelihood").glob("*.yaml")}
    assert set(ALL) == names


def of_one_pixel(likelihood: Likelihood, output: float, values: Tensor) -> Tensor:
    """Returns log p of one pixel's values (N,), float64 (N,)."""
    outputs = torch.full((1, len(values), 1, 1, 1), output, dtype=torch.float64)
    return likelihood.log_prob(outputs, values.double().view(-1, 1, 1, 1))[0]


@pytest.mark.parametrize("output", [-30.0, -2.0, -0.05, 0.0, 0.4, 1.0, 30.0])
@pytest.mark.parametrize("name", ALL)
def test_a_likelihood_sums_or_integrates_to_one(name: str, output: float) -> None:
    likelihood = ALL[name]
    if name == "bernoulli":
        total = of_one_pixel(likelihood, output, torch.tensor([0.0, 1.0])).exp().sum()
    elif name == "discretized_logistic":
        total = of_one_pixel(likelihood, output, torch.arange(256).double() / 255).exp().sum()
    else:
        # The middles of small intervals: on [0, 1], or as far as there is any mass.
        low, high = (0.0, 1.0) if name == "continuous_bernoulli" else (output - 2, output + 2)
        middles = low + (torch.arange(200_000).double() + 0.5) * (high - low) / 200_000
        total = of_one_pixel(likelihood, output, middles).exp().mean() * (high - low)
    assert total.item() == pytest.approx(1, abs=1e-6)
    assert likelihood.is_discrete == (name in ("bernoulli", "discretized_logistic"))


TORCHS: dict[str, Callable[[Tensor], Any]] = {
    "gaussian": lambda outputs: Normal(outputs, SCALE),
    "laplace": lambda outputs: TorchLaplace(outputs, SCALE),
    "continuous_bernoulli": lambda outputs: TorchContinuousBernoulli(logits=outputs),
}


@pytest.mark.parametrize("name", TORCHS)
def test_a_likelihood_equals_torch_distributions_summed_over_pixels(name: str) -> None:
    outputs = random(2, 5, 1, 4, 4, seed=9, dtype=torch.float64)
    x = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(7)).double()
    expected = TORCHS[name](outputs).log_prob(x).sum(dim=(2, 3, 4))
    torch.testing.assert_close(ALL[name].log_prob(outputs, x), expected, rtol=1e-5, atol=1e-5)
    if name == "continuous_bernoulli":
        torch.testing.assert_close(
            ALL[name].mean(outputs), TORCHS[name](outputs).mean, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_a_level_has_the_logistics_probability_of_its_interval(level: int) -> None:
    output = torch.tensor(0.38, dtype=torch.float64)
    ends = [torch.sigmoid((torch.tensor(level + side, dtype=torch.float64) / 255 - output) / SCALE)
            for side in (-0.5, 0.5)]  # fmt: skip
    low = torch.tensor(0.0) if level == 0 else ends[0]
    high = torch.tensor(1.0) if level == 255 else ends[1]
    found = of_one_pixel(ALL["discretized_logistic"], output.item(), torch.tensor([level / 255]))
    assert found.item() == pytest.approx((high - low).log().item(), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 0.05, 0.7])
def test_the_mean_of_levels_is_their_sum_by_probability_and_never_leaves_the_range(
    scale: float,
) -> None:
    likelihood, levels = scaled(DiscretizedLogistic, scale=scale), torch.arange(256).double() / 255
    outputs = torch.tensor([-30.0, -0.3, 0.0, 0.2, 0.5, 1.0, 1.2, 30.0], dtype=torch.float64)
    expected = [
        (of_one_pixel(likelihood, one, levels).exp() * levels).sum() for one in outputs.tolist()
    ]
    found = likelihood.mean(outputs)
    torch.testing.assert_close(found, torch.stack(expected), rtol=0, atol=1e-6)
    assert ((found >= 0) & (found <= 1)).all()
    torch.testing.assert_close(likelihood.mean(outputs.float()).double(), found, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [0.0, 1e-4, 1e3, 1e6])
def test_extremes_of_the_outputs_stay_finite_in_value_and_gradient(name: str, size: float) -> None:
    outputs = torch.tensor([size, -size]).view(2, 1, 1, 1, 1).expand(2, 3, 1, 1, 1).clone()
    outputs.requires_grad_()
    x = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1)
    found = ALL[name].log_prob(outputs, x)
    found.sum().backward()
    assert found.isfinite().all()
    assert outputs.grad is not None and outputs.grad.isfinite().all()
    assert ALL[name].mean(outputs).isfinite().all()


def test_the_bernoulli_is_torchs_cross_entropy_in_value_and_gradient() -> None:
    logits = torch.cat([torch.linspace(-60, 60, 4001), torch.tensor([0.0, 1e4, -1e4])])
    grey = torch.tensor([0.0, 0.3, 1.0]).view(-1, 1, 1, 1)
    outputs = logits.view(-1, 1, 1, 1, 1).expand(-1, 3, 1, 1, 1).clone().requires_grad_()
    found = Bernoulli().log_prob(outputs, grey)
    (slope,) = torch.autograd.grad(found.sum(), outputs)
    exact = outputs.detach().double()
    pairs = torch.nn.functional.binary_cross_entropy_with_logits(
        exact, grey.double().expand_as(exact), reduction="none"
    )
    error = (found + pairs.flatten(2).sum(2)).abs() / (1 + logits.abs()[:, None])
    assert error.max() < 1e-7
    torch.testing.assert_close(slope.double(), grey.double() - exact.sigmoid(), rtol=0, atol=2e-7)
    # What is surely right adds nothing: no rounding of large numbers is left.
    assert found[-2, 2] == found[-1, 0] == 0


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 1, 101), (2, 3, 7), (1, 1, 0)])
def test_the_bernoulli_of_an_image_is_the_sum_of_its_pixels(shape: tuple[int, ...]) -> None:
    # The most likely product to vanish: every sigmoid is a half, or nearly.
    outputs = torch.cat([0 * random(1, 4, *shape), 9 * random(2, 4, *shape, seed=1)])
    outputs.requires_grad_()
    x = random(4, *shape, seed=2).sigmoid().requires_grad_()
    found = Bernoulli().log_prob(outputs, x)
    pixels = torch.nn.functional.binary_cross_entropy_with_logits(
        outputs.double(), x.double().expand_as(outputs), reduction="none"
    )
    exact = -pixels.flatten(2).sum(dim=2)
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=0)
    weights = random(3, 4, seed=3)
    slopes = torch.autograd.grad((weights * found).sum(), (outputs, x))
    expected = torch.autograd.grad((weights * exact).sum(), (outputs, x))
    torch.testing.assert_close(slopes[0], expected[0], rtol=1e-6, atol=1e-6)
    # That of a pixel is a sum of two logits, each up to 40, which may cancel.
    torch.testing.assert_close(slopes[1], expected[1], rtol=1e-6, atol=1e-5)


def test_the_bernoulli_has_second_derivatives_and_those_of_each_image() -> None:
    outputs, x = random(2, 3, 1, 4, 4).double(), random(3, 1, 4, 4, seed=1).double().sigmoid()
    inputs = (outputs.requires_grad_(), x.requires_grad_())
    assert torch.autograd.gradgradcheck(Bernoulli().log_prob, inputs)
    together = torch.autograd.grad(Bernoulli().log_prob(*inputs).sum(), outputs)[0]

    def of_one(output: Tensor, image: Tensor) -> Tensor:
        return Bernoulli().log_prob(output[None, None], image[None]).sum()

    each = torch.func.vmap(torch.func.grad(of_one))(outputs.detach()[0], x.detach())
    torch.testing.assert_close(each, together[0])


def test_the_continuous_bernoulli_is_smooth_where_its_formula_changes() -> None:
    logits = torch.linspace(-1, 1, 2001, dtype=torch.float64).requires_grad_()
    likelihood = ContinuousBernoulli()
    total = likelihood.log_prob(logits.view(1, -1, 1, 1, 1), torch.zeros(2001, 1, 1, 1).double())
    (slope,) = torch.autograd.grad(total.sum(), logits)
    # At x = 0 the log-density is minus the log-normaliser, whose derivative is the mean.
    torch.testing.assert_close(-slope, likelihood.mean(logits.detach()), rtol=0, atol=1e-7)


@pytest.mark.parametrize("cls", SCALED)
def test_a_learned_scale_finds_the_spread_of_the_errors(cls: type[ScaledLikelihood]) -> None:
    errors = random(1, 400, 1, 5, 5, seed=3) * 0.1
    likelihood = scaled(cls, scale=0.5, learn=True)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss = -likelihood.log_prob(0.5 + errors, torch.full((400, 1, 5, 5), 128 / 255)).mean()
        torch.autograd.backward(loss)
        optimizer.step()
    found = math.exp(next(likelihood.parameters()).item())
    expected = {Gaussian: 0.1, Laplace: 0.1 * math.sqrt(2 / math.pi)}
    if cls in expected:
        assert found == pytest.approx(expected[cls], rel=0.03)
    assert 0.04 < found < 0.12
    assert "log_scale" in likelihood.state_dict() and not scaled(cls).state_dict()


@pytest.mark.parametrize("name", ALL)
def test_pairs_equal_one_by_one(name: str) -> None:
    outputs = random(4, 1, 2, 3, seed=1)
    x = torch.rand(5, 1, 2, 3, generator=torch.Generator().manual_seed(2)).mul(255).round() / 255
    expected = ALL[name].log_prob(outputs.unsqueeze(1).expand(4, 5, 1, 2, 3), x)
    torch.testing.assert_close(ALL[name].log_prob_of_pairs(outputs, x), expected)


# Up to 40,000 draws: shares and means have a standard error of at most 0.0025.
@pytest.mark.parametrize("output", [-30.0, -2.0, 0.0, 1e-7, 0.4, 30.0, 1e6])
@pytest.mark.parametrize("name", ALL)
def test_draws_have_the_distribution_of_the_likelihood(name: str, output: float) -> None:
    outputs = torch.full((40_000,), output)
    x = ALL[name].sample(outputs, torch.Generator().manual_seed(1))
    assert x.shape == outputs.shape and x.isfinite().all()
    if name in ("bernoulli", "continuous_bernoulli", "discretized_logistic"):
        assert ((x >= 0) & (x <= 1)).all()
        levels = 255 * x if name == "discretized_logistic" else x
        assert name == "continuous_bernoulli" or (levels - levels.round()).abs().max() < 1e-4
    assert x.mean().item() == pytest.approx(ALL[name].mean(outputs[:1]).item(), abs=0.012)
    if abs(output) > 10:
        return
    # E[log p(x)] over the draws is minus the entropy, which is what the density gives as a sum.
    grid = torch.arange(256).double() / 255
    if name == "bernoulli":
        grid = torch.tensor([0.0, 1.0])
    elif name != "discretized_logistic":
        low, high = (0.0, 1.0) if name == "continuous_bernoulli" else (output - 2, output + 2)
        grid = low + (torch.arange(20_000).double() + 0.5) * (high - low) / 20_000
    log_p = of_one_pixel(ALL[name], output, grid)
    p = log_p.exp() / log_p.exp().sum()
    found = of_one_pixel(ALL[name], output, x)
    assert found.mean().item() == pytest.approx((p * log_p).sum().item(), abs=0.025)
    # The distribution function at the quartiles of the density.
    for share in (0.25, 0.5, 0.75):
        edge = grid[int((p.cumsum(0) < share).sum().clamp(max=len(grid) - 1))]
        below = p[grid <= edge + 1e-9].sum().item()
        assert (x <= edge + 1e-6).double().mean().item() == pytest.approx(below, abs=0.012)


def test_a_likelihood_without_draws_says_so() -> None:
    class Silent(Bernoulli):
        sample = Likelihood.sample

    with pytest.raises(NotImplementedError, match="Silent has no method sample"):
        Silent().sample(torch.zeros(1), torch.Generator())
