"""Which values cannot be combined: the table that the configuration is checked against."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from vae_lab.errors import UserError


class InvalidCombination(NamedTuple):
    """Two keys and values of each that cannot be combined, why, and what to do."""

    first: tuple[str, tuple[Any, ...]]
    second: tuple[str, tuple[Any, ...]]
    why: str
    remedy: str


_BINARY = ("data.binarize", ("static", "dynamic", "threshold"))

_TO_BERNOULLI = "use likelihood=bernoulli or data.binarize=none"

# docs/explanation/objectives.md has the same table; a test compares them, and trains all the rest.
INVALID_COMBINATIONS = (
    InvalidCombination(
        ("likelihood", ("continuous_bernoulli", "gaussian", "laplace")),
        _BINARY,
        "a density at the two values of a binary pixel is not a probability",
        _TO_BERNOULLI,
    ),
    InvalidCombination(
        ("likelihood", ("discretized_logistic",)),
        _BINARY,
        "it shares its probability among 256 levels, of which a binary pixel has two",
        _TO_BERNOULLI,
    ),
    InvalidCombination(
        ("objective", ("beta_tc",)),
        ("prior", ("gaussian_mixture", "vamp")),
        "the total correlation is a part of the KL only if the prior's dimensions are independent",
        "use prior=standard or another objective",
    ),
    InvalidCombination(
        ("condition", ("label",)),
        ("prior", ("vamp",)),
        "its components are posteriors of learned images, which have no label",
        "use prior=standard or prior=gaussian_mixture",
    ),
    InvalidCombination(
        ("objective", ("beta_tc", "mmd")),
        ("data.batch_size", (1,)),
        "the aggregate posterior is estimated from the other images of a batch",
        "raise data.batch_size",
    ),
    InvalidCombination(
        ("objective", ("beta_tc",)),
        ("latent_dim", (1,)),
        "a single dimension has no total correlation",
        "raise latent_dim or use objective=elbo",
    ),
)

# The options that the table names, by their class: options of your own may be of the same class.
OPTIONS = {
    "vae_lab.likelihoods.ContinuousBernoulli": "continuous_bernoulli",
    "vae_lab.likelihoods.Gaussian": "gaussian",
    "vae_lab.likelihoods.Laplace": "laplace",
    "vae_lab.likelihoods.DiscretizedLogistic": "discretized_logistic",
    "vae_lab.objectives.BetaTC": "beta_tc",
    "vae_lab.objectives.Mmd": "mmd",
    "vae_lab.priors.GaussianMixture": "gaussian_mixture",
    "vae_lab.priors.VampPrior": "vamp",
    "vae_lab.conditions.ClassLabel": "label",
}


# The objectives whose loss is a mean over images of their terms, by their class.
TERMS_ONLY = ("Elbo", "WarmUpElbo", "CyclicElbo")


def check_labelled(config: Mapping[str, Any], choices: Mapping[str, str]) -> None:
    """Raises UserError if images without a label meet an objective that needs more than terms."""
    module, _, name = str(config["objective"]["_target_"]).rpartition(".")
    is_ours = module.startswith("vae_lab.") and name not in TERMS_ONLY
    labelled = (config.get("condition") or {}).get("labelled")
    if labelled is not None and is_ours:
        raise UserError(
            f"condition.labelled={labelled} with objective={choices.get('objective', name)} is not "
            f"supported: classes are summed in the two terms of the bound; use objective=elbo, "
            f"elbo_warmup or elbo_cyclic."
        )


def check_stopping(config: Mapping[str, Any]) -> None:
    """Raises UserError if a callback waits for a rising curve to fall, or for one without values.

    Lightning would end the run while the bound improves, or fail after an epoch.
    """
    is_validated = config["data"]["num_val"] and config["trainer"].get("limit_val_batches") != 0
    for name, node in config["callbacks"].items():
        if not str(node.get("_target_")).endswith(".EarlyStopping"):
            continue
        monitor, mode = str(node.get("monitor")), node.get("mode", "min")
        better = "max" if monitor.startswith("elbo") else "min"
        if mode != better:
            word = "higher" if better == "max" else "lower"
            raise UserError(
                f"callbacks.{name}.mode={mode} would end the run while {monitor} gets better, for "
                f"{word} is better: add callbacks.{name}.mode={better}."
            )
        if monitor.endswith("/val") and not is_validated:
            raise UserError(
                f"callbacks.{name}.monitor={monitor} needs validation, which is switched off: add "
                f"callbacks.{name}.monitor={monitor.replace('/val', '/train')}, or validate."
            )
