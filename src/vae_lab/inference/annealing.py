"""log p(x) by annealed importance sampling from q(z|x), with Hamiltonian transitions.

Shapes: K chains per image, N images, T temperatures, Z latent dimensions. Values in nats per image.
Memory: some latent points are decoded at a time; beside them K x N x Z numbers are kept.

Source: Neal, Annealed Importance Sampling, arXiv:physics/9803008; of decoders: Wu et al., On the
Quantitative Analysis of Decoder-Based Generative Models, arXiv:1611.04273.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from vae_lab.inference.chains import Chains
from vae_lab.inference.hamiltonian import Point
from vae_lab.inference.images import Advance

# The share of moves that step sizes aim at (Neal, arXiv:1206.1901, section 4.4, finds 0.65 for long
# trajectories; of short ones more should arrive), and where the search for them begins.
_ACCEPTANCE, _FIRST_STEP, _FIRST_MOVES = 0.8, 0.5, 15


class Path(NamedTuple):
    """The way from q to the true posterior: `betas`, T + 1 from 0 to 1, and T - 1 step sizes.

    A chain moves at every beta but the two ends.
    """

    betas: list[float]
    step_sizes: list[float]

    def reversed(self) -> "Path":
        """Returns the way back."""
        return Path(self.betas[::-1], self.step_sizes[::-1])


def adapted_path(chains: Chains, num_temperatures: int) -> Path:
    """Returns equal steps of beta, with step sizes that suit the chains on their way.

    They follow the share of accepted moves from beta to beta. To keep estimates unbiased, the
    images are others than those to be measured.
    """
    betas = torch.linspace(0, 1, num_temperatures + 1, dtype=torch.float64).tolist()
    point, step, number = chains.start(), _FIRST_STEP, 0
    step_sizes: list[float] = []
    for beta in betas[1:-1]:
        for _ in range(1 if step_sizes else _FIRST_MOVES):
            number += 1
            point, probability = chains.move(point, number, beta=beta, step=step)
            step *= math.exp(probability.mean().item() - _ACCEPTANCE)
        step_sizes.append(step)
    return Path(betas, step_sizes)


class Annealed(NamedTuple):
    """What the chains of a way found: `log_weights` (K, N), and `acceptance` of each move."""

    log_weights: np.ndarray
    acceptance: np.ndarray
    path: Path

    @property
    def log_likelihood(self) -> np.ndarray:
        """The log of the mean weight of each image, (N,): log p(x), in expectation from below."""
        return _log_mean(self.log_weights)

    @property
    def effective_chains(self) -> np.ndarray:
        """How many chains of equal weight those of each image are worth, (N,)."""
        sums = (np.logaddexp.reduce(times * self.log_weights, axis=0) for times in (2, 1))
        squares, whole = sums
        return np.exp(2 * whole - squares)

    def monte_carlo_error(self) -> float | None:
        """Returns the part of the standard error of the mean that is due to the finite K.

        From the estimates by every other chain, which differ by twice the variance of one of them,
        which has half of the weights. None for a single chain.
        """
        if len(self.log_weights) < 2:
            return None
        first, second = (_log_mean(self.log_weights[start::2]) for start in (0, 1))
        return float(np.sqrt(np.square(first - second).sum()) / 2 / len(first))


def anneal(
    chains: Chains,
    path: Path,
    start: Point | None = None,
    advance: Advance = lambda done, total: None,
) -> Annealed:
    """Returns the weights of chains along a path, from draws of q or from the points given.

    log w = sum_t |beta_t - beta_(t-1)| log w(e_(t-1)), where a move at beta_t leads from e_(t-1) to
    e_t (Neal, eq. 3 and 11). From q, E[w] = p(x): the log of the mean is log p(x) in expectation
    from below. Back from draws of the true posterior, E[1 / w] = 1 / p(x).
    """
    point = start or chains.start()
    total, acceptance = torch.zeros_like(point.log_weight), []
    for number, (before, beta) in enumerate(pairwise(path.betas)):
        total = total + abs(beta - before) * point.log_weight
        if number < len(path.step_sizes):
            step = path.step_sizes[number]
            point, probability = chains.move(point, number + 1, beta=beta, step=step)
            acceptance.append(probability.mean().item())
        advance(number + 1, len(path.betas) - 1)
    return Annealed(total.numpy(), np.array(acceptance), path)


def _log_mean(log_weights: np.ndarray) -> np.ndarray:
    return np.logaddexp.reduce(log_weights, axis=0) - math.log(len(log_weights))
