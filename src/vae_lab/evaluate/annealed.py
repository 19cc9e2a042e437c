"""Evaluation: log p(x) by annealed importance sampling, and how far off it can be.

Shapes: N images, M images that the model made. Values in nats.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vae_lab.evaluate.anatomy import best_of
from vae_lab.evaluate.bound import mean_over_images, standard_error
from vae_lab.evaluate.marginal_likelihood import protocol_of_targets
from vae_lab.inference.annealing import Annealed, adapted_path, anneal
from vae_lab.inference.chains import Chains, ChainSettings
from vae_lab.inference.images import Advance, EvaluationImages
from vae_lab.inference.simulation import Sandwich, sandwich, simulate
from vae_lab.random_streams import subset
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# Training images that the step sizes are adapted on, with a chain each.
_ADAPTATION_IMAGES = 100

# What share of the stage the chains of the images take, and those of the sandwich; the best
# posteriors come first.
_CHAINS, _SANDWICH = (0.5, 0.85), (0.85, 1.0)

# Nats that the bounds may lie apart in the mean, and that the finite number of chains may move the
# mean by, before a warning says so.
WIDE, UNCERTAIN = 0.2, 0.05


def annealed(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields log p(x) by annealed importance sampling and its sandwich, if they are asked for."""
    if not is_wanted(evaluation):
        return
    found, settings = evaluation.annealed, evaluation.settings
    keys = ("temperatures", "chains", "leapfrog_steps", "start_width")
    protocol = {"latent": "sampled", **{key: settings[key] for key in keys}}
    targets = protocol_of_targets(evaluation)
    bounds = _sandwich(evaluation)
    words = f"{evaluation.log_p}, by annealed importance sampling"
    number = mean_over_images("annealed", words, found.log_likelihood, **protocol, **targets)
    yield number._replace(details=_details(found, bounds))
    if bounds is not None:
        words = f"how far the bounds on {evaluation.log_p} of images that the model made lie apart"
        number = mean_over_images("sandwich", words, bounds.upper - bounds.lower, **protocol)
        details = {"lower": float(bounds.lower.mean()), "upper": float(bounds.upper.mean())}
        yield number._replace(details=details)


def is_wanted(evaluation: "Evaluation") -> bool:
    """Tells whether the settings ask for it: `anatomy` does if log p(x) has no grid."""
    settings, has_grid = evaluation.settings, evaluation.model.latent_dim == 2
    return bool(settings.get("ais") or (settings.get("anatomy") and not has_grid))


def annealed_importance_sampling(evaluation: "Evaluation") -> Annealed:
    """Returns the estimates of the images drawn; step sizes are adapted on training images."""
    settings, model = _chain_settings(evaluation), evaluation.model
    others = _from_best(evaluation, _training_images(evaluation))
    adaptation = Chains(model, others, settings._replace(num_chains=1), name="adaptation")
    path = adapted_path(adaptation, evaluation.settings["temperatures"])
    drawn = evaluation.drawn._replace(posterior=evaluation.best.posterior)
    chains = Chains(model, drawn, settings, name="annealing")
    return anneal(chains, path, advance=_part(evaluation, *_CHAINS))


def _from_best(evaluation: "Evaluation", images: EvaluationImages) -> EvaluationImages:
    """Returns images with the best posterior of each, which chains start from.

    That of the encoder can lie beside the true posterior, and chains would not find it.
    """
    best = best_of(evaluation, images, lambda done, total: None)
    return images._replace(posterior=best.posterior)


def _part(evaluation: "Evaluation", first: float, last: float) -> Advance:
    """Returns what takes how much of a part of the stage is done, from a share to another."""
    width = last - first
    return lambda done, total: evaluation.advance(
        round(1000 * (first + width * done / total)), 1000
    )


def _sandwich(evaluation: "Evaluation") -> Sandwich | None:
    """Returns bounds on log p(x) of images that the model made; None if it cannot draw any."""
    settings, model = evaluation.settings, evaluation.model
    try:
        simulated = simulate(model, settings["simulated_images"], settings["seed"])
    except NotImplementedError:
        return None
    simulated = simulated._replace(drawn=_from_best(evaluation, simulated.drawn))
    path, advance = evaluation.annealed.path, _part(evaluation, *_SANDWICH)
    return sandwich(model, simulated, path, _chain_settings(evaluation), advance)


def _chain_settings(evaluation: "Evaluation") -> ChainSettings:
    settings = evaluation.settings
    return ChainSettings(
        num_chains=settings["chains"],
        leapfrog_steps=settings["leapfrog_steps"],
        start_width=settings["start_width"],
        decoder_batch=settings["decoder_batch"],
        seed=settings["seed"],
    )


def _training_images(evaluation: "Evaluation") -> EvaluationImages:
    images, seed = evaluation.data.fixed_train_images, evaluation.settings["seed"]
    rows = subset(len(images), _ADAPTATION_IMAGES, "adaptation", seed)
    x = images[rows]
    given = evaluation.data.given_labels("train")
    labels = None if given is None else given[rows]
    posterior = evaluation.model.encode_in_batches(x, labels)
    return EvaluationImages(
        x.float() / 255, posterior, torch.arange(len(x)), "train", len(x), labels
    )


def _details(found: Annealed, bounds: Sandwich | None) -> dict[str, Any]:
    """Returns what tells how far to trust the mean, with a `warning` if it is not far."""
    error, effective = found.monte_carlo_error(), found.effective_chains
    details: dict[str, Any] = {
        "monte_carlo_error": error,
        "smallest_effective_chains": float(effective.min()),
        "median_effective_chains": float(np.median(effective)),
    }
    if steps := found.path.step_sizes:
        details |= {
            "mean_acceptance": float(found.acceptance.mean()),
            "smallest_acceptance": float(found.acceptance.min()),
            "first_step_size": steps[0],
            "last_step_size": steps[-1],
        }
    warnings = []
    if error is not None and error > UNCERTAIN:
        warnings.append(f"the chains leave the mean uncertain by {error:.2g} nats: raise chains")
    if bounds is None:
        details["sandwich"] = "left out: the likelihood has no method sample"
    else:
        gap = bounds.upper - bounds.lower
        if gap.mean() > WIDE + 2 * (standard_error(gap) or 0.0):
            warnings.append(
                f"the sandwich is wide: on images that the model made, the bounds on log p(x) lie "
                f"{gap.mean():.2g} nats apart: raise temperatures"
            )
    return details | ({"warning": "; ".join(warnings)} if warnings else {})
