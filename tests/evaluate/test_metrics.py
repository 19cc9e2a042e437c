"""The metrics by name: each number is what its name says, from the images that it should be."""

import math

import pytest
import torch
from copier import SETTINGS, evaluation_of_copier
from torch import Tensor, nn

from vae_lab.evaluate.classifiers import probes
from vae_lab.evaluate.evaluation import Evaluation, Metric
from vae_lab.evaluate.latent_space import mutual_information
from vae_lab.evaluate.marginal_likelihood import importance_weighted_bound
from vae_lab.evaluate.sample_quality import sample_quality
from vae_lab.likelihoods import Bernoulli
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.run_folder import Number


class Place(nn.Module):
    """An encoder whose codes are the place of the stripe: they tell the label."""

    def forward(self, x: Tensor) -> DiagonalGaussian:
        rows = x.sum(dim=(1, 3))  # (B, H)
        place = rows @ torch.arange(x.shape[2]).float() / rows.sum(dim=1)
        mean = torch.stack([place, place.square() / 20], dim=1)
        return DiagonalGaussian(mean, torch.full_like(mean, -6.0))


class OneImage(nn.Module):
    """A decoder that draws the same image from every code."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = image.float() / 255

    def forward(self, z: Tensor) -> Tensor:
        return self.image.expand(len(z), *self.image.shape)


def by_name(metric: Metric, evaluation: Evaluation) -> dict[str, Number]:
    return {number.name: number for number in metric(evaluation)}


def values_of(numbers: dict[str, Number]) -> dict[str, float]:
    return {name: one.value for name, one in numbers.items() if isinstance(one.value, int | float)}


def test_classifiers_of_codes_learn_from_the_training_images() -> None:
    evaluation = evaluation_of_copier(2)
    evaluation.model.encoder = Place()
    right = by_name(probes, evaluation)
    assert right["knn_accuracy"].value == 1
    for number in right.values():
        error = number.standard_error
        assert error is not None and 0 < error < 0.2
        assert number.protocol["train_images"] == 80 and number.protocol["images"] == 20
    labels = evaluation.data.train_labels
    assert labels is not None
    # Other labels on the training images, and all the answers are others.
    other = evaluation_of_copier(2)
    other.model.encoder, other.data.train_labels = Place(), (labels + 1) % 10
    wrong, values = values_of(by_name(probes, other)), values_of(right)
    assert wrong["knn_accuracy"] == 0
    assert values["linear_probe_accuracy"] > 0.3
    assert wrong["linear_probe_accuracy"] < 0.5 * values["linear_probe_accuracy"]


def test_samples_that_are_all_alike_are_precise_and_recall_little() -> None:
    evaluation = evaluation_of_copier(2)
    evaluation.model.decoder = OneImage(evaluation.images[0])
    found = by_name(sample_quality, evaluation)
    assert found["precision"].value == 1
    assert found["precision"].protocol["neighbours"] == SETTINGS["manifold_neighbours"]
    assert 0 < values_of(found)["recall"] < 0.5
    assert all(number.standard_error for number in found.values())


def test_bounds_on_the_information_and_on_the_distance_go_together() -> None:
    found = by_name(mutual_information, evaluation_of_copier(2))
    values = values_of(found)
    low, high = values["mutual_information_lower"], values["mutual_information_upper"]
    kl_low, kl_high = values["kl_of_aggregate_lower"], values["kl_of_aggregate_upper"]
    assert low < high and kl_low < kl_high
    # Both add up to the mean KL.
    assert kl_low + high == pytest.approx(kl_high + low)
    errors = [number.standard_error for number in found.values()]
    assert len(set(errors)) == 4, "each has its own"
    assert found["kl_of_aggregate_upper"].protocol["bias"] == "too high"


class Prior(nn.Module):
    """An encoder that gives every image the prior."""

    def forward(self, x: Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(torch.zeros(len(x), 2), torch.zeros(len(x), 2))


def test_a_model_that_knows_nothing_of_binary_images_needs_a_bit_for_each_pixel() -> None:
    evaluation = evaluation_of_copier(2, num_samples=4)
    model = evaluation.model
    model.encoder, model.decoder = Prior(), OneImage(torch.zeros(1, 28, 28))
    model.likelihood = Bernoulli()
    evaluation.images = (evaluation.images[:] > 127).byte() * 255
    found = values_of(by_name(importance_weighted_bound, evaluation))
    assert found["bits_per_dimension"] == pytest.approx(1)
    assert found["iw_bound"] == pytest.approx(-784 * math.log(2), rel=1e-6)
    assert found["gap_elbo_to_iw_bound"] == pytest.approx(0, abs=1e-3)


def test_the_weighted_bound_lies_above_the_bound_by_the_gap() -> None:
    evaluation = evaluation_of_copier(2, num_samples=40)
    found = by_name(importance_weighted_bound, evaluation)
    bound = evaluation.bound.elbo[evaluation.drawn.rows.numpy()].mean()
    values = values_of(found)
    assert values["gap_elbo_to_iw_bound"] == pytest.approx(values["iw_bound"] - bound)
    assert values["gap_elbo_to_iw_bound"] > 0
    assert found["iw_bound"].details["with_half_the_samples"] < values["iw_bound"] + 1
