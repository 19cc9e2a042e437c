"""Evaluation: how codes and known factors hang together, by the scores of disentanglement.

Shapes: N images, Z latent dimensions, F factors.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vae_lab.evaluate.factors.codes import Codes, CodeSample
from vae_lab.evaluate.factors.dci import LEAF, TREES, dci, importances
from vae_lab.evaluate.factors.explicitness import explicitness
from vae_lab.evaluate.factors.factor_vae import GROUP, TEST_VOTES, TRAIN_VOTES, factor_vae
from vae_lab.evaluate.factors.mig import mig_of_bins, mig_of_posteriors
from vae_lab.evaluate.factors.modularity import modularity
from vae_lab.evaluate.factors.resampling import GROUPS, NULLS, Score, ScoreWithNulls, measure
from vae_lab.evaluate.factors.sap import sap
from vae_lab.inference.factor_information import information_shares, titles_of_dimensions
from vae_lab.posteriors import Posterior
from vae_lab.random_streams import subset
from vae_lab.run_folder import Number
from vae_lab.terminal import print_warning

if TYPE_CHECKING:
    from vae_lab.evaluate.evaluation import Evaluation

# The scores in the order in which they are shown, and what each is.
WORDS = {
    "mig": "mutual information gap, binned posterior means",
    "mig_sampled": "mutual information gap, draws of q(z|x)",
    "dci_disentanglement": "DCI: each dimension tells of one factor",
    "dci_completeness": "DCI: one dimension tells each factor",
    "dci_informativeness": "DCI: the factors known from the code",
    "sap": "separated attribute predictability",
    "factor_vae": "FactorVAE's score",
    "modularity": "modularity: each dimension tells of one factor",
    "explicitness": "explicitness: linear classifiers of each value",
}

# The number that holds the matrices of dimensions and factors.
DIMENSIONS = "factor_of_dimensions"

_SCORES: tuple[Score, ...] = (
    mig_of_bins, mig_of_posteriors, dci, sap, factor_vae, modularity, explicitness,
)  # fmt: skip

# Below so many images no error is known, and hardly a score.
FEWEST = 2 * GROUPS


class FactorSample(NamedTuple):
    """Codes with the factors that vary, and their names."""

    codes: CodeSample
    names: tuple[str, ...]


def factor_scores(evaluation: "Evaluation") -> Iterator[Number]:
    """Yields scores of disentanglement; nothing if the factors of the images are not known.

    If the codes allow none, it is one warning.
    """
    if evaluation.data.factors is None:
        return
    sample = _sample(evaluation)
    if why := reason_for_none(sample):
        print_warning(f"scores of disentanglement are left out: {why}.")
        return
    protocol = protocol_of(sample)
    for done, score in enumerate(_SCORES, start=1):
        for name, found in measure(score, sample.codes).items():
            of_score = {**protocol, **_PROTOCOLS.get(name, {})}
            yield number_of(name, found, of_score)
        evaluation.advance(done, len(_SCORES))
    yield _dimensions(sample, protocol)


def reason_for_none(sample: FactorSample) -> str | None:
    """Returns why there are no scores of a sample; None if there are."""
    num_images = min(len(codes.mean) for codes in (sample.codes.train, sample.codes.test))
    if num_images < FEWEST:
        return f"they need {FEWEST} images of the split and of the training, there are {num_images}"
    if len(sample.names) < 2:
        return f"they need two factors that vary, and {len(sample.names)} varies"
    if sample.codes.test.mean.shape[1] < 2:
        return "they need two latent dimensions, and latent_dim is 1"
    return None


def number_of(name: str, found: ScoreWithNulls, protocol: dict[str, Any]) -> Number:
    """Returns a score as a number; its details hold the nulls."""
    details = {
        "null_random": found.random.mean,
        "null_random_deviation": found.random.deviation,
        "null_permuted": found.permuted.mean,
        "null_permuted_deviation": found.permuted.deviation,
    }
    return Number(name, WORDS[name], found.value, found.error, protocol, details)


def protocol_of(sample: FactorSample) -> dict[str, Any]:
    """Returns what all scores of a sample have in common."""
    return {
        "latent": "mean",
        "images": len(sample.codes.test.mean),
        "factors": ", ".join(sample.names),
        "error": f"jackknife over {GROUPS} groups of images",
        "nulls": NULLS,
    }


_LEARNS = "learns from training images"
_FOREST = {
    "classifier_of_factors": f"random forest, {TREES} trees, leaves of {LEAF} images, {_LEARNS}"
}

_PROTOCOLS: dict[str, dict[str, Any]] = {
    "mig_sampled": {"latent": "sampled", "samples": 1},
    "factor_vae": {"votes": f"{TRAIN_VOTES} + {TEST_VOTES} of {GROUP} images"},
    "sap": {"classifier_of_factors": f"thresholds, balanced accuracy, {_LEARNS}"},
    "explicitness": {"classifier_of_factors": f"logistic regression, {_LEARNS}"},
    "dci_disentanglement": _FOREST,
    "dci_completeness": _FOREST,
    "dci_informativeness": _FOREST,
}


def _dimensions(sample: FactorSample, protocol: dict[str, Any]) -> Number:
    """Returns the share of its factor that each dimension tells, and the matrices behind it."""
    test, num_bins = sample.codes.test, sample.codes.num_bins
    titles = titles_of_dimensions(test.mean, test.factors, sample.names, num_bins=num_bins)
    details = {
        "factors": list(sample.names),
        "titles": [title.factor for title in titles],
        "information": information_shares(test.mean, test.factors, num_bins).tolist(),
        "importance": importances(sample.codes)[0].tolist(),
    }
    values = {f"z[{dim}]": title.share for dim, title in enumerate(titles)}
    words = "the share of a factor's entropy that each dimension tells at most"
    return Number(DIMENSIONS, words, values, None, protocol, details)


@torch.no_grad()
def _sample(evaluation: "Evaluation") -> FactorSample:
    """Returns codes of images of the split and of the training, with the factors that vary."""
    data, settings = evaluation.data, evaluation.settings
    known, size, seed = data.factors, settings["factor_images"], settings["seed"]
    assert known is not None
    of_split = known.test if evaluation.split == "test" else known.val
    rows = subset(len(known.train), size, "factors of training images", seed)
    given = data.given_labels("train")
    posterior = evaluation.model.encode_in_batches(
        data.fixed_train_images[rows], None if given is None else given[rows]
    )
    train = _codes(posterior, known.train[rows], torch.arange(len(rows)))
    chosen = subset(len(of_split), size, "factors", seed)
    test = _codes(evaluation.posterior, of_split[chosen], chosen)
    return varying(CodeSample(train, test, settings["factor_bins"], seed), known.names)


def varying(codes: CodeSample, names: tuple[str, ...]) -> FactorSample:
    """Returns the sample with those factors that vary among both kinds of images."""
    varies = np.all(
        [
            [len(np.unique(column)) > 1 for column in of.factors.T]
            for of in (codes.train, codes.test)
        ],
        axis=0,
    )
    kept = [of._replace(factors=of.factors[:, varies]) for of in (codes.train, codes.test)]
    left = tuple(name for name, is_left in zip(names, varies, strict=True) if is_left)
    return FactorSample(codes._replace(train=kept[0], test=kept[1]), left)


def _codes(posterior: Posterior, factors: Tensor, rows: Tensor) -> Codes:
    # Of a posterior whose dimensions depend on each other, the distribution of each.
    fields = (posterior.mean[rows], posterior.variance[rows])
    mean, variance = (field.double().cpu().numpy() for field in fields)
    return Codes(mean, variance, factors.numpy())
