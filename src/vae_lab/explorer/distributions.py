"""Likelihood, prior and family of the posterior as a page computes them: by their exact class.

One that is not known has no formula in the page: likelihood and posterior then have the kind null,
and the prior is described by draws.
"""

from typing import Any

import torch
from torch import Tensor, nn

from vae_lab.conditions.label import WithLabels
from vae_lab.explorer.arrays import FLOAT32, Arrays, Reference
from vae_lab.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
    ScaledLikelihood,
)
from vae_lab.posteriors import Diagonal, DiagonalGaussian, Full, FullGaussian
from vae_lab.priors import GaussianMixture, Mixture, Prior, StandardNormal, VampPrior

Description = dict[str, Any]

_LIKELIHOODS: dict[type, str] = {
    Bernoulli: "bernoulli",
    ContinuousBernoulli: "continuous_bernoulli",
    Gaussian: "gaussian",
    Laplace: "laplace",
    DiscretizedLogistic: "discretized_logistic",
}
_POSTERIORS: dict[type, str] = {Diagonal: "diagonal", Full: "full"}
# Draws that describe a prior that the page does not know.
_DRAWS = 2000


def likelihood_description(likelihood: Likelihood) -> Description:
    """Returns the kind of a likelihood, null if it is not known, and its scale if it has one."""
    kind = _LIKELIHOODS.get(type(likelihood))
    if kind is None or not isinstance(likelihood, ScaledLikelihood):
        return {"kind": kind}
    return {"kind": kind, "log_scale": likelihood.log_scale.item()}


def posterior_description(encoder: nn.Module) -> Description:
    """Returns the kind of the family of q(z|x), null if it is not known."""
    return {"kind": _POSTERIORS.get(type(family_of(encoder)))}


def family_of(encoder: nn.Module) -> nn.Module | None:
    """Returns the family of q(z|x) that an encoder ends in; None if it names none."""
    network = encoder.network if isinstance(encoder, WithLabels) else encoder
    return getattr(network, "posterior", None)


@torch.no_grad()
def prior_description(prior: Prior, arrays: Arrays) -> Description:
    """Returns the kind of a prior with its parameters, or draws from a prior that is not known."""
    if type(prior) is StandardNormal:
        return {"kind": "standard"}
    if type(prior) in (GaussianMixture, VampPrior):
        assert isinstance(prior, Mixture)
        logits, each = prior.components()
        if isinstance(each, DiagonalGaussian | FullGaussian):
            return {"kind": "mixture", **_components(logits, each, arrays)}
    draws = prior.sample(_DRAWS, torch.Generator().manual_seed(0))
    return {"kind": "draws", "draws": _add(draws, arrays)}


def _components(
    logits: Tensor, each: DiagonalGaussian | FullGaussian, arrays: Arrays
) -> Description:
    """Returns the weights (M,), the means (M, Z), and what gives the covariances of components.

    `log_vars` (M, Z) are those of the Cholesky factor's diagonal, `lowers` (M, Z (Z - 1) / 2) its
    entries below, row by row, null if dimensions are independent: as an encoder puts them out.
    """
    size = each.mean.shape[1]
    rows, columns = torch.tril_indices(size, size, -1)
    log_vars, lowers = each[1], None
    if isinstance(each, FullGaussian):
        log_vars, lowers = 2 * each.log_scale, _add(each.lower[:, rows, columns], arrays)
    return {
        "log_weights": _add(logits.log_softmax(dim=0), arrays),
        "means": _add(each.mean, arrays),
        "log_vars": _add(log_vars, arrays),
        "lowers": lowers,
    }


def _add(values: Tensor, arrays: Arrays) -> Reference:
    return arrays.add(values.cpu().float().numpy(), FLOAT32)
