"""Every estimator given labels: exact log p(x|y), and the same value by each way to it."""

import math

import numpy as np
import pytest
import torch
from chains import SETTINGS, annealed
from conditional_models import (
    COINS,
    block_models,
    blocks,
    conditional,
    images_of_classes,
    linear_given_label,
)
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from vae_lab.evaluate.grid import exact_on_grid
from vae_lab.evaluate.marginal_likelihood import importance_weighted, noise_of_images
from vae_lab.evaluate.scores import score
from vae_lab.inference.best_posterior import OptimizationSettings, best_posterior, bound_of
from vae_lab.inference.completion.completions import complete
from vae_lab.inference.density import bound, log_density, masses
from vae_lab.inference.given_class import given_class
from vae_lab.inference.images import EvaluationImages
from vae_lab.inference.joint import log_likelihood_of_pairs
from vae_lab.inference.simulation import sandwich, simulate
from vae_lab.likelihoods import Bernoulli
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.vae import VAE

IMAGES = 12


@torch.no_grad()
def drawn_of(model: VAE, x: Tensor, labels: Tensor | None) -> EvaluationImages:
    rows = torch.arange(len(x))
    return EvaluationImages(x, model.encode(x, labels), rows, "test", len(x), labels)


def linear(shift: float, latent_dim: int = 2) -> tuple[VAE, EvaluationImages, np.ndarray]:
    """Returns a model, its images with labels, and their exact log p(x|y)."""
    model, exact = linear_given_label(latent_dim=latent_dim, posterior_shift=shift)
    x, labels = images_of_classes(IMAGES, exact)
    assert len(torch.unique(labels)) > 1
    return model, drawn_of(model, x, labels), log_p_given(exact, x, labels)


def log_p_given(exact: list[MultivariateNormal], x: Tensor, labels: Tensor) -> np.ndarray:
    values = [exact[y].log_prob(one.double().flatten()) for one, y in zip(x, labels, strict=True)]
    return torch.stack(values).numpy()


def on_grid(model: VAE, drawn: EvaluationImages) -> np.ndarray:
    return exact_on_grid(model, drawn, tolerance=0.01, max_points=300_000).log_likelihood


def weighted(model: VAE, drawn: EvaluationImages, num_samples: int) -> np.ndarray:
    found = importance_weighted(model, drawn, num_samples=num_samples, decoder_batch=50, seed=0)
    return found.log_likelihood


def test_grid_weights_annealing_and_lattice_are_the_exact_log_p_of_x_given_y() -> None:
    model, drawn, truth = linear(0.3)
    np.testing.assert_allclose(on_grid(model, drawn), truth, atol=2e-3)
    np.testing.assert_allclose(weighted(model, drawn, 3000), truth, atol=0.1)
    by_chains = annealed(model, drawn, 40, SETTINGS._replace(num_chains=20))
    np.testing.assert_allclose(by_chains.log_likelihood, truth, atol=0.15)
    found = masses(model, drawn.images, drawn.posterior, labels=drawn.labels)
    np.testing.assert_allclose([it.log_likelihood for it in found], truth, atol=2e-3)


def test_labels_of_other_classes_give_other_values() -> None:
    model, drawn, truth = linear(0.0)
    assert drawn.labels is not None
    wrong = drawn_of(model, drawn.images, (drawn.labels + 1) % 3)
    for values in (on_grid(model, wrong), weighted(model, wrong, 100)):
        assert abs(values - truth).min() > 0.01 and (values - truth).mean() < -1


class Bent(nn.Module):
    """A decoder that is not linear, and bends otherwise for each label."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(8)
        self.first = nn.Parameter(torch.randn(3, 2, 10, generator=generator))
        self.last = nn.Parameter(0.7 * torch.randn(10, 9, generator=generator))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        hidden = torch.einsum("bz,bzh->bh", z, self.first[labels]).tanh()
        return (hidden @ self.last).view(-1, 1, 3, 3)


class Wide(nn.Module):
    """An encoder that knows nothing, somewhat beside the prior."""

    def forward(self, x: Tensor, labels: Tensor) -> DiagonalGaussian:
        mean = (0.1 * labels)[:, None].expand(-1, 2)
        return DiagonalGaussian(mean, torch.zeros_like(mean))


def bent() -> tuple[VAE, EvaluationImages]:
    model = conditional(Wide(), Bent(), Bernoulli(), torch.tensor([0.5, 0.3, 0.2]), latent_dim=2)
    simulated = simulate(model, IMAGES, seed=3)
    labels = simulated.drawn.labels
    assert labels is not None and len(torch.unique(labels)) == 3
    return model, simulated.drawn


def test_grid_weights_and_annealing_agree_on_a_model_that_is_not_gaussian() -> None:
    model, drawn = bent()
    grid = on_grid(model, drawn)
    np.testing.assert_allclose(weighted(model, drawn, 6000), grid, atol=0.1)
    by_chains = annealed(model, drawn, 40, SETTINGS._replace(num_chains=30)).log_likelihood
    np.testing.assert_allclose(by_chains, grid, atol=0.3)
    assert by_chains.mean() == pytest.approx(grid.mean(), abs=0.06)


def test_pairs_are_those_of_the_class_of_each_image() -> None:
    model, drawn = bent()
    points = torch.randn(5, 2)
    assert drawn.labels is not None
    pairs = log_likelihood_of_pairs(model, points, drawn.images, drawn.labels)
    for k, label in enumerate(drawn.labels.tolist()):
        alone = log_likelihood_of_pairs(given_class(model, label), points, drawn.images[k, None])
        torch.testing.assert_close(pairs[:, k], alone[:, 0])


def test_the_model_of_a_class_is_that_of_images_with_its_label() -> None:
    model, drawn = bent()
    assert drawn.labels is not None
    for label in range(3):
        of_class, rows = given_class(model, label), drawn.labels == label
        assert not of_class.is_conditional and not of_class.training
        alone = drawn_of(of_class, drawn.images[rows], None)
        np.testing.assert_allclose(
            on_grid(of_class, alone), on_grid(model, drawn)[rows.numpy()], atol=1e-3
        )


def test_the_density_integrates_to_one_given_the_label_and_is_that_of_the_label() -> None:
    model, drawn = bent()
    assert drawn.labels is not None
    found = masses(model, drawn.images, drawn.posterior, labels=drawn.labels)
    for k in (0, 5):
        edges = [(-5.0, 5.0)] * 2
        values = log_density(
            model, drawn.images[k], found[k], edges, steps=80, label=drawn.labels[k, None]
        )
        assert (values.exp().sum() * (10 / 80) ** 2).item() == pytest.approx(1, abs=1e-2)
    exact = bound(model, drawn.images, drawn.posterior, drawn.labels)
    sampled = bound_of(
        model,
        drawn.images,
        drawn.posterior,
        lambda samples: noise_of_images("test", drawn, samples, 2, 0),
        range(4000),
        decoder_batch=500,
        labels=drawn.labels,
    )
    torch.testing.assert_close(exact, sampled, atol=0.1, rtol=0)


def test_the_best_posterior_given_y_is_the_exact_one() -> None:
    model, drawn, truth = linear(0.8)
    best = best_posterior(
        model,
        drawn.images,
        drawn.posterior,
        OptimizationSettings(steps=120, rate=0.1, samples=20),
        noise=lambda samples: noise_of_images("best", drawn, samples, 2, 0),
        decoder_batch=300,
        labels=drawn.labels,
    )
    reached = bound(model, drawn.images, best.posterior, drawn.labels).numpy()
    before = bound(model, drawn.images, drawn.posterior, drawn.labels).numpy()
    np.testing.assert_allclose(reached, truth, atol=0.01)
    assert (truth - before).min() > 1


def test_simulation_draws_a_class_and_the_sandwich_holds_log_p_of_x_given_y() -> None:
    model, exact = linear_given_label(latent_dim=2, posterior_shift=0.3)
    simulated = simulate(model, 200, seed=0)
    labels = simulated.drawn.labels
    assert labels is not None
    shares = torch.bincount(labels, minlength=3) / 200
    torch.testing.assert_close(shares, model.condition.shares, atol=0.11, rtol=0)
    few = simulate(model, 30, seed=0)
    path = annealed(model, few.drawn, 30).path
    bounds = sandwich(model, few, path, SETTINGS._replace(num_chains=20))
    assert few.drawn.labels is not None
    truth = log_p_given(exact, few.drawn.images, few.drawn.labels)
    assert bounds.lower.mean() < truth.mean() + 0.02 and truth.mean() < bounds.upper.mean() + 0.02
    assert bounds.upper.mean() - bounds.lower.mean() < 0.2


def test_scores_given_labels_are_those_of_the_bound() -> None:
    model, drawn, truth = linear(0.0)
    found = score(
        model, drawn.images, num_samples=50, seed=0, test_bounds=None, labels=drawn.labels
    )
    np.testing.assert_allclose(found.elbo, truth, atol=1.5)
    np.testing.assert_allclose(found.iw_bound, truth, atol=1e-4)
    [alone] = score(
        model, drawn.images[3:4], num_samples=50, seed=0, test_bounds=None,
        # There are labels.
        labels=drawn.labels[3:4],  # type: ignore[index]
    ).elbo  # fmt: skip
    assert alone == pytest.approx(found.elbo[3].item(), abs=1e-4)


def test_the_gain_of_a_known_block_is_its_entropy_by_the_grid_too() -> None:
    pixels, labels = blocks(16)
    given, free = block_models()
    x = pixels / 255
    with_label = on_grid(given, drawn_of(given, x, labels))
    without = exact_on_grid(
        free, drawn_of(free, x, None), tolerance=1e-4, max_points=4_000_000
    ).log_likelihood
    np.testing.assert_allclose(with_label, -COINS * math.log(2), atol=1e-4)
    np.testing.assert_allclose(with_label - without, 2 * math.log(2), atol=0.02)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("latent_dim", [2, 3])
def test_a_completion_given_a_class_has_the_exact_likelihood_of_what_is_seen(
    latent_dim: int,
) -> None:
    model, drawn, _ = linear(0.0, latent_dim)
    _, exact = linear_given_label(latent_dim=latent_dim, posterior_shift=0.0)
    x = drawn.images[0].clamp(0, 1)
    missing = torch.tensor([True, True, False, False, False, False]).view(1, 1, 6)
    seen = x.double().flatten()[2:]
    log_seen = torch.stack(
        [
            MultivariateNormal(it.loc[2:], it.covariance_matrix[2:, 2:]).log_prob(seen)
            for it in exact
        ]
    )
    for label in range(3):
        found = complete(model, x, missing, num_images=4, generator=generator(), label=label)
        assert found.log_likelihood == pytest.approx(log_seen[label].item(), abs=0.05)
        assert found.labels is not None and found.labels.tolist() == [label] * 4
        assert found.class_probabilities is None
    # Without a label: by the classes that are probable given what is seen.
    found = complete(model, x, missing, num_images=300, generator=generator())
    log_joint = log_seen + model.condition.shares.double().log()
    assert found.class_probabilities is not None and found.labels is not None
    torch.testing.assert_close(found.class_probabilities, log_joint.softmax(0), atol=0.02, rtol=0)
    shares = torch.bincount(found.labels, minlength=3) / 300
    torch.testing.assert_close(shares.double(), log_joint.softmax(0), atol=0.1, rtol=0)
    assert found.log_likelihood == pytest.approx(log_joint.logsumexp(0).item(), abs=0.05)
    assert (found.images[:, 0, 0, 2:] == x[0, 0, 2:]).all()
    assert found.warning is None
