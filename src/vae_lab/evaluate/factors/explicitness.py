"""Explicitness: can each value of each factor be told from the others by a linear classifier?

Shapes: N images, Z latent dimensions, F factors.

Source: Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss,
arXiv:1802.05312, section 3.
"""

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from vae_lab.evaluate.factors.codes import CodeSample


def explicitness(sample: CodeSample) -> dict[str, float]:
    """Returns the area under the ROC curve, mean over values of a factor, then over factors.

    For each value logistic regression separates it from all others. 0.5 is chance, 1 the best.
    """
    scaler = StandardScaler().fit(sample.train.mean)
    train, test = (scaler.transform(codes.mean) for codes in (sample.train, sample.test))
    areas = []
    for known, wanted in zip(sample.train.factors.T, sample.test.factors.T, strict=True):
        of_values = []
        # A value that all images of a part have, or none, separates nothing.
        for value in sorted({*known} & {*wanted}):
            if not ((known == value).all() or (wanted == value).all()):
                classifier = LogisticRegression(solver="newton-cholesky")
                scores = classifier.fit(train, known == value).decision_function(test)
                of_values.append(area(scores, wanted == value))
        areas.append(float(np.mean(of_values)) if of_values else 0.5)
    return {"explicitness": float(np.mean(areas))}


def area(scores: np.ndarray, wanted: np.ndarray) -> float:
    """Returns the area under the ROC curve of scores (N,), for the images wanted, bool (N,).

    It is the share of pairs of a wanted and another image of which the wanted has the higher score.
    Equal scores count half.
    """
    num_wanted = int(wanted.sum())
    lower = rankdata(scores)[wanted].sum() - num_wanted * (num_wanted + 1) / 2
    return float(lower / (num_wanted * (len(scores) - num_wanted)))
