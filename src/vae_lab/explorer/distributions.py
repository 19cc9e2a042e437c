"""The likelihood, the prior and the family of the posterior as a page computes them: by their class.

One that is not known has no formula in the page: likelihood and posterior then have the kind null,
and the prior is described by draws.
"""

from typing import Any

import torch
from torch import Tensor, nn

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
from vae_lab.posteriors import Diagonal, Full
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
    return {"kind": _POSTERIORS.get(type(getattr(encoder, "posterior", None)))}


@torch.no_grad()
def prior_description(prior: Prior, arrays: Arrays) -> Description:
    """Returns the kind of a prior with its parameters, or draws from a prior that is not known."""
    if type(prior) is StandardNormal:
        return {"kind": "standard"}
    if type(prior) in (GaussianMixture, VampPrior):
        assert isinstance(prior, Mixture)
        return {"kind": "mixture", **_components(prior, arrays)}
    draws = prior.sample(_DRAWS, torch.Generator().manual_seed(0))
    return {"kind": "draws", "draws": _add(draws, arrays)}


def _components(prior: Mixture, arrays: Arrays) -> Description:
    """Returns the weights (M,), and the means and log-variances (M, Z), of the components."""
    logits, each = prior.components()
    return {
        "log_weights": _add(logits.log_softmax(dim=0), arrays),
        "means": _add(each.mean, arrays),
        "log_vars": _add(each.variance.log(), arrays),
    }


def _add(values: Tensor, arrays: Arrays) -> Reference:
    return arrays.add(values.cpu().float().numpy(), FLOAT32)
