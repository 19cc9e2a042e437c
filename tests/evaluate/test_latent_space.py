"""Information and distances of codes: against closed forms, by hand, and over many sets."""

import math

import numpy as np
import pytest
import torch

from vae_lab.evaluate.latent_space import Information, count_active_units, information, negative
from vae_lab.posteriors import DiagonalGaussian, Posterior, of_images
from vae_lab.random_streams import stream


def codes(
    count: int, latent_dim: int, log_var: float, seed: int
) -> tuple[DiagonalGaussian, torch.Tensor]:
    """Returns posteriors around draws of the prior, their widths unequal, and their KL."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, latent_dim, generator=generator)
    spread = torch.randn(count, latent_dim, generator=generator)
    posterior = DiagonalGaussian(mean, log_var + 0.5 * spread)
    return posterior, posterior.kl_to_standard_normal().sum(dim=1).double()


def test_information_brackets_the_exact_mutual_information() -> None:
    # z|x = N(x, v), x = N(0, 1): I(x; z) = log(1 + 1/v) / 2 for each of two dimensions.
    variance = 0.05
    mean = torch.randn(2000, 2, generator=stream("means"))
    posterior = DiagonalGaussian(mean, torch.full_like(mean, math.log(variance)))
    truth = math.log(1 + 1 / variance)
    kl = posterior.kl_to_standard_normal().sum(dim=1).double()
    found = information(posterior, kl, seed=0)
    # The two are 0.1 apart, and a mean over 2,000 images deviates by about 0.03.
    assert truth - 0.2 < found.lower.value < found.upper.value < truth + 0.2
    assert found.lower.value <= math.log(2000)
    # q(z) = N(0, 1 + v): KL to N(0, 1) in two dimensions.
    aggregate = variance - math.log(1 + variance)
    assert aggregate - 0.2 < found.kl_lower.value < found.kl_upper.value < aggregate + 0.2


def by_hand(posterior: Posterior, z: np.ndarray, kl: np.ndarray) -> dict[str, float]:
    """Returns the four estimates, draw by draw."""
    mean, std = posterior.mean.double().numpy(), posterior.variance.double().sqrt().numpy()
    low, high, count = [], [], len(z)
    for i, point in enumerate(z):
        density = np.exp(-0.5 * ((point - mean) / std) ** 2) / std / math.sqrt(2 * math.pi)
        q = density.prod(axis=1)
        low.append(math.log(q[i] / q.mean()))
        high.append(math.log(q[i] / ((q.sum() - q[i]) / (count - 1))))
    lower, upper = float(np.mean(low)), float(np.mean(high))
    mean_kl = float(kl.mean())
    values = (lower, upper, mean_kl - upper, mean_kl - lower)
    return dict(zip(Information._fields, values, strict=True))


def test_estimates_and_errors_equal_those_by_hand_and_by_leaving_each_image_out() -> None:
    posterior, kl = codes(9, 2, -1.0, seed=0)
    noise = torch.randn(9, 2, generator=stream("information", 3), dtype=torch.float64)
    z = posterior.mean + torch.exp(0.5 * posterior.log_var.double()) * noise
    found = information(posterior, kl, seed=3)._asdict()
    expected = by_hand(posterior, z.numpy(), kl.numpy())
    rows = np.arange(9)
    left_out = []
    for kept in (rows != k for k in rows):
        others = of_images(posterior, kept)
        left_out.append(by_hand(others, z[kept].numpy(), kl[kept].numpy()))
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(expected[name])
        without = np.array([one[name] for one in left_out])
        jackknife = math.sqrt(8 / 9 * np.square(without - without.mean()).sum())
        assert estimate.standard_error == pytest.approx(jackknife), name


@pytest.mark.parametrize(("latent_dim", "log_var"), [(2, -3.0), (6, -3.0)])
def test_each_error_is_the_deviation_of_its_own_estimate_over_sets_of_images(
    latent_dim: int, log_var: float
) -> None:
    sets = [
        information(*codes(100, latent_dim, log_var, seed=seed), seed=seed) for seed in range(50)
    ]
    for name in Information._fields:
        estimates = [getattr(one, name) for one in sets]
        deviation = np.std([one.value for one in estimates], ddof=1)
        if name == "lower" and latent_dim > 2:
            continue  # at its limit, log N, it deviates by next to nothing
        stated = np.mean([one.standard_error for one in estimates])
        # The deviation has an error of a tenth. The jackknife is too large, if anything.
        assert 0.75 * deviation < stated < 1.8 * deviation, name
    # So a model differs from itself on other images as rarely as two errors say, 1 in 20.
    pairs = list(zip(sets[::2], sets[1::2], strict=True))
    differ = [
        abs(a.kl_lower.value - b.kl_lower.value)
        > 2 * math.hypot(a.kl_lower.standard_error or 0, b.kl_lower.standard_error or 0)
        for a, b in pairs
    ]
    assert sum(differ) <= 0.2 * len(pairs)


def test_of_two_images_there_is_an_estimate_and_no_error() -> None:
    found = information(*codes(2, 3, -1.0, seed=0), seed=0)
    assert all(math.isfinite(one.value) and one.standard_error is None for one in found)
    three = information(*codes(3, 3, -20.0, seed=0), seed=0)
    assert all(math.isfinite(one.standard_error or 0.0) for one in three)


def test_an_estimate_of_a_kl_below_0_is_said_to_say_nothing() -> None:
    assert "gives no information" in negative(-0.01)["warning"]
    assert negative(0.0) == negative(0.3) == {}


def test_active_units_are_the_dimensions_whose_means_vary() -> None:
    means = torch.randn(5000, 3, generator=stream("means")) * torch.tensor([1.0, 0.11, 0.09])
    assert count_active_units(means) == 2  # variances 1, 0.0121 and 0.0081 against 0.01
