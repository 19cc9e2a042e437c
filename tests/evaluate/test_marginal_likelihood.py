"""The estimators against a model whose log p(x) is known exactly, and at their extremes."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from linear_gaussian import GAIN, PIXELS, PRECISION, SCALE, Counting, linear_gaussian
from linear_gaussian import log_likelihood as exact_log_likelihood
from torch import Tensor, nn

from vae_lab import environment
from vae_lab.evaluate import grid
from vae_lab.evaluate.bound import bound_per_image
from vae_lab.evaluate.grid import GridIntegral, exact_on_grid
from vae_lab.evaluate.latent_space import information
from vae_lab.evaluate.marginal_likelihood import ImportanceWeighted, importance_weighted
from vae_lab.inference.images import EvaluationImages
from vae_lab.inference.joint import log_weights
from vae_lab.likelihoods import Bernoulli, Gaussian
from vae_lab.objectives.elbo import Elbo
from vae_lab.posteriors import DiagonalGaussian
from vae_lab.priors import StandardNormal
from vae_lab.random_streams import stream, stream_seed
from vae_lab.vae import VAE, Optimization

IMAGES = 60


def bytes_of(count: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


@torch.no_grad()
def drawn(model: VAE, images: Tensor, rows: Tensor) -> EvaluationImages:
    x = images[rows] / 255
    return EvaluationImages(x, model.encode(x), rows, "test", len(images))


def weighted(
    model: VAE,
    images: Tensor | EvaluationImages,
    num_samples: int,
    *,
    batch: int = 2000,
    seed: int = 0,
) -> ImportanceWeighted:
    if isinstance(images, Tensor):
        images = drawn(model, images, torch.arange(len(images)))
    return importance_weighted(
        model, images, num_samples=num_samples, decoder_batch=batch, seed=seed
    )


def on_grid(model: VAE, images: Tensor, *, tolerance: float, max_points: int) -> GridIntegral:
    every = drawn(model, images, torch.arange(len(images)))
    return exact_on_grid(model, every, tolerance=tolerance, max_points=max_points)


def test_the_weighted_bound_rises_with_the_samples_towards_the_exact_log_likelihood() -> None:
    model, exact = linear_gaussian(latent_dim=3, posterior_shift=0.2)
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    truth = exact_log_likelihood(exact, images / 255).mean().item()
    estimates = [weighted(model, images, k) for k in (1, 10, 100, 2000)]
    means = [float(one.log_likelihood.mean()) for one in estimates]
    assert means[0] < means[1] < means[2]
    # The log-weights have a variance of 0.72, so the weights one of e^0.72 - 1 = 1.05, of which
    # means of 2,000 have sqrt(1.05 / 2000), and the mean over 60 images of their logs 0.003.
    assert means[3] > means[2] - 3 * 0.013
    assert means[-1] == pytest.approx(truth, abs=4 * 0.003)
    # KL of two Gaussians that differ in mean alone: the gap of the bound.
    gap = 0.5 * 3 * 0.2**2 * PRECISION
    spread = math.sqrt(2 * gap / IMAGES)  # log-weights have twice the gap as variance
    assert means[0] == pytest.approx(truth - gap, abs=4 * spread)


def too_narrow() -> VAE:
    """A model whose posteriors are narrower than the exact ones: its weights have a heavy tail."""
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    with torch.no_grad():
        # With a fifth of the variance the tail of the weights has k = 1 - 1/5.
        model.encoder.get_parameter("log_var").sub_(math.log(5))
    return model


@pytest.mark.parametrize("tail", ["light", "heavy"])
def test_the_monte_carlo_error_is_the_deviation_over_repetitions(tail: str) -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.2)
    model = too_narrow() if tail == "heavy" else model
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    estimates = [weighted(model, images, 50, seed=seed) for seed in range(60)]
    deviation = np.std([one.log_likelihood.mean() for one in estimates], ddof=1)
    stated = [one.monte_carlo_error() for one in estimates]
    assert np.mean([error for error in stated if error]) == pytest.approx(deviation, rel=0.25)
    assert weighted(model, images, 1).monte_carlo_error() is None


def test_what_is_said_of_the_weights_is_what_they_are() -> None:
    model, images = too_narrow(), bytes_of(IMAGES, 1, 1, PIXELS)
    noise = torch.stack([
        torch.randn(IMAGES, 2, generator=stream("iw", "test", 0, k)) for k in range(40)
    ])  # fmt: skip
    x = images.float() / 255
    with torch.no_grad():
        log_w = log_weights(model, x, model.encode(x), noise).numpy()
    weights = np.exp(log_w)
    details = weighted(model, images, 40, batch=97).details()
    effective = weights.sum(axis=0) ** 2 / np.square(weights).sum(axis=0)
    assert details["smallest_effective_samples"] == pytest.approx(effective.min(), rel=1e-3)
    assert details["median_effective_samples"] == pytest.approx(np.median(effective), rel=1e-3)
    tenth = np.quantile(effective, 0.1)
    assert details["tenth_percentile_effective_samples"] == pytest.approx(tenth, rel=1e-3)
    half = np.log(weights[:20].mean(axis=0)).mean()
    assert details["with_half_the_samples"] == pytest.approx(half, abs=1e-3)


def test_a_bound_that_still_rises_says_so_and_one_that_has_come_to_rest_does_not() -> None:
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.4)
    assert "still rising, by 0." in weighted(model, images, 6).details()["warning"]
    details = weighted(too_narrow(), images, 50).details()
    assert details["share_of_heavy_tails"] > 0.1 and "too heavy a tail" in details["warning"]
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.1)
    assert "warning" not in weighted(model, images, 2000).details()


def test_one_sample_equals_the_bound_in_mean() -> None:
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.2)
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    singles = [weighted(model, images, 1, seed=s).log_likelihood for s in range(300)]
    single = np.mean(singles, axis=0)
    bound = bound_per_image(model, images, num_samples=4000, batch_size=60, split="test").elbo
    difference = single - bound
    error = difference.std(ddof=1) / math.sqrt(IMAGES)
    assert abs(difference.mean()) < 4 * error
    assert error < 0.012


def test_an_exact_posterior_gives_the_exact_figure_from_one_sample() -> None:
    model, exact = linear_gaussian(latent_dim=3, posterior_shift=0.0)
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    truth = exact_log_likelihood(exact, images / 255).numpy()
    one = weighted(model, images, 1)
    np.testing.assert_allclose(one.log_likelihood, truth, atol=1e-4)
    many = weighted(model, images, 50)
    np.testing.assert_allclose(many.effective_samples, 50, rtol=1e-5)
    details = many.details()
    assert details["monte_carlo_error"] < 1e-4
    assert "warning" not in details
    assert np.isnan(many.pareto_k).all(), "equal weights have no tail"


@pytest.mark.parametrize("num_samples", [1, 7, 100])
@pytest.mark.parametrize("batch", [1, 13, 60, 500])
def test_the_sample_count_is_exact_and_the_memory_bounded(num_samples: int, batch: int) -> None:
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.2)
    model.decoder = decoder = Counting(model.decoder)
    found = weighted(model, bytes_of(10, 1, 1, PIXELS), num_samples, batch=batch)
    assert decoder.total == 10 * num_samples
    assert decoder.most <= batch
    assert found.num_samples == num_samples


@pytest.mark.parametrize("batch", [1, 7, 60, 100, 10_000])
def test_no_batch_split_changes_an_estimate(batch: int) -> None:
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.2)
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    expected = weighted(model, images, 20, batch=33).log_likelihood
    np.testing.assert_allclose(
        weighted(model, images, 20, batch=batch).log_likelihood, expected, atol=1e-4
    )


def test_a_subset_and_a_smaller_k_use_the_same_noise() -> None:
    model, _ = linear_gaussian(latent_dim=3, posterior_shift=0.2)
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    rows = torch.tensor([3, 17, 59])
    some = drawn(model, images, rows)
    whole = weighted(model, images, 20).log_likelihood
    np.testing.assert_allclose(weighted(model, some, 20).log_likelihood, whole[rows], atol=1e-4)
    assert not np.allclose(weighted(model, images, 20, seed=1).log_likelihood, whole, atol=1e-4)


def test_the_grid_gives_the_exact_figure() -> None:
    model, exact = linear_gaussian(latent_dim=2, posterior_shift=0.3)
    images = bytes_of(IMAGES, 1, 1, PIXELS)
    found = on_grid(model, images, tolerance=0.01, max_points=2**20)
    truth = exact_log_likelihood(exact, images / 255).numpy()
    np.testing.assert_allclose(found.log_likelihood, truth, atol=1e-3)
    assert found.last_change < 0.01
    coarse = on_grid(model, images, tolerance=1e-9, max_points=33**2)
    assert (coarse.num_points, coarse.last_change) == (33**2, math.inf)


def test_a_grid_whose_changes_cancel_over_the_images_has_not_converged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.0)
    images = bytes_of(2, 1, 1, PIXELS)
    sums: list[float] = []

    def log_sum_over(model: VAE, points: Tensor, x: Tensor, labels: None) -> Tensor:
        # Each halving of the spacing quarters the area of a cell. The sum of the first image grows
        # sixteenfold, so its estimate moves up by log 4; that of the second gets nothing.
        sums.append(0.0 if not sums else sums[-1] + math.log(16))
        added = sums[-1] + math.log(15 / 16) if len(sums) > 1 else 0.0
        return torch.tensor([added, 0.0 if len(sums) == 1 else -math.inf]).double()

    monkeypatch.setattr(grid, "_log_sum_over", log_sum_over)
    found = on_grid(model, images, tolerance=1.0, max_points=300**2)
    assert len(sums) == 4, "up to the most points"
    assert found.last_change == pytest.approx(math.log(4))


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(scale=0.3, learn_scale=False)])
def test_pairs_equal_one_by_one(likelihood: Bernoulli | Gaussian) -> None:
    outputs = torch.randn(4, 1, 2, 3, generator=stream("outputs"))
    x = torch.rand(5, 1, 2, 3, generator=stream("x"))
    expected = likelihood.log_prob(outputs.unsqueeze(1).expand(4, 5, 1, 2, 3), x)
    torch.testing.assert_close(likelihood.log_prob_of_pairs(outputs, x), expected)


class Fixed(nn.Module):
    """An encoder that gives every image the same posterior."""

    def __init__(self, log_var: float, latent_dim: int) -> None:
        super().__init__()
        self.log_var, self.latent_dim = log_var, latent_dim

    def forward(self, x: Tensor) -> DiagonalGaussian:
        mean = torch.zeros(len(x), self.latent_dim)
        return DiagonalGaussian(mean, torch.full_like(mean, self.log_var))


def extreme(latent_dim: int, log_var: float) -> VAE:
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(latent_dim, 4), nn.Tanh(), nn.Unflatten(1, (1, 2, 2)))
    return VAE(
        encoder=Fixed(log_var, latent_dim),
        decoder=decoder,
        prior=StandardNormal(latent_dim=latent_dim),
        likelihood=Bernoulli(),
        objective=Elbo(beta=1.0, num_samples=1),
        optimization=Optimization(torch.optim.Adam, lambda progress: 1.0),
        latent_dim=latent_dim,
        seed=0,
    ).eval()


@pytest.mark.parametrize("latent_dim", [1, 512])
@pytest.mark.parametrize("log_var", [-50.0, 0.0, 50.0])
@pytest.mark.parametrize("count", [1, 3])
def test_extremes_stay_finite(latent_dim: int, log_var: float, count: int) -> None:
    model = extreme(latent_dim, log_var)
    images = torch.tensor([0, 255, 0, 255], dtype=torch.uint8).view(1, 1, 2, 2)
    images = images.expand(count, 1, 2, 2)
    bound = bound_per_image(model, images, num_samples=1, batch_size=2, split="test")
    estimate = weighted(model, images, 3, batch=2)
    for values in (bound.elbo, bound.recon, bound.kl, estimate.log_likelihood):
        assert values.shape == (count,)
        assert np.isfinite(values).all()
    assert (bound.kl >= 0).all()
    # KL(N(0, v) || N(0, 1)) = (v - 1 - log v) / 2 per dimension.
    kl = 0.5 * latent_dim * (math.exp(log_var) - 1 - log_var)
    np.testing.assert_allclose(bound.kl, kl, rtol=1e-5)
    if log_var == 0:
        # The posterior is the prior: each weight is p(x|z), at most 1.
        assert (estimate.log_likelihood < 0).all()


def test_the_weights_survive_a_posterior_narrower_than_the_rounding_of_its_mean() -> None:
    model = extreme(1, -50.0)
    images = torch.tensor([0, 255, 0, 255], dtype=torch.uint8).view(1, 1, 2, 2)
    shifted = model.encoder
    shifted.forward = lambda x: DiagonalGaussian(
        torch.full((len(x), 1), 1.5), torch.full((len(x), 1), -50.0)
    )
    noise = torch.randn(1, 1, generator=stream("iw", "test", 0, 0)).double()
    log_p = model.likelihood.log_prob(
        model.decoder(torch.full((1, 1), 1.5)).unsqueeze(0), images.float() / 255
    ).item()
    log_prior = -0.5 * (1.5**2 + math.log(2 * math.pi))
    log_q = -0.5 * (noise.item() ** 2 - 50 + math.log(2 * math.pi))
    found = weighted(model, images, 1).log_likelihood[0]
    assert found == pytest.approx(log_p + log_prior - log_q, abs=1e-4)


@pytest.fixture
def watched() -> Iterator[VAE]:
    """A model of which nothing may change: weights, modes, gradients, torch's own generator."""
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.3)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    # numpy types the state as a tuple or a dictionary.
    numpy_state = np.random.get_state()[1].copy()  # type: ignore[index]
    yield model
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(state, torch.get_rng_state())
    # See above.
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # type: ignore[index]


def test_evaluation_moves_no_state(watched: VAE) -> None:
    images = bytes_of(20, 1, 1, PIXELS)
    bound = bound_per_image(watched, images, num_samples=2, batch_size=7, split="test")
    assert np.isfinite(bound.elbo).all()
    weighted(watched, images, 5)
    on_grid(watched, images, tolerance=0.1, max_points=65**2)
    posterior = watched.encode_in_batches(images)
    information(posterior, torch.ones(20).double(), seed=0)


def test_sampling_does_not_depend_on_train_or_eval_mode() -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.3)
    images = bytes_of(20, 1, 1, PIXELS)
    both = [
        bound_per_image(model.train(mode), images, num_samples=1, batch_size=7, split="test").elbo
        for mode in (True, False)
    ]
    np.testing.assert_array_equal(both[0], both[1])
    at_mean = model.score(images.float() / 255, torch.zeros(1, 20, 2))[1].elbo()
    # The sampled bound is lower by the curvature of log p(x|z), Z g^2 / (2 s^2 precision).
    lower = 2 * GAIN**2 / (2 * SCALE**2 * PRECISION)
    assert at_mean.mean().item() - both[0].mean() == pytest.approx(lower, abs=0.7)


def test_streams_have_names_of_their_own() -> None:
    assert stream_seed("iw", "test", 0, 1) != stream_seed("iw", "test", 0, 11)


@pytest.mark.golden
def test_five_thousand_samples_of_ten_thousand_images_fit_in_bounded_memory() -> None:
    model, exact = linear_gaussian(latent_dim=3, posterior_shift=0.2)
    images = bytes_of(10_000, 1, 1, PIXELS)
    weighted(model, images, 2)
    if not environment.reset_peak_memory():
        pytest.skip("the system does not tell a new peak")
    before = environment.peak_memory_mb()
    found = weighted(model, images, 5000)
    after = environment.peak_memory_mb()
    assert before is not None and after is not None
    # All weights at once would be 400 MB, their noise 600 MB.
    assert after - before < 50
    truth = exact_log_likelihood(exact, images / 255).mean().item()
    # As above: sqrt(1.05 / 5000 / 10000) = 1.4e-4, and the rounding of the decoder.
    assert float(found.log_likelihood.mean()) == pytest.approx(truth, abs=1e-3)
