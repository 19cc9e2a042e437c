"""Modularity: does each latent dimension tell of a single factor?

    modularity = mean_i (1 - sum_{f != best of i} m_if^2 / (m_i,best^2 (F - 1)))

m_if is the mutual information of dimension i and factor f, by bins. Shapes: N images, Z latent
dimensions, F factors.

Source: Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss,
arXiv:1802.05312, section 3.
"""

import numpy as np

from vae_lab.evaluate.factors.codes import CodeSample
from vae_lab.inference.factor_information import binned, mutual_information


def modularity(sample: CodeSample) -> dict[str, float]:
    """Returns the mean modularity of the dimensions, from 0 to 1."""
    codes = sample.test
    information = mutual_information(binned(codes.mean, sample.num_bins), codes.factors)
    return {"modularity": float(modularities(information).mean())}


def modularities(information: np.ndarray) -> np.ndarray:
    """Returns the modularity of each dimension, (Z,), by a matrix (Z, F) in nats.

    A dimension that tells nothing of any factor has 0.
    """
    squares = information**2
    largest = squares.max(axis=1)
    others = (squares.sum(axis=1) - largest) / (squares.shape[1] - 1)
    return np.where(largest > 0, 1 - others / np.where(largest > 0, largest, 1.0), 0.0)
