"""About how long the metrics of an evaluation take, for the time left."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vae_lab.evaluate import annealed

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# About how many seconds those take that take longest, by the default settings. The weighted bound
# takes 5 of the linear model on MNIST, and a hundred of the convolutional one.
SECONDS = {
    "importance_weighted_bound": 20.0,
    "exact": 3.0,
    "probes": 0.5,
    "sample_quality": 15.0,
    "picture_metrics": 6.0,
}


def seconds(evaluation: "Evaluation", metrics: Sequence[str]) -> dict[str, float]:
    """Returns about how long each metric takes, by its name."""
    settings = evaluation.settings
    costs = {name: SECONDS.get(name, 0.1) for name in metrics}
    share = min(settings["num_images"], len(evaluation.images)) / 1000
    # A sample of the weighted bound per image: what the others are counted in.
    sample = SECONDS["importance_weighted_bound"] * share / 500
    costs["importance_weighted_bound"] = sample * settings["num_samples"]
    best = 25 * sample * settings["posterior_steps"]
    if annealed.is_wanted(evaluation):
        gradients = [settings[key] for key in ("temperatures", "chains", "leapfrog_steps")]
        # A gradient takes about three times as long as a sample. Before comes the best posterior.
        costs["annealed"] = best + 3 * sample * math.prod(gradients)
    elif settings["anatomy"]:
        costs["anatomy"] = best
    if classes := evaluation.model.condition.num_classes:
        images = min(settings["class_images"], len(evaluation.images))
        # Each class needs a code, and decodes its samples.
        points = images * classes * (settings["class_samples"] + 1)
        costs["bayes"] = SECONDS["importance_weighted_bound"] * points / 500_000
    if evaluation.model.latent_dim != 2:
        costs["exact"] = 0.1
    if evaluation.data.factors is not None:
        costs["factor_scores"] = 30 * settings["factor_images"] / 1000
    return {name: costs[name] for name in metrics}
