"""Evaluation: a conditional model as a classifier, by Bayes' rule, and its bound on log p(x).

    p(y|x) = p(y) p(x|y) / p(x), and p(x) = sum_y p(y) p(x|y)

p(y) are the shares of the classes among the training images; in place of p(x|y) there is its
importance-weighted bound (`inference/classes.py`). Shapes: N images, L classes. Values in nats.

Sources of the calibration error: Naeini et al., Obtaining Well Calibrated Probabilities Using
Bayesian Binning, AAAI 2015; of several classes: Guo et al., On Calibration of Modern Neural
Networks, arXiv:1706.04599, eq. 3. Of its bias: Roelofs et al., Mitigating Bias in Calibration Error
Estimation, arXiv:2012.08668.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vae_lab.evaluate.bound import mean_over_images, share
from vae_lab.evaluate.marginal_likelihood import protocol_of_targets
from vae_lab.inference.classes import class_log_joint, class_log_weights
from vae_lab.random_streams import stream, subset
from vae_lab.run_folder import Number

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# Bins of equal width of the probability of the most probable class, as in Guo et al. (M = 15).
BINS = 15

# Data sets drawn from the classifier's own probabilities, to see what its calibration error would
# be if these were right.
_DRAWS = 200


def bayes(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields what the classifier by Bayes' rule is worth, and the bound on log p(x).

    Nothing of a model without a condition.
    """
    if not evaluation.model.is_conditional:
        return
    settings = evaluation.settings
    num_samples, seed = settings["class_samples"], settings["seed"]
    rows = subset(len(evaluation.images), settings["class_images"], "classes", seed)
    of_classes = class_log_weights(
        evaluation.model,
        evaluation.images[rows],
        num_samples=num_samples,
        seed=seed,
        places=rows.tolist(),
        advance=evaluation.advance,
    )
    log_joint = class_log_joint(evaluation.model, of_classes)  # (N, L)
    protocol = {"latent": "sampled", "samples": num_samples, "classes": log_joint.shape[1]}
    words = "the bound on log p(x), summed over the classes"
    bound = log_joint.logsumexp(dim=1).numpy()
    targets = protocol_of_targets(evaluation)
    yield mean_over_images("summed_bound", words, bound, **protocol, **targets)
    labels = evaluation.labels[rows].numpy()
    log_posterior = log_joint.log_softmax(dim=1).numpy()
    yield from classifier_numbers(log_posterior, labels, seed=seed, protocol=protocol)


def classifier_numbers(
    log_posterior: np.ndarray, labels: np.ndarray, *, seed: int, protocol: dict[str, Any]
) -> Iterator[Number]:
    """Yields accuracy, calibration error and log loss of log p(y|x), (N, L), for labels (N,)."""
    images = np.arange(len(labels))
    most_probable = log_posterior.argmax(axis=1)
    confidence = np.exp(log_posterior[images, most_probable])
    hits = most_probable == labels
    words = "the accuracy of the classifier by Bayes' rule"
    number = share("bayes_accuracy", words, hits, {**protocol, "images": len(labels)})
    commonest = float(np.bincount(labels).max() / len(labels))
    yield number._replace(details={"share_of_the_commonest_class": commonest})
    words = "the expected calibration error of the classifier by Bayes' rule"
    parts = calibration_parts(confidence, hits)
    number = mean_over_images("bayes_calibration_error", words, parts, **protocol, bins=BINS)
    details = {
        "if_calibrated": error_if_calibrated(confidence, seed=seed),
        "mean_confidence": float(confidence.mean()),
    }
    yield number._replace(details=details)
    loss = -log_posterior[images, labels]
    # A class that no training image has, p(y) = 0, makes it infinite: no number then.
    if math.isfinite(loss.mean()):
        words = "the log loss of the classifier by Bayes' rule"
        yield mean_over_images("bayes_log_loss", words, loss, **protocol)


def calibration_parts(confidence: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Returns the parts of N images in the expected calibration error, which is their mean, (N,).

    It is the sum over bins of |share of hits - mean confidence|, each with its share of the images
    (Guo et al., eq. 3). `confidence` (N,) is the probability of the most probable class, `hits`
    (N,) whether it is the label. A bin holds its upper edge.
    """
    bins = np.digitize(confidence, np.arange(1, BINS) / BINS, right=True)
    gap = hits - confidence
    # The sign is that of the whole bin: gaps of both signs cancel in it.
    signs = np.sign(np.bincount(bins, weights=gap, minlength=BINS))
    return signs[bins] * gap


def error_if_calibrated(confidence: np.ndarray, *, seed: int) -> float:
    """Returns the calibration error to expect of such confidences (N,) if they were right.

    It is not 0: in each bin the share of hits differs from the mean confidence by chance.
    """
    generator = stream("calibration", seed)
    shape = (_DRAWS, len(confidence))
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64).numpy()
    return float(np.mean([calibration_parts(confidence, it < confidence).mean() for it in uniform]))
