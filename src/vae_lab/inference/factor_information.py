"""What latent dimensions tell of known factors: mutual information by bins, and the factor of each.

Shapes: N images, Z latent dimensions, F factors. Information in nats.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.metrics.cluster import expected_mutual_information

# The share of a factor's entropy that a dimension must tell, so that it is called by its name.
LEAST_SHARE = 0.1


def binned(codes: np.ndarray, num_bins: int) -> np.ndarray:
    """Returns the bin of each code (N, Z), int64 (N, Z).

    The bins of a dimension are equally wide, from its smallest to its largest code.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    # A dimension that does not vary is a single bin.
    width = np.where(high > low, high - low, 1.0) / num_bins
    # The largest code belongs to the last bin.
    return np.minimum((codes - low) / width, num_bins - 1).astype(np.int64)


def mutual_information(bins: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns the mutual information of each column of bins and each factor, (Z, F).

    `bins` (N, Z) and `factors` (N, F) are whole numbers. It is that of the shares among the N
    images, which is too high: bins that tell nothing have about (rows - 1) (columns - 1) / (2 N).
    """
    return _of_tables(_information, bins, factors)


def chance_information(bins: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Returns what `mutual_information` is on average if the factors are permuted, (Z, F).

    Vinh, Epps and Bailey, Information Theoretic Measures for Clusterings Comparison, JMLR 2010.
    """
    return _of_tables(_expected, bins, factors)


def _of_tables(
    value: Callable[[np.ndarray], float], bins: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """Returns a value of the table of counts of each column of bins and each factor, (Z, F)."""
    columns, rows = (list(map(_counts, table.T)) for table in (bins, factors))
    found = np.empty((len(columns), len(rows)))
    for z, (of_bins, num_bins) in enumerate(columns):
        for f, (of_values, num_values) in enumerate(rows):
            joint = np.bincount(of_bins * num_values + of_values, minlength=num_bins * num_values)
            found[z, f] = value(joint.reshape(num_bins, num_values))
    return found


def _counts(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns whole numbers (N,) as places among those that occur, and how many these are."""
    places, inverse = np.unique(values, return_inverse=True)
    return inverse, len(places)


def _information(table: np.ndarray) -> float:
    """Returns the mutual information of rows and columns of a table of counts, in nats."""
    joint = table / table.sum()
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log(joint[there] / independent[there])).sum())


def _expected(table: np.ndarray) -> float:
    return float(expected_mutual_information(table, int(table.sum())))


def entropies(factors: np.ndarray) -> np.ndarray:
    """Returns the entropy of each factor (N, F) among the images, in nats, (F,)."""
    shares = [np.unique(column, return_counts=True)[1] / len(column) for column in factors.T]
    return np.array([-(share * np.log(share)).sum() for share in shares])


def information_shares(codes: np.ndarray, factors: np.ndarray, num_bins: int) -> np.ndarray:
    """Returns which share of each factor's entropy each dimension tells, in [0, 1], (Z, F).

    It is the mutual information over the entropy, both less the information by chance: 0 for a
    dimension that tells no more than chance, 1 if it tells the factor.
    """
    bins, whole = binned(codes, num_bins), entropies(factors)
    found, chance = mutual_information(bins, factors), chance_information(bins, factors)
    room = whole - chance
    shares = (found - chance) / np.where(room > 0, room, 1.0)
    return np.where(room > 0, shares, 0.0).clip(0, 1)


class Title(NamedTuple):
    """The factor that a latent dimension tells most of, and the share of its entropy.

    `factor` is None if the share of every factor is below `LEAST_SHARE`.
    """

    factor: str | None
    share: float

    def words(self) -> str:
        """Returns it as a text: `size 0.83`, or `none`."""
        return "none" if self.factor is None else f"{self.factor} {self.share:.2f}"


def titles_of_dimensions(
    codes: np.ndarray, factors: np.ndarray, names: Sequence[str], *, num_bins: int = 20
) -> list[Title]:
    """Returns which factor each latent dimension tells most of, one title per dimension.

    `codes` (N, Z) are posterior means, `factors` (N, F) the factors of the same images, whole
    numbers; `names` are those of the factors.
    """
    titles = []
    for row in information_shares(codes, factors, num_bins):
        best, share = int(row.argmax()), float(row.max())
        titles.append(Title(names[best] if share >= LEAST_SHARE else None, share))
    return titles
