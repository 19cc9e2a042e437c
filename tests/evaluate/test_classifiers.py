"""Accuracies and manifolds against known answers."""

import math

import numpy as np
import pytest
import torch

from vae_lab.evaluate.bound import share, standard_error
from vae_lab.evaluate.classifiers import LabelledRows, neighbour_hits, probe_hits
from vae_lab.evaluate.sample_quality import RealImageReference, inside

DIGITS = tuple("0123456789")


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def clusters(count: int, seed: int) -> LabelledRows:
    """Ten well separated clusters in 60 dimensions."""
    labels = np.arange(count) % 10
    return LabelledRows(random(count, 60, seed=seed) * 0.1 + np.eye(60)[labels] * 5, labels)


def reference(train: LabelledRows, names: tuple[str, ...] = DIGITS) -> RealImageReference:
    settings = {"neighbours": 5, "manifold_neighbours": 3}
    images, labels = map(torch.from_numpy, train)
    return RealImageReference(images, labels, names, settings)


def test_separated_clusters_are_told_apart() -> None:
    train, test = clusters(200, 1), clusters(100, 2)
    assert neighbour_hits(train, test, num_neighbours=5).all()
    assert probe_hits(train, test).all()
    assert reference(train).hits(*map(torch.from_numpy, test)).all()


def test_noise_is_told_apart_by_chance() -> None:
    labels = np.arange(1000) % 10
    train, test = (
        LabelledRows(random(1000, 5), labels),
        LabelledRows(random(1000, 5, seed=1), labels),
    )
    assert 0.05 < neighbour_hits(train, test, num_neighbours=5).mean() < 0.15
    assert 0.05 < probe_hits(train, test).mean() < 0.15


def test_one_class_alone_has_its_share_as_accuracy() -> None:
    train = LabelledRows(random(10, 2), np.zeros(10, dtype=int))
    test = LabelledRows(random(4, 2), np.array([0, 0, 0, 1]))
    assert probe_hits(train, test).tolist() == [True, True, True, False]


def test_the_error_of_a_mean_and_of_a_share_are_known_ones() -> None:
    # The variance of 1, 2, 3, 4 is 5/3.
    assert standard_error(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(math.sqrt(5 / 12))
    assert standard_error(np.array([1.0])) is None
    half = share("a", "a share", np.arange(100) % 2 == 0, {})
    assert half.value == 0.5 and half.standard_error == pytest.approx(0.0497519, rel=1e-4)
    # A hundred hits of a hundred do not make a share certain: Wilson's interval ends at 0.9901.
    for values in (np.ones(100), np.zeros(100)):
        sure = share("a", "a share", values, {})
        assert sure.standard_error == pytest.approx(0.5 / 101)
    assert share("a", "a share", np.ones(1), {}).standard_error == pytest.approx(0.25)


def test_shares_of_samples_sum_to_one_and_follow_the_samples() -> None:
    real = reference(clusters(200, 1))
    samples = torch.from_numpy(clusters(100, 2).rows[np.arange(100) % 10 < 4])
    shares = real.label_shares("digits", "by label", samples, "clusters").value
    assert shares == pytest.approx({str(k): 0.25 if k < 4 else 0 for k in range(10)})
    assert real.plausible(samples)["unanimity"].all() and real.votes(samples).max() == 1


def by_hand(rows: np.ndarray, manifold: np.ndarray, k: int) -> float:
    inside = 0
    for row in rows:
        for i, centre in enumerate(manifold):
            others = sorted(np.linalg.norm(centre - o) for j, o in enumerate(manifold) if j != i)
            if np.linalg.norm(row - centre) <= others[k - 1]:
                inside += 1
                break
    return inside / len(rows)


def precision_and_recall(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    return inside(generated, real, 3).mean(), inside(real, generated, 3).mean()


def test_precision_and_recall_equal_their_definition() -> None:
    real, generated = random(30, 3), random(40, 3, seed=1) * 2 + 0.5
    for k in (1, 2, 3, 4):
        assert inside(generated, real, k).mean() == by_hand(generated, real, k)
        assert inside(real, generated, k).mean() == by_hand(real, generated, k)
    by_radius = [by_hand(generated, real, k) for k in (2, 3, 4)]
    assert 0 < by_radius[0] < by_radius[1] < by_radius[2] < 1, "each neighbour counts"


def test_precision_and_recall_of_known_cases() -> None:
    real = random(50, 3)
    assert precision_and_recall(real, real) == (1, 1)
    assert precision_and_recall(real, real + 100) == (0, 0)
    # Samples that are all alike: each lies within the real manifold, which they do not cover.
    collapsed = np.repeat(real[:1], 20, axis=0)
    precision, recall = precision_and_recall(real, collapsed)
    assert (precision, recall) == (1.0, 0.02)


def test_the_features_of_large_images_are_the_principal_components_all_the_same() -> None:
    rows, labels = random(70, 1500), np.arange(70) % 2
    images, train = torch.from_numpy(rows), LabelledRows(rows, labels)
    first, second = (reference(train, ("cat", "dog")).features(images) for _ in range(2))
    assert np.array_equal(first, second), "always the same"
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[:50]
    np.testing.assert_allclose(np.linalg.norm(first, axis=0), values, rtol=1e-6)
    assert reference(train, ("cat", "dog")).labels == ["cat", "dog"]
