"""The leapfrog and its transition on Gaussians, of which every number is known."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from linear_gaussian import random
from torch import Tensor

from vae_lab.inference.hamiltonian import Point, Weight, leapfrog, transition

# The variances that the density of beta = 1 has, and its means.
VARIANCES = torch.tensor([0.2, 1.0, 3.0]).double()
MEANS = torch.tensor([1.0, 0.0, -0.5]).double()


def gaussian_weight() -> Weight:
    """Returns the weight of which beta = 1 makes a Gaussian of those means and variances."""

    def weight(position: Tensor) -> Point:
        log_w = 0.5 * (position.square() - (position - MEANS).square() / VARIANCES).sum(dim=-1)
        return Point(position, log_w, position - (position - MEANS) / VARIANCES)

    return weight


def gaussian(beta: float) -> tuple[Tensor, Tensor]:
    """Returns mean and variance of the Gaussian that a beta on the way makes, each (Z,)."""
    precision = (1 - beta) + beta / VARIANCES
    return beta * MEANS / VARIANCES / precision, 1 / precision


def energy(point: Point, momentum: Tensor, beta: float) -> Tensor:
    return 0.5 * momentum.square().sum(dim=-1) - point.log_density(beta)


@pytest.mark.parametrize("num_steps", [1, 2, 7])
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_the_leapfrog_leads_back_when_the_momentum_is_turned_around(
    beta: float, num_steps: int
) -> None:
    weight = gaussian_weight()
    start, momentum = weight(random(50, 3, dtype=torch.float64)), random(50, 3, seed=1).double()
    step = 0.3
    end, after = leapfrog(weight, start, momentum, beta=beta, step=step, num_steps=num_steps)
    back, before = leapfrog(weight, end, -after, beta=beta, step=step, num_steps=num_steps)
    torch.testing.assert_close(back.position, start.position, rtol=0, atol=1e-9)
    torch.testing.assert_close(-before, momentum, rtol=0, atol=1e-9)
    assert (end.position - start.position).abs().max() > 0.1


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_the_leapfrog_keeps_the_energy_up_to_the_square_of_the_step(beta: float) -> None:
    weight = gaussian_weight()
    start, momentum = weight(random(200, 3, dtype=torch.float64)), random(200, 3, seed=1).double()

    def error(step: float) -> float:
        # Trajectories of the same length, 0.8.
        end, after = leapfrog(
            weight, start, momentum, beta=beta, step=step, num_steps=round(0.8 / step)
        )
        change = energy(end, after, beta) - energy(start, momentum, beta)
        return float(change.abs().mean())

    errors = [error(step) for step in (0.1, 0.05, 0.025)]
    # A half step too few makes an error of order 1; a force of the wrong sign one without limit.
    assert errors[0] < 0.1
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(4, rel=0.1)


def test_a_small_step_is_the_equation_of_motion() -> None:
    # In a standard normal e and the momentum turn in a circle.
    weight = gaussian_weight()
    start, momentum = weight(random(20, 3, dtype=torch.float64)), random(20, 3, seed=1).double()
    end, after = leapfrog(weight, start, momentum, beta=0.0, step=0.001, num_steps=1000)
    turned = start.position * math.cos(1) + momentum * math.sin(1)
    torch.testing.assert_close(end.position, turned, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        after, momentum * math.cos(1) - start.position * math.sin(1), rtol=0, atol=1e-6
    )


def test_the_leapfrog_keeps_volumes() -> None:
    weight = gaussian_weight()

    def phase(both: Tensor) -> Tensor:
        end, after = leapfrog(weight, weight(both[:3]), both[3:], beta=0.7, step=0.4, num_steps=3)
        return torch.cat([end.position, after])

    jacobian: Tensor = torch.autograd.functional.jacobian(phase, random(6).double())
    assert torch.linalg.det(jacobian).abs().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("step", [0.15, 0.6])
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_transitions_keep_the_density(beta: float, step: float) -> None:
    # A wrong rule of acceptance shifts the variance at the large step.
    mean, variance = gaussian(beta)
    weight, count = gaussian_weight(), 40_000
    generator = torch.Generator().manual_seed(1)
    start = mean + variance.sqrt() * torch.randn(count, 3, generator=generator).double()
    point, shares = weight(start), []
    for _ in range(10):
        noise = (
            torch.randn(count, 3, generator=generator).double(),
            torch.rand(count, generator=generator).double(),
        )
        point, probability = transition(weight, point, noise, beta=beta, step=step, num_steps=3)
        assert ((probability >= 0) & (probability <= 1)).all()
        shares.append(probability.mean().item())
    assert (point.position != start).any(dim=1).float().mean() > 0.5
    # Standard errors over independent chains: of a mean sqrt(v / n), of a variance v sqrt(2 / n).
    error = (point.position.mean(dim=0) - mean) / (variance / count).sqrt()
    assert error.abs().max() < 4
    error = (point.position.var(dim=0) - variance) / (variance * math.sqrt(2 / count))
    assert error.abs().max() < 4
    assert np.mean(shares) > 0.3
    # What a point carries is of its position.
    assert all(map(torch.equal, point, weight(point.position)))


def test_from_anywhere_transitions_come_to_the_density() -> None:
    weight, beta, count = gaussian_weight(), 1.0, 20_000
    generator = torch.Generator().manual_seed(1)
    point = weight(torch.full((count, 3), 3.0).double())
    for _ in range(60):
        noise = (
            torch.randn(count, 3, generator=generator).double(),
            torch.rand(count, generator=generator).double(),
        )
        point, _ = transition(weight, point, noise, beta=beta, step=0.4, num_steps=4)
    mean, variance = gaussian(beta)
    torch.testing.assert_close(point.position.mean(dim=0), mean, rtol=0, atol=0.06)
    torch.testing.assert_close(point.position.var(dim=0), variance, rtol=0.05, atol=0)


def test_a_trajectory_that_leaves_the_numbers_behind_is_refused() -> None:
    def steep(position: Tensor) -> Point:
        # A density that falls so fast that steps overshoot more and more.
        fourth = position.square().square()
        return Point(position, -fourth.square().sum(dim=-1), -8 * fourth * position**3)

    start = steep(torch.full((5, 2), 3.0).double())
    noise = torch.ones(5, 2).double(), torch.zeros(5).double() + 1e-300
    end, probability = transition(steep, start, noise, beta=1.0, step=1.0, num_steps=20)
    assert all(map(torch.equal, end, start))
    assert (probability == 0).all()
