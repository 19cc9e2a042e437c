"""Evaluation: why the bound lies below log p(x), the family of q or the encoder.

    log p(x) - ELBO = approximation gap + amortisation gap

The first is log p(x) minus the bound of the best q(z|x) of the family, the second that bound minus
the encoder's. Shapes: N images, Z latent dimensions. Values in nats per image.

Source: Cremer, Li and Duvenaud, Inference Suboptimality in Variational Autoencoders,
arXiv:1801.03558, section 3.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vae_lab.evaluate.bound import mean_over_images, standard_error
from vae_lab.evaluate.marginal_likelihood import noise_of_images, protocol_of_targets
from vae_lab.inference.best_posterior import (
    STARTS,
    BestPosterior,
    Noise,
    OptimizationSettings,
    best_posterior,
    bound_of,
)
from vae_lab.inference.images import Advance, EvaluationImages
from vae_lab.posteriors import DiagonalGaussian, FullGaussian, Posterior
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# Nats by which the last half of the steps may raise the bound before a warning says so.
UNSETTLED = 0.1

# The options of conf/posterior.
_FAMILIES = {DiagonalGaussian: "diagonal", FullGaussian: "full"}


def anatomy(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields log p(x), the best bound, the encoder's, and both gaps, if they are asked for.

    Leaves the values of each image in `per_image` of the evaluation.
    """
    if not evaluation.settings["anatomy"]:
        return
    log_p, by = _log_likelihood(evaluation)
    best = evaluation.best
    given = evaluation.drawn.posterior
    bound, encoder_bound = (_bound(evaluation, q) for q in (best.posterior, given))
    values = {
        "log_likelihood": log_p,
        "best_bound": bound,
        "encoder_bound": encoder_bound,
        "approximation_gap": log_p - bound,
        "amortisation_gap": bound - encoder_bound,
    }
    protocols = _protocols(evaluation, by)
    details = {"best_bound": _details(best)}
    for name, words in (_WORDS | {"log_likelihood": evaluation.log_p}).items():
        number = mean_over_images(name, words, values[name], **protocols[name])
        yield number._replace(details=details.get(name, {}))
    evaluation.per_image = {
        "rows": evaluation.drawn.rows.numpy(),
        **values,
        "chosen_start": np.array(STARTS)[best.start.numpy()],
        "moved": best.moved.numpy(),
    }


_WORDS = {
    "log_likelihood": "",
    "best_bound": "the bound of the best posterior of the family, found image by image",
    "encoder_bound": "the bound of the encoder's posterior, on the same images",
    "approximation_gap": "what the bound loses by the family of the posterior",
    "amortisation_gap": "what the bound loses by the encoder",
}


def _log_likelihood(evaluation: "Evaluation") -> tuple[np.ndarray, str]:
    """Returns log p(x) of each image, (N,), and how it was estimated."""
    if evaluation.model.latent_dim == 2:
        return evaluation.grid_integral.log_likelihood, "grid"
    return evaluation.annealed.log_likelihood, "annealed importance sampling"


def _protocols(evaluation: "Evaluation", by: str) -> dict[str, dict[str, Any]]:
    """Returns the protocol of each number."""
    settings, q = evaluation.settings, evaluation.drawn.posterior
    targets = protocol_of_targets(evaluation)
    family = {"posterior": _FAMILIES.get(type(q), type(q).__name__)}
    samples = {"samples": settings["posterior_samples"]}
    steps = {"steps": settings["posterior_steps"]}
    measured = {"latent": "sampled", **family, **samples, **targets}
    return {
        "log_likelihood": {"by": by, **targets},
        "best_bound": {**measured, **steps},
        "encoder_bound": measured,
        "approximation_gap": {**measured, **steps, "by": by},
        "amortisation_gap": {**measured, **steps},
    }


def best_of(evaluation: "Evaluation", images: EvaluationImages, advance: Advance) -> BestPosterior:
    """Returns the best posterior of each of some images, as the settings say."""
    settings = evaluation.settings
    names = ("posterior_steps", "posterior_rate", "posterior_samples")
    return best_posterior(
        evaluation.model,
        images.images,
        images.posterior,
        OptimizationSettings(*(settings[name] for name in names)),
        noise=_noise(evaluation, "best posterior", images),
        decoder_batch=settings["decoder_batch"],
        labels=images.labels,
        advance=advance,
    )


def _bound(evaluation: "Evaluation", q: Posterior) -> np.ndarray:
    """Returns the bound of q for each image, (N,): of each q with the same noise."""
    settings, drawn = evaluation.settings, evaluation.drawn
    return bound_of(
        evaluation.model,
        drawn.images,
        q,
        _noise(evaluation, "bound of a posterior", drawn),
        range(settings["posterior_samples"]),
        decoder_batch=settings["decoder_batch"],
        labels=drawn.labels,
    ).numpy()


def _noise(evaluation: "Evaluation", name: str, images: EvaluationImages) -> Noise:
    latent_dim, seed = evaluation.model.latent_dim, evaluation.settings["seed"]
    return lambda samples: noise_of_images(name, images, samples, latent_dim, seed)


def _details(best: BestPosterior) -> dict[str, Any]:
    """Returns where the best posteriors were found, and whether more steps would raise them."""
    shares = torch.bincount(best.start, minlength=len(STARTS)) / len(best.start)
    moved = best.moved.numpy()
    details: dict[str, Any] = {
        "rise_in_the_last_half_of_the_steps": float(moved.mean()),
        "largest_rise": float(moved.max()),
        "starts": dict(zip(STARTS, shares.tolist(), strict=True)),
    }
    if moved.mean() > UNSETTLED + 2 * (standard_error(moved) or 0.0):
        details["warning"] = (
            f"not settled: the last half of the steps raised the bound by {moved.mean():.2g} nats. "
            f"Raise posterior_steps: the approximation gap may be smaller, and the amortisation "
            f"gap larger, than they are here"
        )
    return details
