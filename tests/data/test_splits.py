"""Splits are samples: no label is preferred for its name. Those of known sets do not change."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from vae_lab.cli.jobs import compose_jobs
from vae_lab.config.resolve import resolved
from vae_lab.data.datamodule import ImageDataModule
from vae_lab.data.splits import stratified

DRAWS = 400


def drawn(labels: np.ndarray | None, total: int, size: int, seed: int = 0) -> np.ndarray:
    return stratified(labels, total, size, torch.Generator().manual_seed(seed))


def test_shares_are_rounded_by_largest_remainder() -> None:
    labels = np.array([0] * 50 + [1] * 30 + [2] * 20)  # quotas of 14: 7, 4.2, 2.8
    mask = drawn(labels, 100, 14)
    assert np.bincount(labels[mask]).tolist() == [7, 4, 3]
    assert int(drawn(None, 10, 4).sum()) == 4
    assert int(drawn(labels, 100, 0).sum()) == 0


@pytest.mark.parametrize(
    "counts",
    [
        [1] * 40,  # each image has a label of its own
        [5] * 80,
        [15] * 20,  # a share of 1.5 images
        [2] * 100,
        [4] * 50 + [6] * 50,
        [5] * 20 + [15] * 20,  # the same remainder
        [1] * 30 + [70],
        [300] + [3] * 30 + [110],
    ],
)
def test_every_image_is_drawn_as_often_whatever_its_label(counts: list[int]) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    total, size = len(labels), round(0.1 * len(labels))
    times = np.zeros(total)
    for seed in range(DRAWS):
        mask = drawn(labels, total, size, seed)
        assert int(mask.sum()) == size
        # A label that is large enough has its share, to within one image.
        quotas = np.array(counts) * size / total
        shares = np.bincount(labels[mask], minlength=len(counts))
        assert (abs(shares - quotas)[quotas >= 1] <= 1).all()
        times += mask
    # The halves of the alphabet, and the labels one by one, within 5 standard errors.
    expected = size / total
    for rows in (labels < len(counts) / 2, *(labels == label for label in set(labels))):
        error = np.sqrt(expected * (1 - expected) / (DRAWS * rows.sum()))
        assert times[rows].mean() / DRAWS == pytest.approx(expected, abs=5 * error)


@pytest.mark.parametrize("total", [23, 64, 1000])
def test_labels_need_not_be_0_1_2(total: int) -> None:
    labels = np.arange(total) % 3
    assert np.array_equal(drawn(labels * 7 + 4, total, 12), drawn(labels, total, 12))


def pixels_of(name: str) -> str:
    """Returns a digest of every image and label of a data set, split by split."""
    (job,) = compose_jobs([f"data={name}"])
    data = ImageDataModule.from_config(resolved(job.config), trust=False)
    data.setup()
    digest = hashlib.sha256()
    for images in (data.train_images, data.val_images, data.test_images):
        digest.update(images[:].numpy().tobytes())
    for labels in (data.train_labels, data.val_labels, data.test_labels):
        assert labels is not None
        digest.update(labels.numpy().tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize(
    ("name", "expected"), [("mnist_5k", "d3381a7e13ce4f49"), ("digits", "ab451b0947b72f6b")]
)
def test_the_splits_of_the_sets_that_come_along_stay_as_they_are(name: str, expected: str) -> None:
    assert pixels_of(name) == expected


@pytest.mark.real_mnist
def test_the_splits_of_mnist_stay_as_they_are(
    mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAE_LAB_DATA", str(mnist_root))
    assert pixels_of("mnist") == "ba8636f1c8fdb5f0"
