"""Sharpness, the distance from the prior, and what is measured of a model's pictures."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from copier import evaluation_of_copier
from fake_runs import BY_DRAWS, BY_MOMENTS
from torch.distributions import MultivariateNormal, kl_divergence

from vae_lab.evaluate import picture_metrics, sample_quality
from vae_lab.evaluate.latent_space import distance_of_moments
from vae_lab.evaluate.sample_quality import contrast, sharpness
from vae_lab.posteriors import DiagonalGaussian, of_images
from vae_lab.priors import GaussianMixture, Prior
from vae_lab.random_streams import stream, subset
from vae_lab.report.picture_metrics import METHODS


def test_sharpness_of_noise_of_blur_and_of_one_grey() -> None:
    noise = torch.rand(3, 1, 200, 200, generator=stream("noise"))
    assert sharpness(noise) == pytest.approx([math.sqrt(2)] * 3, rel=0.02)
    blurred = torch.nn.functional.avg_pool2d(noise, 3, stride=1)
    assert (sharpness(blurred) < 0.7 * sharpness(noise)).all()
    # Whatever the contrast.
    assert sharpness(0.3 * noise + 0.5) == pytest.approx(sharpness(noise), rel=1e-4)
    assert contrast(0.3 * noise) == pytest.approx(0.3 * contrast(noise))
    assert sharpness(torch.full((1, 1, 4, 4), 0.5)).tolist() == [0.0]


def test_the_distance_from_the_prior_is_that_of_the_moments() -> None:
    generator = stream("moments")
    mean = torch.randn(400, 3, generator=generator) @ torch.tensor(
        [[1.0, 0.5, 0.0], [0.0, 0.6, 0.2], [0.0, 0.0, 1.4]]
    ) + torch.tensor([0.3, 0.0, -0.2])
    posterior = DiagonalGaussian(mean, torch.randn(400, 3, generator=generator) - 1)
    value, error = distance_of_moments(posterior)
    double = mean.double()
    covariance = double.T.cov(correction=0) + posterior.log_var.double().exp().mean(0).diag()
    own = MultivariateNormal(double.mean(0), covariance)
    prior = MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double())
    assert value == pytest.approx(kl_divergence(own, prior).item())
    # The jackknife's error, by leaving each image out.
    rows = torch.arange(400)
    left_out = torch.tensor(
        [distance_of_moments(of_images(posterior, rows != k))[0] for k in range(400)]
    )
    jackknife = (399 / 400 * (left_out - left_out.mean()).square().sum()).sqrt().item()
    assert error == pytest.approx(jackknife, rel=0.05)


def test_codes_that_are_the_prior_have_no_distance() -> None:
    z = torch.randn(5000, 2, generator=stream("prior"))
    value, error = distance_of_moments(DiagonalGaussian(z, torch.full_like(z, -30.0)))
    assert error is not None and value < 0.01


def measured(
    latent_dim: int, *, labels: bool = True, prior: Prior | None = None
) -> dict[str, dict[str, Any]]:
    evaluation = evaluation_of_copier(latent_dim, labels=labels, prior=prior)
    return {number.name: number.to_json() for number in picture_metrics.picture_metrics(evaluation)}


def test_pictures_that_are_real_images_are_plausible_and_as_sharp() -> None:
    found = measured(2)
    for name in ("precision_of_samples", "unanimity_of_samples", "precision_of_interpolations"):
        assert found[name]["value"] == 1.0, name
    assert found["sharpness_of_samples"]["value"] == pytest.approx(
        found["sharpness_of_data"]["value"], rel=0.15
    )
    assert len(found["unanimity_of_interpolations"]["by_step"]) == 5
    # The first image, of a 0, lies at the origin.
    assert found["digit_at_centre"]["value"] == "0"
    for name in ("digits_of_samples", "digits_of_map", "digits_of_prior", "digits_of_centre"):
        shares = found[name]["value"]
        assert isinstance(shares, dict) and sum(shares.values()) == pytest.approx(1)


def test_shares_of_draws_and_accuracies_have_errors_that_are_not_0() -> None:
    found = measured(2)
    for name in ("classifier_accuracy", "precision_of_samples", "unanimity_of_interpolations"):
        assert found[name]["standard_error"] > 0, name
    errors = found["digits_of_samples"]["standard_errors"]
    assert set(errors) == set(found["digits_of_samples"]["value"])
    assert all(error > 0 for error in errors.values())
    # 30 draws, the share s of one label: its error by Wilson, with half a draw either way.
    label, share = max(found["digits_of_samples"]["value"].items(), key=lambda pair: pair[1])
    wilson = math.sqrt(share * (1 - share) / 30 + 1 / 3600) / (1 + 1 / 30)
    assert errors[label] == pytest.approx(wilson)
    assert "standard_errors" not in found["digits_of_map"], "its points are not drawn"


def test_the_median_distance_of_an_even_number_of_codes_is_between_the_two_in_the_middle() -> None:
    evaluation = evaluation_of_copier(2)
    distance = evaluation.posterior.mean.double().norm(dim=1).numpy()
    found = measured(2)["distance_of_digits"]["value"]
    for label, median in found.items():
        of_label = distance[evaluation.labels.numpy() == int(label)]
        assert len(of_label) == 2
        assert median == pytest.approx(np.mean(of_label)), label


def test_the_classifier_and_the_manifold_are_those_of_the_training_images() -> None:
    evaluation = evaluation_of_copier(2)
    reference = evaluation.reference
    assert reference is not None and reference.neighbours == 2
    assert reference.protocol["manifold_neighbours"] == 2
    labels = evaluation.data.train_labels
    assert labels is not None
    evaluation = evaluation_of_copier(2)
    evaluation.data.train_labels = (labels + 1) % 10
    (accuracy,) = (
        number.value
        for number in picture_metrics.picture_metrics(evaluation)
        if number.name == "classifier_accuracy"
    )
    assert accuracy == 0, "it says what the training images say"


def test_the_same_figures_every_time_and_a_plane_only_in_two_dimensions() -> None:
    assert measured(2) == measured(2)
    three = measured(3)
    assert "digits_of_map" not in three and "digit_at_centre" in three


def away_from_0() -> GaussianMixture:
    """A learned prior of two dimensions, far from 0 and narrow in one of them."""
    prior = GaussianMixture(latent_dim=2, num_components=1)
    with torch.no_grad():
        prior.means.copy_(torch.tensor([[5.0, -3.0]]))
        prior.log_vars.copy_(torch.tensor([[0.0, -4.0]]))
    return prior


def test_a_map_is_around_the_priors_mean_and_says_so() -> None:
    found = measured(2, prior=away_from_0())
    assert found["digits_of_map"]["protocol"]["of"] == (
        "6 x 6 equally spaced points of [-1.5, 1.5]² around the prior's mean, in its standard "
        "deviations"
    )
    assert not {"digits_of_prior", "digits_of_centre"} & set(found)


def test_the_report_has_words_for_each_way_to_find_the_distance_from_the_prior() -> None:
    found = (measured(2), measured(2, prior=away_from_0()))
    ways = [own["distance_from_prior"]["protocol"]["distance"] for own in found]
    assert ways == [BY_MOMENTS, BY_DRAWS] == list(METHODS)


def test_without_labels_nothing_is_judged() -> None:
    assert set(measured(2, labels=False)) == {
        *(f"{name}_of_{what}" for name in ("sharpness", "contrast")
          for what in ("data", "reconstructions", "samples")),
        "distance_from_prior",
    }  # fmt: skip


def test_pairs_are_of_different_digits() -> None:
    labels = torch.arange(100) % 3
    first, last = picture_metrics._pairs(labels, 20, 0)
    assert len(first) == 20 and (labels[first] != labels[last]).all()
    assert len(picture_metrics._pairs(torch.zeros(9), 20, 0)[0]) == 0


def test_the_disc_holds_a_tenth_of_the_prior() -> None:
    points = picture_metrics._disc(1000)
    inside = torch.randn(200_000, 2, generator=stream("disc")).norm(dim=1)
    assert (inside < points.norm(dim=1).max()).double().mean() == pytest.approx(0.1, abs=0.003)
    # Equally probable rings: half of the points hold half of it.
    assert (inside < points.norm(dim=1).median()).double().mean() == pytest.approx(0.05, abs=0.003)


def test_rows_of_the_manifold_are_inside_and_far_ones_are_not() -> None:
    real = torch.rand(50, 2, generator=stream("real")).numpy()
    assert sample_quality.inside(real, real, 3).all()
    assert not sample_quality.inside(real + 100, real, 3).any()
    assert len(subset(5, 9, "x", 0)) == 5
