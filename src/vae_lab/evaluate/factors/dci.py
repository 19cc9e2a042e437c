"""DCI: disentanglement, completeness and informativeness of codes.

A random forest predicts each factor from the code. R_ij is how much dimension i contributes to the
prediction of factor j: the decrease of the impurity, of all dimensions 1.

    D = sum_i rho_i (1 - H_F(R_i. / sum_j R_ij)),  rho_i = sum_j R_ij / sum_ij R_ij
    C = mean_j (1 - H_Z(R_.j / sum_i R_ij))
    I = the share of other images of which the forest knows the factor, mean over factors

H_K is the entropy with logarithms to the base K. Shapes: N images, Z latent dimensions, F factors.

Source: Eastwood and Williams, A Framework for the Quantitative Evaluation of Disentangled
Representations, ICLR 2018, section 2.
"""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from vae_lab.evaluate.factors.codes import CodeSample

TREES, LEAF = 10, 5


def dci(sample: CodeSample) -> dict[str, float]:
    """Returns disentanglement, completeness and informativeness, each from 0 to 1."""
    importance, accuracy = importances(sample)
    return {
        "dci_disentanglement": disentanglement(importance),
        "dci_completeness": completeness(importance),
        "dci_informativeness": float(accuracy.mean()),
    }


def importances(sample: CodeSample) -> tuple[np.ndarray, np.ndarray]:
    """Returns R, (Z, F), of which each column adds up to 1, and the accuracies, (F,)."""
    train, test = sample.train, sample.test
    columns, accuracies = [], []
    for factor in range(train.factors.shape[1]):
        # Each node looks at all dimensions: if it looked at some, it would often have to use one
        # that tells nothing, and R would show it.
        forest = RandomForestClassifier(
            n_estimators=TREES, min_samples_leaf=LEAF, max_features=None, random_state=sample.seed
        ).fit(train.mean, train.factors[:, factor])
        columns.append(forest.feature_importances_)
        accuracies.append((forest.predict(test.mean) == test.factors[:, factor]).mean())
    return np.stack(columns, axis=1), np.array(accuracies)


def disentanglement(importance: np.ndarray) -> float:
    """Returns D of R (Z, F): 1 if each dimension contributes to a single factor."""
    total = importance.sum()
    if total == 0:
        return 0.0
    weights = importance.sum(axis=1) / total
    return float((weights * (1 - _entropies(importance.T))).sum())


def completeness(importance: np.ndarray) -> float:
    """Returns C of R (Z, F): 1 if a single dimension contributes to each factor."""
    # A factor of which no dimension tells anything has no dimension of its own: it counts 0.
    there = importance.sum(axis=0) > 0
    return float(np.where(there, 1 - _entropies(importance), 0.0).mean())


def _entropies(columns: np.ndarray) -> np.ndarray:
    """Returns the entropy of each column (K, M) as shares, to the base K, (M,); 1 if all are 0."""
    sums = columns.sum(axis=0)
    shares = np.where(sums > 0, columns / np.where(sums > 0, sums, 1.0), 1 / len(columns))
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return -(shares * logs).sum(axis=0) / np.log(len(columns))
