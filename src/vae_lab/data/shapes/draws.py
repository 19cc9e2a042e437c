"""Random values of factors, the same for the same seed on every machine.

Only the raw bits of numpy's PCG64 are used: numpy promises that they never change, unlike its
draws of numbers. Shapes: N images, F factors.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from vae_lab.data.shapes.correlation import JointTable

_BITS = 32


def draw_factors(
    counts: Mapping[str, int], tables: Sequence[JointTable], num_images: int, seed: int, split: int
) -> np.ndarray:
    """Returns values of the factors `counts`, int64 (N, F), drawn independently for each image.

    Factors of a table have its joint probabilities; others are uniform and independent.
    """
    columns: dict[str, np.ndarray] = {}
    order = [*counts]
    for table in tables:
        known = [name for name in table.names if name in columns]
        # Each factor has a stream of its own, and a table that of its first new one.
        first = next(name for name in table.names if name not in columns)
        draw = _bits(num_images, seed, split, order.index(first))
        given = columns[known[0]] if known else np.zeros(num_images, np.int64)
        columns.update(_from_table(table, known, given, draw))
    for name, count in counts.items():
        if name not in columns:
            draw = _bits(num_images, seed, split, order.index(name))
            columns[name] = (draw * count) >> _BITS
    return np.stack([columns[name] for name in order], axis=1)


def _from_table(
    table: JointTable, known: Sequence[str], given: np.ndarray, draw: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the other factors of a table, (N,) each, given the value (N,) of one, if `known`."""
    axis = table.names.index(known[0]) if known else None
    new = [name for name in table.names if name not in known]
    columns = {name: np.zeros(len(draw), np.int64) for name in new}
    for value in np.unique(given):
        cells = [
            (codes, share)
            for codes, share in table.probabilities.items()
            if axis is None or codes[axis] == value
        ]
        rows = np.flatnonzero(given == value)
        total, ends, sum_so_far = sum(share for _, share in cells), [], Fraction(0)
        for _, share in cells:
            sum_so_far += share
            ends.append(int(sum_so_far / total * 2**_BITS))
        chosen = np.searchsorted(np.array(ends[:-1], np.int64), draw[rows], side="right")
        codes_of_cells = np.array([codes for codes, _ in cells])[chosen]
        for name in new:
            columns[name][rows] = codes_of_cells[:, table.names.index(name)]
    return columns


def _bits(num_images: int, *stream: int) -> np.ndarray:
    """Returns whole numbers from 0 to below 2**32, int64 (N,), of a stream of their own."""
    raw = np.random.PCG64(np.random.SeedSequence(stream)).random_raw(num_images)
    return (raw >> np.uint64(64 - _BITS)).astype(np.int64)
