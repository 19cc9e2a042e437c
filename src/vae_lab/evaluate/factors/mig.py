"""MIG, the mutual information gap: is each factor told by a single latent dimension?

    MIG = mean over factors of (I(z_1st; v) - I(z_2nd; v)) / H(v)

of the two dimensions that tell most of the factor v. There are two estimates of I. Shapes: N
images, Z latent dimensions, F factors. Information in nats.

Source: Chen, Li, Grosse and Duvenaud, Isolating Sources of Disentanglement in Variational
Autoencoders, arXiv:1802.04942, section 4.1.
"""

import numpy as np

from vae_lab.evaluate.factors.codes import Codes, CodeSample, top_gap
from vae_lab.inference.factor_information import binned, entropies, mutual_information

# The least share of a row that counts: single precision holds it.
TINY = np.finfo(np.float32).tiny


def mig_of_bins(sample: CodeSample) -> dict[str, float]:
    """Returns MIG with the mutual information of binned posterior means.

    It is the estimate of Locatello et al., arXiv:1811.12359, appendix C.
    """
    codes = sample.test
    information = mutual_information(binned(codes.mean, sample.num_bins), codes.factors)
    return {"mig": gap(information, codes.factors)}


def mig_of_posteriors(sample: CodeSample) -> dict[str, float]:
    """Returns MIG with the mutual information of a draw z ~ q(z|x), as the paper estimates it."""
    noise = np.random.default_rng(sample.seed).standard_normal(sample.test.mean.shape)
    return {"mig_sampled": gap(information_of_draws(sample.test, noise), sample.test.factors)}


def gap(information: np.ndarray, factors: np.ndarray) -> float:
    """Returns the mean gap of a matrix (Z, F), in shares of the entropies of factors (N, F)."""
    whole = entropies(factors)
    varies = whole > 0
    return float((top_gap(information)[varies] / whole[varies]).mean())


def information_of_draws(codes: Codes, noise: np.ndarray) -> np.ndarray:
    """Returns I(z_j; v_k) of draws z = mean + noise * width, float64 (Z, F), at least 0.

    I is the mean of log q(z_j|v_k) - log q(z_j). q(z_j) is the mean of the posteriors of all N
    images, q(z_j|v_k) that of those with the same value of the factor. The posterior of the image
    that z was drawn for is among both, as in the paper, which makes the estimate too high.
    """
    values, members = _values(codes.factors)
    sizes = members.sum(axis=0)
    draws = codes.mean + noise * np.sqrt(codes.variance)
    rows = np.arange(len(draws))[:, None]
    found = np.empty((codes.mean.shape[1], values.shape[1]))
    for j, z in enumerate(draws.T):
        # q(z_j of image i | image n), (N, N): not in logarithms, for sums over n. Each row is
        # divided by the largest of it, which changes no ratio.
        precision = 1 / codes.variance[:, j]
        log_q = z[:, None] - codes.mean[:, j]
        np.square(log_q, out=log_q)
        log_q *= -0.5 * precision
        log_q += 0.5 * np.log(precision)
        log_q -= log_q.max(axis=1, keepdims=True)
        q = np.exp(log_q.astype(np.float32))
        of_values = (q @ members)[rows, values] / sizes[values]  # (N, F)
        # A draw far from its own image can round its own group to 0.
        log_of_values = np.log(np.maximum(of_values, TINY))
        found[j] = (log_of_values - np.log(q.mean(axis=1))[:, None]).mean(axis=0)
    return found.clip(min=0)


def _values(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns a number for each value of each factor, (N, F), and which images have it, (N, V)."""
    columns = [np.unique(column, return_inverse=True)[1] for column in factors.T]
    starts = np.cumsum([0, *(column.max() + 1 for column in columns)])
    values = np.stack(columns, axis=1) + starts[:-1]
    members = np.zeros((len(factors), starts[-1]), dtype=np.float32)
    np.put_along_axis(members, values, 1, axis=1)
    return values, members
