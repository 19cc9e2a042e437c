"""Accuracies and manifolds against known answers."""

import numpy as np
import pytest

from vae_lab.evaluate.classifiers import (
    LabelledRows,
    PixelClassifier,
    neighbour_accuracy,
    probe_accuracy,
)
from vae_lab.evaluate.sample_quality import precision_recall


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def clusters(count: int, seed: int) -> LabelledRows:
    """Ten well separated clusters in 60 dimensions."""
    labels = np.arange(count) % 10
    return LabelledRows(random(count, 60, seed=seed) * 0.1 + np.eye(60)[labels] * 5, labels)


def test_separated_clusters_are_told_apart() -> None:
    train, test = clusters(200, 1), clusters(100, 2)
    assert neighbour_accuracy(train, test, num_neighbours=5) == 1
    assert probe_accuracy(train, test) == 1
    assert PixelClassifier(train=train, num_neighbours=5, names=None).accuracy(test) == 1


def test_noise_is_told_apart_by_chance() -> None:
    labels = np.arange(1000) % 10
    train, test = (
        LabelledRows(random(1000, 5), labels),
        LabelledRows(random(1000, 5, seed=1), labels),
    )
    assert 0.05 < neighbour_accuracy(train, test, num_neighbours=5) < 0.15
    assert 0.05 < probe_accuracy(train, test) < 0.15


def test_one_class_alone_has_its_share_as_accuracy() -> None:
    train = LabelledRows(random(10, 2), np.zeros(10, dtype=int))
    assert probe_accuracy(train, LabelledRows(random(4, 2), np.array([0, 0, 0, 1]))) == 0.75


def test_shares_of_samples_sum_to_one_and_follow_the_samples() -> None:
    pixels = PixelClassifier(train=clusters(200, 1), num_neighbours=5, names=None)
    samples = clusters(100, 2).rows[np.arange(100) % 10 < 4]
    shares = pixels.label_shares(samples)
    assert shares == {str(k): pytest.approx(0.25 if k < 4 else 0) for k in range(10)}
    assert pixels.unanimous(samples).all() and pixels.confidence(samples) == 1


def by_hand(rows: np.ndarray, manifold: np.ndarray, k: int) -> float:
    inside = 0
    for row in rows:
        for i, centre in enumerate(manifold):
            others = sorted(np.linalg.norm(centre - o) for j, o in enumerate(manifold) if j != i)
            if np.linalg.norm(row - centre) <= others[k - 1]:
                inside += 1
                break
    return inside / len(rows)


def test_precision_and_recall_equal_their_definition() -> None:
    real, generated = random(30, 3), random(25, 3, seed=1) * 1.5 + 0.5
    precision, recall = precision_recall(real, generated, num_neighbours=3)
    assert precision == by_hand(generated, real, 3)
    assert recall == by_hand(real, generated, 3)
    assert 0 < precision < 1


def test_precision_and_recall_of_known_cases() -> None:
    real = random(50, 3)
    assert precision_recall(real, real, num_neighbours=3) == (1, 1)
    assert precision_recall(real, real + 100, num_neighbours=3) == (0, 0)
    # Samples that are all alike: each lies within the real manifold, which they do not cover.
    collapsed = np.repeat(real[:1], 20, axis=0)
    precision, recall = precision_recall(real, collapsed, num_neighbours=3)
    assert (precision, recall) == (1.0, 0.02)


def test_the_features_of_large_images_are_the_principal_components_all_the_same() -> None:
    rows, labels = random(70, 1500), np.arange(70) % 2
    found = [
        PixelClassifier(train=LabelledRows(rows, labels), num_neighbours=3, names=("cat", "dog"))
        for _ in range(2)
    ]
    first, second = (one.features.transform(rows) for one in found)
    assert np.array_equal(first, second), "always the same"
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[:50]
    np.testing.assert_allclose(np.linalg.norm(first, axis=0), values, rtol=1e-6)
    assert list(found[0].label_shares(rows)) == ["cat", "dog"]
