"""Objectives against exact models, closed forms and brute force."""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from linear_gaussian import PIXELS, linear_gaussian, log_likelihood, random
from omegaconf import OmegaConf
from torch import Tensor

from vae_lab.config import compose
from vae_lab.config.instantiate import locate
from vae_lab.epochs import EpochSums
from vae_lab.errors import UserError
from vae_lab.evaluate.bound import bound_per_image
from vae_lab.objectives.base import Draws, Objective
from vae_lab.objectives.beta_tc import BetaTC, stratified_weights, total_correlation
from vae_lab.objectives.elbo import CapacityElbo, CyclicElbo, Elbo, FreeBitsElbo, WarmUpElbo
from vae_lab.objectives.iwae import Iwae
from vae_lab.objectives.mmd import Mmd, mmd
from vae_lab.posteriors import DiagonalGaussian, kl_to_aggregate, of_images
from vae_lab.priors import GaussianMixture, StandardNormal
from vae_lab.random_streams import stream
from vae_lab.vae import VAE

BATCH, LATENT = 5, 3
PRIOR = StandardNormal(latent_dim=LATENT)


def draws(num_samples: int = 1, *, batch: int = BATCH) -> Draws:
    posterior = DiagonalGaussian(random(batch, LATENT, seed=1), random(batch, LATENT, seed=2))
    noise = random(num_samples, batch, LATENT, seed=3)
    log_likelihood = -50 + random(num_samples, batch, seed=4)
    return Draws(posterior, noise, posterior.sample(noise), log_likelihood, stream("test"))


def iwae(num_samples: int, *, doubly: bool = False) -> Iwae:
    return Iwae(num_samples=num_samples, doubly_reparameterised=doubly)


# Warm-up, free bits, capacity.


def test_cyclic_warm_up_starts_again_and_stays_at_beta_in_between() -> None:
    objective = CyclicElbo(beta=4.0, num_samples=1, warmup=0.5, cycles=2)
    shares = (0, 0.125, 0.25, 0.49, 0.5, 0.625, 0.99, 1)
    assert [objective.at(share).beta for share in shares] == [0, 2, 4, 4, 0, 2, 4, 4]
    assert objective.beta == 4


def test_free_bits_cost_nothing_below_them_and_the_kl_above() -> None:
    given = draws()
    kl = PRIOR.kl(given.posterior).mean(dim=0)
    free = float(kl.sort().values[1]) + 1e-3  # two dimensions are below
    loss, terms = FreeBitsElbo(beta=2.0, num_samples=1, free_bits=free)(given, PRIOR)
    expected = 2 * kl.clamp(min=free).sum() - given.log_likelihood.mean()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(terms.kl, PRIOR.kl(given.posterior).sum(dim=1))
    plain, _ = Elbo(beta=2.0, num_samples=1)(given, PRIOR)
    none, _ = FreeBitsElbo(beta=2.0, num_samples=1, free_bits=0.0)(given, PRIOR)
    torch.testing.assert_close(none, plain)


def test_nothing_pushes_a_dimension_below_its_free_bits_towards_the_prior() -> None:
    mean, log_var = random(BATCH, LATENT, seed=1).requires_grad_(), random(BATCH, LATENT, seed=2)
    posterior = DiagonalGaussian(mean, log_var)
    kl = PRIOR.kl(posterior).mean(dim=0)
    free = float(kl.detach().sort().values[1]) + 1e-3
    noise = torch.zeros(1, BATCH, LATENT)
    given = Draws(posterior, noise, mean.unsqueeze(0), torch.zeros(1, BATCH), stream("test"))
    loss, _ = FreeBitsElbo(beta=1.0, num_samples=1, free_bits=free)(given, PRIOR)
    (gradient,) = torch.autograd.grad(loss, mean)
    for dimension in range(LATENT):
        column = gradient[:, dimension]
        expected = torch.zeros(BATCH) if kl[dimension] < free else mean[:, dimension] / BATCH
        torch.testing.assert_close(column, expected, rtol=1e-5, atol=1e-7)


def test_free_bits_without_a_kl_per_dimension_take_the_aggregate_posterior_and_say_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    prior, given = GaussianMixture(latent_dim=LATENT, num_components=2), draws()
    objective = FreeBitsElbo(beta=1.0, num_samples=1, free_bits=100.0)
    for _ in range(2):
        loss, terms = objective(given, prior)
    assert caplog.text.count("free bits are counted in the KL from the aggregate posterior") == 1
    short = 100 * LATENT - kl_to_aggregate(given.posterior).mean(dim=0).sum()
    torch.testing.assert_close(loss, -terms.elbo().mean() + short)


def test_the_capacity_is_what_the_kl_is_held_at() -> None:
    given = draws()
    objective = CapacityElbo(beta=7.0, num_samples=1, capacity=1.2, warmup=0.5)
    assert [objective.at(progress).capacity for progress in (0, 0.25, 0.5, 1)] == [0, 0.6, 1.2, 1.2]
    loss, terms = objective(given, PRIOR)
    assert terms.kl.min() < 1.2 < terms.kl.max(), "a mean of distances is another number"
    expected = 7 * abs(terms.kl.mean().item() - 1.2) - given.log_likelihood.mean().item()
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["capacity", "free_bits"])
def test_the_loss_of_a_split_follows_from_the_mean_kl_over_all_of_its_images(name: str) -> None:
    objective: Objective = CapacityElbo(beta=7.0, num_samples=1, capacity=4.0, warmup=0.5)
    if name == "free_bits":
        objective = FreeBitsElbo(beta=2.0, num_samples=1, free_bits=2.0)
    model, _ = linear_gaussian(latent_dim=LATENT, posterior_shift=0.25)
    model.objective = objective
    pixels = torch.randint(0, 256, (60, 1, 1, PIXELS), generator=stream("pixels")).byte()
    found = [
        bound_per_image(model, pixels, num_samples=1, batch_size=size, split="test").loss
        for size in (60, 25, 7, 1)
    ]
    assert found == pytest.approx([found[0]] * 4, rel=1e-6)
    sums = EpochSums(torch.device("cpu"), objective.loss)
    noise = torch.randn(1, 60, LATENT, generator=stream("test"))
    for rows in torch.arange(60).split(13):
        sums.add(*model.score(pixels[rows] / 255, noise[:, rows], objective.means))
    trainer: Any = SimpleNamespace(strategy=SimpleNamespace(reduce=lambda one, reduce_op: one))
    metrics = sums.metrics(trainer, "test", {})
    assert metrics["loss/test"] == pytest.approx(found[0], rel=1e-6)
    whole = model.score(pixels / 255, noise, objective)[0].item()
    assert whole == pytest.approx(found[0], rel=1e-5)


# Importance weighting.


def images() -> tuple[Tensor, Tensor]:
    x = random(BATCH, PIXELS, seed=21, dtype=torch.float64)
    return x.float().view(BATCH, 1, 1, PIXELS), x


def test_the_iwae_bound_rises_with_k_towards_the_exact_log_likelihood() -> None:
    model, exact = linear_gaussian(latent_dim=LATENT, posterior_shift=0.25)
    x, doubles = images()
    truth, repeats = log_likelihood(exact, doubles).mean().item(), 400
    found, errors = [], []
    for k in (1, 5, 50, 2000):
        count = repeats if k < 2000 else 20
        many = x.repeat(count, 1, 1, 1)
        loss, terms = model.score(many, random(k, len(many), LATENT, seed=k), iwae(k))
        assert loss.item() == pytest.approx(-terms.elbo().mean().item(), abs=1e-4)
        of_repeat = terms.elbo().view(count, BATCH).mean(dim=1)
        found.append(of_repeat.mean().item())
        errors.append((of_repeat.std() / math.sqrt(count)).item())
    assert found == sorted(found)
    for low, high, error in zip(found, found[1:], errors, strict=False):
        assert high - low > 4 * error
    assert found[-1] == pytest.approx(truth, abs=4 * errors[-1] + 2e-3)
    assert found[0] < truth - 0.9 and errors[-1] < 0.02


def test_iwae_with_one_sample_is_the_elbo_with_its_kl_estimated() -> None:
    given = draws(1)
    loss, terms = iwae(1)(given, PRIOR)
    kl = given.posterior.log_prob(given.z) - PRIOR.log_prob(given.z)
    torch.testing.assert_close(terms.kl, kl[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(terms.log_likelihood, given.log_likelihood[0])
    torch.testing.assert_close(loss, (kl - given.log_likelihood).mean())


def test_the_iwae_terms_are_those_of_the_weighted_posterior() -> None:
    given = draws(6)
    _, terms = iwae(6)(given, PRIOR)
    log_ratio = PRIOR.log_prob(given.z) - given.posterior.log_prob(given.z)
    weights = (given.log_likelihood + log_ratio).softmax(dim=0)
    torch.testing.assert_close(terms.log_likelihood, (weights * given.log_likelihood).sum(0))
    # KL of the resampled draws: log q + log(K weight) - log p, averaged by the weights.
    kl = (weights * (math.log(6) + weights.log() - log_ratio)).sum(dim=0)
    torch.testing.assert_close(terms.kl, kl, rtol=1e-4, atol=1e-4)


def gradients(model: VAE, x: Tensor, *, k: int, doubly: bool, repeats: int) -> dict[str, Tensor]:
    """Returns the gradient of each parameter in many repetitions, (repeats, size)."""
    found: dict[str, list[Tensor]] = {name: [] for name, _ in model.named_parameters()}
    for repeat in range(repeats):
        model.zero_grad()
        noise = random(k, len(x), LATENT, seed=1000 + repeat)
        loss, _ = model.score(x, noise, iwae(k, doubly=doubly))
        torch.autograd.backward(loss)
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None
            found[name].append(parameter.grad.flatten().clone())
    return {name: torch.stack(values).double() for name, values in found.items()}


def test_the_two_gradient_estimators_of_iwae_agree_in_mean() -> None:
    model, _ = linear_gaussian(latent_dim=LATENT, posterior_shift=0.3)
    x, _ = images()
    # Each repetition is 200 copies of the images, with noise of their own.
    many = x.repeat(200, 1, 1, 1)
    plain, doubly = (gradients(model, many, k=8, doubly=one, repeats=40) for one in (False, True))
    for name, values in plain.items():
        error = (values.var(dim=0) + doubly[name].var(dim=0)).div(len(values)).sqrt()
        difference = (values.mean(dim=0) - doubly[name].mean(dim=0)).abs()
        assert (difference <= 4.5 * error + 1e-7).all(), name
        assert values.mean(dim=0).norm() > 8 * error.norm(), f"{name}: nothing was compared"
    # The same for the decoder, draw by draw; less noise for the encoder.
    torch.testing.assert_close(plain["decoder.weight"], doubly["decoder.weight"])
    noise = [one["encoder.bias"].var(dim=0).sum() for one in (plain, doubly)]
    assert noise[1] < 0.5 * noise[0]


def test_where_the_posterior_is_exact_the_doubly_reparameterised_gradient_has_no_noise() -> None:
    model, _ = linear_gaussian(latent_dim=LATENT, posterior_shift=0.0)
    x, _ = images()
    plain, doubly = (gradients(model, x, k=8, doubly=one, repeats=3) for one in (False, True))
    assert doubly["encoder.weight"].abs().max() < 1e-4
    assert plain["encoder.weight"].abs().max() > 1e-2


# The aggregate posterior.


def test_stratified_weights_estimate_the_aggregate_without_bias() -> None:
    """Over all batches with the image itself in place i, the mean is that over the data set."""
    total, batch = 5, 3
    density = torch.rand(total, generator=torch.Generator().manual_seed(1)).double()
    weights = stratified_weights(batch, total).double()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(batch).double())
    for row in range(batch):
        found = []
        for others in itertools.permutations(range(1, total), batch - 1):
            chosen = list(others)
            chosen.insert(row, 0)
            found.append((weights[row] * density[chosen]).sum())
        assert torch.stack(found).mean().item() == pytest.approx(density.mean().item())
    assert weights.diagonal().tolist() == pytest.approx([1 / total] * batch)


def test_the_total_correlation_of_a_known_gaussian_is_recovered() -> None:
    # z|x = N(x, v I) with x ~ N(0, S): q(z) is N(0, S + v I).
    generator, count, variance = torch.Generator().manual_seed(2), 3000, 0.3
    factor = torch.tensor([[1.0, 0.0], [0.8, 0.6]], dtype=torch.float64)
    mean = torch.randn(count, 2, generator=generator, dtype=torch.float64) @ factor.T
    posterior = DiagonalGaussian(mean, torch.full_like(mean, math.log(variance)))
    z = posterior.sample(torch.randn(mean.shape, generator=generator, dtype=torch.float64))
    covariance = factor @ factor.T + variance * torch.eye(2)
    truth = 0.5 * (covariance.diagonal().log().sum() - torch.logdet(covariance)).item()
    assert truth > 0.2
    assert total_correlation(posterior, z, count).item() == pytest.approx(truth, abs=0.03)
    # Batches of 300 of the 3,000.
    parts = [
        total_correlation(of_images(posterior, rows), z[rows], count).item()
        for rows in torch.arange(count).split(300)
    ]
    assert sum(parts) / len(parts) == pytest.approx(truth, abs=0.06)


def test_total_correlation_by_brute_force() -> None:
    given = draws(batch=4)
    weights = stratified_weights(4, 9)
    z, (mean, log_var) = given.z[0], given.posterior
    values = []
    for i in range(4):
        each = torch.stack([
            torch.distributions.Normal(mean[j], (0.5 * log_var[j]).exp()).log_prob(z[i]).exp()
            for j in range(4)
        ])  # fmt: skip
        joint = (weights[i] * each.prod(dim=1)).sum().log()
        values.append(joint - (weights[i][:, None] * each).sum(dim=0).log().sum())
    found = total_correlation(given.posterior, z, 9)
    torch.testing.assert_close(found, torch.stack(values).mean())
    assert total_correlation(DiagonalGaussian(mean[:1], log_var[:1]), z[:1], 9).item() == 0


def test_beta_tc_is_the_elbo_plus_the_rest_of_beta_times_the_total_correlation() -> None:
    given = draws(2)
    plain, expected = Elbo(beta=1.0, num_samples=2)(given, PRIOR)
    correlation = sum(total_correlation(given.posterior, z, 100).item() for z in given.z) / 2
    for beta in (1.0, 6.0):
        objective = BetaTC(beta=beta, num_samples=2)
        objective.begin(100, 4)
        loss, terms = objective(given, PRIOR)
        assert loss.item() == pytest.approx(plain.item() + (beta - 1) * correlation, rel=1e-6)
        torch.testing.assert_close(terms, expected)


@pytest.mark.parametrize("objective", [
    BetaTC(beta=6.0, num_samples=1),
    Mmd(alpha=0.5, mmd_weight=500.0, bandwidth=1.0, num_samples=1),
])  # fmt: skip
def test_from_one_image_at_once_no_aggregate_posterior_is_estimated(objective: Objective) -> None:
    objective.begin(100, 2)
    with pytest.raises(UserError, match=r"sees at once, which is 1: raise data\.batch_size"):
        objective.begin(100, 1)


def test_mmd_is_that_of_two_gaussians() -> None:
    generator, count, dims, width = torch.Generator().manual_seed(5), 2000, 3, 1.3
    shift = torch.tensor([0.5, -0.3, 0.8], dtype=torch.float64)
    a, b = (torch.randn(count, dims, generator=generator, dtype=torch.float64) for _ in range(2))

    def expected_kernel(distance: Tensor) -> float:
        # E k(u, v) of u - v ~ N(distance, 2 I): a Gaussian integral.
        ratio = width**2 / (width**2 + 2)
        return float(ratio ** (dims / 2) * torch.exp(-distance.square().sum() / (2 * width**2 + 4)))

    truth = 2 * (expected_kernel(torch.zeros(dims)) - expected_kernel(shift))
    assert mmd(a + shift, b, width).item() == pytest.approx(truth, rel=0.1)
    same = [mmd(a[rows], b[rows], width).item() for rows in torch.arange(count).split(100)]
    # Without bias: some are negative, and their mean is 0 within its error.
    assert min(same) < 0
    deviation = torch.tensor(same).std().item()
    assert abs(sum(same) / len(same)) < 4 * deviation / math.sqrt(len(same))
    assert mmd(a[:1], b[:1], width).item() == 0


def test_info_vae_weighs_kl_and_discrepancy_and_draws_anew_at_every_step() -> None:
    objective = Mmd(alpha=0.3, mmd_weight=50.0, bandwidth=1.0, num_samples=1)
    given = draws()
    loss, terms = objective(given, PRIOR)
    torch.testing.assert_close(terms.elbo(), Elbo(beta=1.0, num_samples=1)(given, PRIOR)[1].elbo())
    bound, _ = Mmd(alpha=0.0, mmd_weight=1.0, bandwidth=1.0, num_samples=1)(given, PRIOR)
    assert bound.item() == pytest.approx(-terms.elbo().mean().item(), rel=1e-6)
    distance = (
        loss.item() - 0.7 * terms.kl.mean().item() + terms.log_likelihood.mean().item()
    ) / 49.3
    assert -1 < distance < 2
    state = torch.get_rng_state()
    # The generator of the epoch: other draws of the prior in each step, the same ones again for the
    # same state.
    generator = torch.Generator().manual_seed(3)
    steps = [objective(given._replace(generator=generator), PRIOR)[0].item() for _ in range(2)]
    generator.manual_seed(3)
    steps.append(objective(given._replace(generator=generator), PRIOR)[0].item())
    assert steps[0] == steps[2] != steps[1]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_draws_of_the_prior_belong_to_the_seed_of_the_run() -> None:
    model, _ = linear_gaussian(latent_dim=2, posterior_shift=0.2)
    model.objective = Mmd(alpha=0.9, mmd_weight=100.0, bandwidth=1.0, num_samples=1)
    pixels = torch.randint(0, 256, (40, 1, 1, PIXELS), generator=stream("pixels")).byte()
    losses = []
    for seed in (0, 0, 1):
        model.seed = seed
        found = bound_per_image(model, pixels, num_samples=1, batch_size=20, split="test")
        losses.append((found.loss, found.elbo.mean()))
    assert losses[0] == losses[1]
    assert losses[0][0] != losses[2][0] and losses[0][1] == losses[2][1]
    # Bare calls too, each of which begins anew.
    x, noise = pixels.float() / 255, torch.zeros(1, 40, 2)
    first, second = (model.score(x, noise)[0].item() for _ in range(2))
    model.seed = 0
    assert first == second != model.score(x, noise)[0].item()


@pytest.mark.parametrize("log_var", [-30.0, -38.0, -45.0, -60.0])
@pytest.mark.parametrize("objective", [
    Elbo(beta=1.0, num_samples=50), iwae(50), iwae(50, doubly=True)
], ids=["elbo", "iwae", "doubly"])  # fmt: skip
def test_a_posterior_narrower_than_the_rounding_of_its_mean_keeps_its_kl(
    objective: Objective, log_var: float
) -> None:
    prior = GaussianMixture(latent_dim=LATENT, num_components=1)
    with torch.no_grad():
        prior.means.zero_()
    mean = torch.full((4, LATENT), 1.5, requires_grad=True)
    posterior = DiagonalGaussian(mean, torch.full((4, LATENT), log_var))
    noise = random(50, 4, LATENT, seed=6)
    given = Draws(posterior, noise, posterior.sample(noise), torch.zeros(50, 4), stream("test"))
    _, terms = objective(given, prior)
    # In double precision, from the noise: log q less log p of the draws.
    draws = noise.double()
    log_q = -0.5 * (draws.square() + log_var + math.log(2 * math.pi)).sum(dim=2)
    log_ratio = log_q - PRIOR.log_prob(1.5 + math.exp(0.5 * log_var) * draws)
    weighted = math.log(50) - (-log_ratio).logsumexp(dim=0)
    expected = log_ratio.mean(dim=0) if isinstance(objective, Elbo) else weighted
    torch.testing.assert_close(terms.kl.double(), expected, rtol=0, atol=1e-3)


LOGGING_THE_ELBO = (
    Elbo(beta=4.0, num_samples=3),
    WarmUpElbo(beta=1.0, num_samples=3, warmup=0.2),
    CyclicElbo(beta=1.0, num_samples=3, warmup=0.5, cycles=4),
    FreeBitsElbo(beta=1.0, num_samples=3, free_bits=2.0),
    CapacityElbo(beta=30.0, num_samples=3, capacity=5.0, warmup=0.5),
    BetaTC(beta=6.0, num_samples=3),
    Mmd(alpha=0.5, mmd_weight=500.0, bandwidth=1.0, num_samples=3),
)


@pytest.mark.parametrize("objective", LOGGING_THE_ELBO, ids=lambda one: type(one).__name__)
def test_the_logged_terms_do_not_depend_on_the_objective_where_it_logs_the_elbo(
    objective: Objective,
) -> None:
    given = draws(3)
    _, expected = Elbo(beta=1.0, num_samples=3)(given, PRIOR)
    # Early in a schedule, where the weights are those of no other time, and at the end.
    for one in (objective.at(0.05), objective):
        _, terms = one(given, PRIOR)
        torch.testing.assert_close(terms, expected)
    early = objective.at(0.05)(given, PRIOR)[0].item()
    assert early != pytest.approx(-expected.elbo().mean().item(), abs=1e-3), "a loss of its own"


def test_every_objective_of_the_configuration_that_logs_the_elbo_is_in_that_test() -> None:
    yamls = (compose.conf_folder() / "objective").glob("*.yaml")
    targets = [OmegaConf.select(OmegaConf.load(one), "_target_") for one in yamls]
    classes = [locate(target, trust=False) for target in targets]
    named = {one for one in classes if issubclass(one, Objective) and one.bound == "elbo"}
    assert {type(one) for one in LOGGING_THE_ELBO} == named


def test_independent_dimensions_have_no_total_correlation() -> None:
    mean = random(2000, 2, seed=8, dtype=torch.float64)
    posterior = DiagonalGaussian(mean, torch.full_like(mean, -1.0))
    found = total_correlation(posterior, posterior.sample(random(2000, 2, seed=9).double()), 2000)
    assert found.abs().item() < 0.03
