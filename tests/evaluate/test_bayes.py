"""A conditional model as a classifier: accuracy, calibration, log loss and the summed bound."""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from conditional_models import (
    SHARES,
    block_models,
    blocks,
    entropy,
    exact_log_joint,
    images_of_classes,
    linear_given_label,
)
from copier import SETTINGS
from torch import Tensor

from vae_lab.evaluate.bayes import (
    BINS,
    bayes,
    calibration_parts,
    classifier_numbers,
    error_if_calibrated,
)
from vae_lab.evaluate.evaluation import Evaluation
from vae_lab.random_streams import subset
from vae_lab.run_folder import Number
from vae_lab.vae import VAE


class Images(NamedTuple):
    """As much of a data module as an evaluation of all its images needs."""

    test_images: Tensor
    test_labels: Tensor
    binarize: str = "static"

    @property
    def train_labels(self) -> Tensor:
        return self.test_labels

    def given_labels(self, split: str) -> Tensor:
        return self.test_labels


def measured(
    model: VAE, images: Tensor, labels: Tensor, *, num_samples: int = 1, count: int = 10_000
) -> dict[str, Number]:
    settings = {**SETTINGS, "class_images": count, "class_samples": num_samples}
    data: Any = Images(images, labels)
    return {it.name: it for it in bayes(Evaluation(model, data, "test", settings))}


def value(numbers: dict[str, Number], name: str) -> float:
    found = numbers[name].value
    assert isinstance(found, float)
    return found


def test_the_numbers_are_those_of_the_exact_posterior_of_a_linear_model() -> None:
    model, exact = linear_given_label(latent_dim=3, posterior_shift=0.0)
    x, labels = images_of_classes(300, exact)
    numbers = measured(model, x, labels)
    # In the order of the images that were drawn: here all of them.
    rows = subset(300, 10_000, "classes", 0)
    log_joint, y = exact_log_joint(exact, x)[rows], labels[rows]
    log_p = log_joint.logsumexp(1)
    assert value(numbers, "summed_bound") == pytest.approx(log_p.mean().item(), abs=1e-4)
    assert numbers["summed_bound"].standard_error == pytest.approx(
        (log_p.std() / math.sqrt(300)).item(), rel=1e-3
    )
    hits = (log_joint.argmax(1) == y).double()
    assert 0.7 < hits.mean() < 0.99
    assert value(numbers, "bayes_accuracy") == pytest.approx(hits.mean().item())
    loss = -log_joint.log_softmax(1)[torch.arange(300), y]
    assert value(numbers, "bayes_log_loss") == pytest.approx(loss.mean().item(), abs=1e-4)
    # log p(x|y) - log p(x) = log p(y|x) - log p(y): the gain of the label is the entropy, less the
    # log loss, but for the shares of these images.
    given = (log_joint - torch.tensor(SHARES).log())[torch.arange(300), y]
    gain = (given - log_p).mean().item()
    of_shares = -torch.tensor(SHARES).double().log()[y].mean().item()
    assert gain == pytest.approx(of_shares - value(numbers, "bayes_log_loss"), abs=1e-4)


def test_the_classifier_of_the_exact_posterior_is_calibrated_within_its_bias() -> None:
    model, exact = linear_given_label(latent_dim=3, posterior_shift=0.4, spread=0.3)
    numbers = measured(model, *images_of_classes(2000, exact))
    number = numbers["bayes_calibration_error"]
    chance, found = number.details["if_calibrated"], value(numbers, number.name)
    assert 0.005 < chance < 0.05, "not 0, by chance"
    assert found == pytest.approx(chance, abs=3 * float(number.standard_error or 0))
    assert number.protocol["bins"] == BINS == 15


def test_all_classes_sum_to_log_p_of_x_from_below_and_few_samples_lose() -> None:
    model, exact = linear_given_label(latent_dim=3, posterior_shift=0.25)
    x, labels = images_of_classes(300, exact)
    truth = exact_log_joint(exact, x).logsumexp(1).mean().item()
    one, some, many = (
        value(measured(model, x, labels, num_samples=count), "summed_bound")
        for count in (1, 10, 1000)
    )
    assert one < some < many < truth + 0.01
    assert truth - one > 0.3 and truth - many < 0.02


@pytest.mark.parametrize("shares", [(0.25,) * 4, (0.5, 0.25, 0.125, 0.125)])
def test_a_label_that_decides_a_block_is_known_and_worth_its_entropy(
    shares: tuple[float, ...],
) -> None:
    pixels, labels = blocks(80, shares=shares)
    model, _ = block_models(shares)
    numbers = measured(model, pixels, labels)
    assert value(numbers, "bayes_accuracy") == 1
    assert value(numbers, "bayes_log_loss") == pytest.approx(0, abs=1e-6)
    expected = -6 * math.log(2) - entropy(shares)
    assert value(numbers, "summed_bound") == pytest.approx(expected, abs=1e-5)
    details = numbers["bayes_accuracy"].details
    assert details["share_of_the_commonest_class"] == max(shares)


def test_permuted_labels_give_chance() -> None:
    pixels, labels = blocks(2000)
    model, _ = block_models()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    numbers = measured(model, pixels, labels[order])
    accuracy = numbers["bayes_accuracy"]
    assert value(numbers, accuracy.name) == pytest.approx(
        0.25, abs=4 * float(accuracy.standard_error or 0)
    )
    # It is sure, and wrong three times of four.
    assert value(numbers, "bayes_calibration_error") == pytest.approx(0.75, abs=0.04)
    assert value(numbers, "bayes_log_loss") > 20


def test_the_bound_is_that_of_the_images_drawn_and_says_how_many() -> None:
    pixels, labels = blocks(80)
    model, free = block_models()
    numbers = measured(model, pixels, labels, num_samples=3, count=20)
    for number in numbers.values():
        assert number.protocol | {"images": 20, "samples": 3, "classes": 4} == number.protocol
        assert "condition" not in number.protocol
    assert measured(free, pixels, labels) == {}


def test_the_calibration_error_by_hand() -> None:
    # Two bins of width 1/15. In the first 0.81 and 0.85, of which one hits: |1/2 - 0.83|. In the
    # second 0.95 three times, of which all hit: |1 - 0.95|.
    confidence = np.array([0.81, 0.95, 0.95, 0.85, 0.95])
    hits = np.array([True, True, True, False, True])
    parts = calibration_parts(confidence, hits)
    assert parts.mean() == pytest.approx(2 / 5 * 0.33 + 3 / 5 * 0.05)
    # A bin holds its upper edge: 3/15 is of the third bin, a little more is of the fourth.
    edges = np.array([3 / 15, 3 / 15 + 1e-9, 1.0])
    together = calibration_parts(edges, np.array([False, True, True]))
    assert together.mean() == pytest.approx((0.2 + 0.8 + 0) / 3)
    one_bin = calibration_parts(np.array([0.18, 3 / 15]), np.array([False, True]))
    assert one_bin.mean() == pytest.approx((1 - 0.38) / 2)


def test_a_classifier_that_is_too_sure_has_the_error_that_was_made() -> None:
    generator = np.random.default_rng(0)
    truth = generator.uniform(0.5, 0.8, 20_000)
    hits = generator.uniform(size=20_000) < truth
    assert calibration_parts(truth, hits).mean() < 0.02
    assert calibration_parts(truth + 0.15, hits).mean() == pytest.approx(0.15, abs=0.01)
    assert calibration_parts(truth - 0.15, hits).mean() == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize("count", [50, 500, 5000])
def test_what_chance_does_to_the_error_is_what_repetitions_find(count: int) -> None:
    generator = np.random.default_rng(1)
    confidence = generator.uniform(0.4, 1, count)
    errors = [
        calibration_parts(confidence, generator.uniform(size=count) < confidence).mean()
        for _ in range(100)
    ]
    stated = error_if_calibrated(confidence, seed=0)
    assert stated == pytest.approx(np.mean(errors), rel=0.1)
    # Ten bins are hit: it falls with the root of the number of images.
    assert stated == pytest.approx(0.8 * 0.45 * math.sqrt(9 / count), rel=0.15)


def test_an_impossible_label_has_no_log_loss_and_still_counts_as_wrong() -> None:
    never = -math.inf
    log_posterior = np.array([[never, *np.log([0.9, 0.1])], [never, *np.log([0.2, 0.8])]])
    numbers = {
        it.name: it
        for it in classifier_numbers(log_posterior, np.array([0, 2]), seed=0, protocol={})
    }
    assert value(numbers, "bayes_accuracy") == 0.5 and "bayes_log_loss" not in numbers
