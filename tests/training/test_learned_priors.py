"""Runs with another prior, likelihood and bound: estimated, drawn, evaluated, loaded."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_gaussian import GAIN, PIXELS, Affine, linear_gaussian, random
from runs import evaluated, train
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

import vae_lab
from vae_lab.evaluate.grid import GridIntegral, exact_on_grid
from vae_lab.evaluate.marginal_likelihood import importance_weighted
from vae_lab.inference.images import EvaluationImages
from vae_lab.likelihoods import Gaussian
from vae_lab.posteriors import DiagonalGaussian, Posterior
from vae_lab.priors import GaussianMixture
from vae_lab.random_streams import stream
from vae_lab.vae import VAE


def with_mixture() -> tuple[VAE, MixtureSameFamily]:
    """Returns a linear Gaussian model over a mixture of two Gaussians, and its exact p(x)."""
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    prior = GaussianMixture(latent_dim=2, num_components=2)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.5, -0.5]))
        prior.means.copy_(torch.tensor([[1.0, -0.5], [-1.5, 0.8]]))
        prior.log_vars.copy_(torch.tensor([[-1.0, 0.2], [0.3, -0.7]]))
    model.prior = prior
    return model, exact_of(model, *prior.components())


def exact_of(model: VAE, logits: Tensor, each: Posterior) -> MixtureSameFamily:
    """Returns the exact p(x) of a linear Gaussian model over a mixture of Gaussians."""
    assert isinstance(model.likelihood, Gaussian)
    scale = model.likelihood.log_scale.double().exp()
    weight, bias = (getattr(model.decoder, name).detach().double() for name in ("weight", "bias"))
    means = each.mean.detach().double() @ weight.T + bias
    variances = each.variance.detach().double()
    covariances = weight @ variances.diag_embed() @ weight.T + scale**2 * torch.eye(PIXELS)
    of_each = MultivariateNormal(means, covariances)
    return MixtureSameFamily(Categorical(logits=logits.detach().double()), of_each)


def stretched(reach: float, *, spread: float) -> VAE:
    """Returns a linear Gaussian model over a plane of codes as far away as `reach`.

    A code there moves the image by 0.3 of the pixel range, however far it is, and the likelihood
    alone tells it with a standard deviation of `spread`: that is what the encoder puts out.
    """
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    encoder, decoder, of_one = model.encoder, model.decoder, 0.3 / reach
    assert isinstance(encoder, Affine) and isinstance(decoder, Affine)
    assert encoder.log_var is not None
    with torch.no_grad():
        decoder.weight.mul_(of_one / GAIN)
        decoder.bias.fill_(0.5)
        encoder.weight.copy_(decoder.weight.T / of_one**2)
        encoder.bias.copy_(-encoder.weight @ decoder.bias)
        encoder.log_var.fill_(2 * math.log(spread))
    model.likelihood = Gaussian(scale=spread * of_one, learn_scale=False)
    return model


@torch.no_grad()
def drawn_at(model: VAE, z: Tensor) -> Tensor:
    """Returns images drawn from p(x|z) for codes z (N, 2), uint8 (N, 1, 1, PIXELS)."""
    assert isinstance(model.likelihood, Gaussian)
    mean = model.decoder(z)
    x = mean + model.likelihood.log_scale.exp() * random(*mean.shape, seed=2)
    return x.mul(255).round().to(torch.uint8)


def images() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (12, 1, 1, PIXELS), generator=generator, dtype=torch.uint8)


def drawn(model: VAE, x: Tensor) -> EvaluationImages:
    rows = torch.arange(len(x))
    return EvaluationImages(x / 255, model.encode_in_batches(x), rows, "test", len(x))


def on_grid(model: VAE, x: Tensor, *, tolerance: float, max_points: int) -> GridIntegral:
    return exact_on_grid(model, drawn(model, x), tolerance=tolerance, max_points=max_points)


def test_estimators_of_log_p_take_the_prior_that_is_there() -> None:
    model, exact = with_mixture()
    x = images()
    truth = exact.log_prob(x.double().flatten(1) / 255).numpy()
    grid = on_grid(model, x, tolerance=0.001, max_points=600**2)
    np.testing.assert_allclose(grid.log_likelihood, truth, atol=1e-3)
    found = importance_weighted(
        model, drawn(model, x), num_samples=4000, decoder_batch=4000, seed=0
    )
    # A mean over images and 4,000 draws: wrong by 0.01 or so.
    assert found.log_likelihood.mean() == pytest.approx(truth.mean(), abs=0.05)


@pytest.mark.parametrize(
    ("distance", "logits"), [(5.0, [0.0, 0.0]), (25.0, [0.0, 0.0]), (25.0, [7.0, 0.0])]
)
def test_the_grid_reaches_every_component_of_the_prior(
    distance: float, logits: list[float]
) -> None:
    model = stretched(distance, spread=0.6)
    prior = GaussianMixture(latent_dim=2, num_components=2)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor(logits))
        prior.means.copy_(torch.tensor([[distance, 0.0], [-distance, 0.0]]))
    model.prior = prior
    x = drawn_at(model, prior.means.detach().repeat(3, 1) + random(6, 2, seed=1))
    exact = exact_of(model, *prior.components())
    truth = exact.log_prob(x.double().flatten(1) / 255).numpy()
    grid = on_grid(model, x, tolerance=0.001, max_points=257**2)
    np.testing.assert_allclose(grid.log_likelihood, truth, atol=2e-3)
    assert grid.last_change < 0.001 and distance < grid.extent < distance + 8


def test_the_grid_reaches_codes_that_the_prior_does_not() -> None:
    model = stretched(25.0, spread=0.3)
    x = drawn_at(model, torch.tensor([[25.0, 0.0], [0.0, -25.0], [1.0, 1.0]]))
    normal = torch.zeros(1), DiagonalGaussian(torch.zeros(1, 2), torch.zeros(1, 2))
    truth = exact_of(model, *normal).log_prob(x.double().flatten(1) / 255).numpy()
    grid = on_grid(model, x, tolerance=0.001, max_points=257**2)
    # Of numbers around -280, from a decoder in single precision.
    np.testing.assert_allclose(grid.log_likelihood, truth, atol=1e-2)
    assert grid.last_change < 0.001


def test_a_posterior_wider_than_the_prior_leaves_the_grid_fine() -> None:
    model = stretched(5.0, spread=0.6)
    model.encoder.load_state_dict({"log_var": torch.full((2,), 20.0)}, strict=False)
    x = drawn_at(model, torch.zeros(2, 2))
    grid = on_grid(model, x, tolerance=1.0, max_points=33**2)
    assert grid.extent < 6 + 6 + 2


def test_the_bound_with_an_estimated_kl_lies_below_the_log_likelihood() -> None:
    model, exact = with_mixture()
    x = images().float() / 255
    _, terms = model.score(x, random(4000, 12, 2, seed=7))
    truth = exact.log_prob(x.double().flatten(1))
    assert (terms.elbo() < truth + 0.05).all()
    assert (truth - terms.elbo()).mean() > 0.1, "this posterior is that of another prior"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    _, folder = train(
        tmp_path_factory.mktemp("learned"), "prior=vamp", "prior.num_components=7",
        "objective=iwae", "objective.num_samples=3", "likelihood=discretized_logistic",
        "likelihood.learn_scale=true", "report.num_images=10", "report.num_train=50",
        "report.num_generated=20", "report.num_pairs=4",
    )  # fmt: skip
    return folder


def test_a_run_says_which_bound_it_is_and_from_what_its_kl_per_dimension_is(
    run_folder: Path,
) -> None:
    result = json.loads((run_folder / "result.json").read_text())
    assert result["protocol"]["bound"] == "importance-weighted"
    assert result["protocol"]["num_samples"] == 3
    assert result["latent"]["kl_reference"] == "aggregate posterior"
    assert all(kl >= 0 for kl in result["latent"]["kl_per_dimension"])
    metrics = result["metrics"]
    assert metrics["elbo/test"] == pytest.approx(-(metrics["recon/test"] + metrics["kl/test"]))
    assert metrics["loss/test"] == pytest.approx(-metrics["elbo/test"], rel=1e-5)
    assert (run_folder / "figures" / "latent_map_0002.png").exists()


def test_a_learned_prior_is_evaluated_and_loaded(run_folder: Path) -> None:
    found = evaluated(run_folder, "grid_points=5000")["numbers"]
    # A likelihood of grey images, so no name says otherwise; and the card's bound is the ELBO.
    assert {"elbo", "iw_bound", "exact"} <= set(found)
    values = {name: number["value"] for name, number in found.items()}
    assert all(math.isfinite(value) for value in values.values())
    own = json.loads((run_folder / "result.json").read_text())["metrics"]["elbo/test"]
    assert values["elbo"] < own, "three weighted draws are worth more than their mean"
    vae = vae_lab.load(run_folder, trust=True)
    drawn = vae.sample(5, seed=0)
    assert torch.equal(drawn, vae.sample(5, seed=0))
    expected = vae.decode(vae.model.prior.sample(5, stream("sample", 0)))
    torch.testing.assert_close(drawn, expected)
    assert ((drawn >= 0) & (drawn <= 1)).all(), "the mean of levels is one of their range"
    one = vae.log_likelihood(drawn, num_samples=4, seed=0)
    assert one.shape == (5,) and one.isfinite().all()
