"""Hamiltonian Monte Carlo on the way from a standard normal to a density that weights make of it.

The densities are N(e; 0, I) w(e)^beta, not normalised: for beta = 0 the standard normal. A point
carries log w and its gradient, so that the next beta needs no new evaluation.

Shapes: ... any number of points, Z dimensions. All numbers in double precision, densities in nats.

Source: Neal, MCMC Using Hamiltonian Dynamics, arXiv:1206.1901, sections 2.3 and 3.2.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Point(NamedTuple):
    """Positions e (..., Z), with log w (...) there, and its gradient by e (..., Z)."""

    position: Tensor
    log_weight: Tensor
    slope: Tensor

    def log_density(self, beta: float) -> Tensor:
        """Returns the log-density of that beta without its constant, (...)."""
        return beta * self.log_weight - 0.5 * self.position.square().sum(dim=-1)

    def force(self, beta: float) -> Tensor:
        """Returns the gradient of the log-density of that beta, (..., Z)."""
        return beta * self.slope - self.position


# Evaluates log w at positions (..., Z).
Weight = Callable[[Tensor], Point]


def leapfrog(
    weight: Weight, point: Point, momentum: Tensor, *, beta: float, step: float, num_steps: int
) -> tuple[Point, Tensor]:
    """Returns points and momenta (..., Z) after some steps of the leapfrog (eq. 2.28 to 2.30).

    With the momentum turned around the same steps lead back, and volumes stay as they are.
    """
    momentum = momentum + 0.5 * step * point.force(beta)
    for index in range(num_steps):
        point = weight(point.position + step * momentum)
        # The half step that ends a step and the one that begins the next are one.
        kick = 0.5 * step if index == num_steps - 1 else step
        momentum = momentum + kick * point.force(beta)
    return point, momentum


def transition(
    weight: Weight,
    point: Point,
    noise: tuple[Tensor, Tensor],
    *,
    beta: float,
    step: float,
    num_steps: int,
) -> tuple[Point, Tensor]:
    """Returns where the points go, and the probability with which each was to move, (...).

    It keeps the density of beta, and is its own reverse there: what annealing needs of it. `noise`
    are the momenta, standard normal (..., Z), and numbers (...), uniform between 0 and 1.
    """
    momentum, uniform = noise
    end, after = leapfrog(weight, point, momentum, beta=beta, step=step, num_steps=num_steps)
    kinetic = 0.5 * (momentum.square() - after.square()).sum(dim=-1)
    rise = end.log_density(beta) - point.log_density(beta) + kinetic
    # A trajectory that left the numbers behind is refused.
    probability = torch.nan_to_num(rise, nan=-torch.inf).clamp(max=0).exp()
    moves = uniform < probability
    moved = (
        torch.where(moves if new.dim() == moves.dim() else moves.unsqueeze(-1), new, old)
        for new, old in zip(end, point, strict=True)
    )
    return Point(*moved), probability
