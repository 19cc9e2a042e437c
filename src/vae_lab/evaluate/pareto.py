"""The tail of importance weights: whether their mean can be relied on.

Shapes: K weights per image, N images, B images per batch, M largest weights.

Source: Vehtari et al., Pareto Smoothed Importance Sampling, arXiv:1507.02646.
"""

import math

import numpy as np
import torch
from torch import Tensor

# With fewer weights in the tail its shape says nothing.
_FEWEST = 5

# Nats by which weights differ that are equal but for the rounding of the decoder.
_ROUNDING = 1e-3


class LargestWeights:
    """The largest log-weights of each image, of those seen so far."""

    def __init__(self, num_images: int, num_samples: int) -> None:
        # As many as the tail has (section 2.2), and the one that it begins above.
        self.num_samples = num_samples
        self.size = math.ceil(min(num_samples / 5, 3 * math.sqrt(num_samples)))
        count = min(self.size + 1, num_samples)
        self._largest = torch.full((count, num_images), -math.inf, dtype=torch.float64)

    def add(self, images: slice, log_weights: Tensor) -> None:
        """Takes more log-weights (K, B) of some images."""
        both = torch.cat([self._largest[:, images], log_weights])
        self._largest[:, images] = both.topk(len(self._largest), dim=0).values

    def pareto_k(self) -> np.ndarray:
        """Returns the shape k of each image's tail, (N,); NaN if it is too short, or all equal."""
        largest = self._largest.numpy()  # each column falls
        if self.size < _FEWEST:
            return np.full(largest.shape[1], np.nan)
        return np.array([_pareto_k(column[::-1]) for column in largest.T])


def _pareto_k(log_weights: np.ndarray) -> float:
    """Returns k of the generalised Pareto distribution of weights above the first, rising (M + 1,).

    The moments of order 1/k and above are infinite. By Zhang and Stephens, A New and Efficient
    Estimation Method for the Generalized Pareto Distribution, 2009, drawn towards 0.5 by the weight
    of ten draws (Vehtari et al., appendix C).
    """
    if log_weights[-1] - log_weights[0] < _ROUNDING:
        return math.nan
    weights = np.exp(log_weights - log_weights[-1])
    excess, count = weights[1:] - weights[0], len(weights) - 1
    # Candidates for k / scale, each weighed by its profile likelihood.
    num = 30 + math.isqrt(count)
    quartile = max(excess[int(count / 4 + 0.5) - 1], 1e-300)
    theta = 1 / excess[-1] + (1 - np.sqrt(num / (np.arange(1, num + 1) - 0.5))) / (3 * quartile)
    k = np.log1p(-theta[:, None] * excess).mean(axis=1)
    log_likelihood = count * (np.log(-theta / k) - k - 1)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    theta_mean = (posterior * theta).sum() / posterior.sum()
    fitted = np.log1p(-theta_mean * excess).mean()
    return float((count * fitted + 10 * 0.5) / (count + 10))
