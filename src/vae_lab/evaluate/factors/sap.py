"""SAP, the separated attribute predictability: does a single dimension predict each factor best?

    SAP = mean over factors of S_1st - S_2nd

S of a dimension and a factor is how well thresholds on this dimension predict the factor: the
balanced accuracy. Shapes: N images, Z latent dimensions, F factors.

Source: Kumar, Sattigeri and Balakrishnan, Variational Inference of Disentangled Latent Concepts
from Unlabeled Observations, arXiv:1711.00848, section 3.
"""

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from vae_lab.evaluate.factors.codes import CodeSample, top_gap


def sap(sample: CodeSample) -> dict[str, float]:
    """Returns the mean difference of the two best balanced accuracies of each factor."""
    return {"sap": float(top_gap(balanced_accuracies(sample)).mean())}


def balanced_accuracies(sample: CodeSample) -> np.ndarray:
    """Returns S, (Z, F): the accuracy on other images, as the mean over the factor's values."""
    train, test = sample.train, sample.test
    scores = np.empty((train.mean.shape[1], train.factors.shape[1]))
    for factor, (known, wanted) in enumerate(zip(train.factors.T, test.factors.T, strict=True)):
        # As many thresholds as separate the values from each other if they lie in a row.
        leaves = max(2, len(np.unique(known)))
        for dim in range(len(scores)):
            thresholds = DecisionTreeClassifier(
                max_leaf_nodes=leaves, class_weight="balanced", random_state=0
            ).fit(train.mean[:, [dim]], known)
            hits = thresholds.predict(test.mean[:, [dim]]) == wanted
            scores[dim, factor] = np.mean([hits[wanted == value].mean() for value in set(wanted)])
    return scores
