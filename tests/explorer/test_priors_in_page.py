"""The priors of the page: densities against the package, and what their draws are like."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import pytest
import torch
from page_maths import PageMaths, packed
from torch import Tensor

from vae_lab.explorer.arrays import Arrays
from vae_lab.explorer.distributions import prior_description
from vae_lab.networks import LinearEncoder
from vae_lab.posteriors import Diagonal, Full
from vae_lab.priors import GaussianMixture, Prior, StandardNormal, VampPrior

SHAPE = (1, 6, 5)


def priors(latent_dim: int) -> list[Prior]:
    torch.manual_seed(0)
    mixture = GaussianMixture(latent_dim=latent_dim, num_components=3)
    torch.nn.init.normal_(mixture.logits)
    torch.nn.init.normal_(mixture.log_vars)
    vamps: list[Prior] = []
    for family in (Diagonal(latent_dim=latent_dim), Full(latent_dim=latent_dim)):
        encoder = LinearEncoder(image_shape=SHAPE, hidden_dims=[8], posterior=family)
        # Numbers of the size of 1, as of an encoder that was trained.
        for weights in list(encoder.parameters())[-2:]:
            weights.data.mul_(3)
        vamps.append(VampPrior(encoder=encoder, image_shape=SHAPE, num_components=4))
    return [StandardNormal(latent_dim=latent_dim), mixture, *vamps]


CASES = [pytest.param(p, d, id=f"{type(p).__name__}-{d}") for d in (1, 2, 10) for p in priors(d)]


def set_prior(maths: PageMaths, prior: Prior, latent_dim: int) -> None:
    arrays = Arrays()
    description = prior_description(prior, arrays)
    function = "(description, dim, text) => makePrior(description, dim, unpack(text))"
    maths.set("prior", function, description, latent_dim, packed(arrays))


def drawn(maths: PageMaths, count: int, seed: int) -> Tensor:
    function = """(count, seed) => {
      const random = new Random(seed);
      return Array.from({ length: count }, () => prior.sample(random));
    }"""
    return torch.tensor(maths.call(function, count, seed))


@pytest.mark.parametrize(("prior", "latent_dim"), CASES)
def test_log_densities_are_those_of_the_package(
    maths: PageMaths, prior: Prior, latent_dim: int
) -> None:
    # Up to 30 from 0: far from every component, the sum of densities would be 0.
    z = torch.randn(20, latent_dim, generator=torch.Generator().manual_seed(1)) * torch.linspace(
        0, 30, 20
    ).unsqueeze(1)
    with torch.no_grad():
        expected = prior.log_prob(z)
    set_prior(maths, prior, latent_dim)
    found = maths.call("(points) => points.map((z) => prior.logProb(floats(z)))", z.tolist())
    torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("prior", "latent_dim"), CASES)
def test_draws_have_the_moments_of_the_prior_and_belong_to_the_seed(
    maths: PageMaths, prior: Prior, latent_dim: int
) -> None:
    set_prior(maths, prior, latent_dim)
    found = drawn(maths, 4000, seed=5)
    assert found.shape == (4000, latent_dim)
    assert torch.equal(found[:9], drawn(maths, 9, seed=5))
    assert not torch.equal(found[:9], drawn(maths, 9, seed=6))
    # The package's moments are those of 10,000 draws: five standard errors of both.
    scale = prior.scale()
    assert ((found.mean(dim=0) - prior.mean()).abs() < 5 * scale / 53).all()
    assert ((found.std(dim=0) / scale - 1).abs() < 0.1).all()


def test_components_are_drawn_as_often_as_they_weigh(maths: PageMaths) -> None:
    prior = GaussianMixture(latent_dim=1, num_components=3)
    with torch.no_grad():
        prior.logits.copy_(torch.tensor([0.1, 0.3, 0.6]).log() + 7)
        prior.means.copy_(torch.tensor([[-10.0], [0.0], [10.0]]))
        prior.log_vars.fill_(-4)
    set_prior(maths, prior, 1)
    found = drawn(maths, 4000, seed=0).flatten()
    shares = torch.tensor([(found - centre).abs().lt(1).float().mean() for centre in (-10, 0, 10)])
    assert shares.sum() == 1
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.3, 0.6]), rtol=0, atol=0.03)


class Ring(StandardNormal):
    """A prior of somebody's own: all draws have the length 1."""

    def sample(self, num_images: int, generator: torch.Generator) -> Tensor:
        z = super().sample(num_images, generator)
        return z / z.norm(dim=1, keepdim=True)


def test_a_prior_that_is_not_known_is_described_by_draws(maths: PageMaths) -> None:
    set_prior(maths, Ring(latent_dim=2), 2)
    facts: Any = maths.call("() => [prior.isKnown, prior.kind, Number.isNaN(prior.logProb([0]))]")
    assert facts == [False, "draws", True]
    found = drawn(maths, 500, seed=0)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(500))
    assert len({tuple(z) for z in found.tolist()}) > 400


def test_random_numbers_are_uniform_and_normal(maths: PageMaths) -> None:
    function = """(seed, count) => {
      const random = new Random(seed);
      return Array.from({ length: count }, () => random.uniform());
    }"""
    uniform = torch.tensor(maths.call(function, 2**40 + 3, 20_000), dtype=torch.double)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    counts = torch.histc(uniform, bins=20, min=0, max=1)
    # The chi-squared statistic of 20 bins exceeds 44 once in a thousand times.
    assert ((counts - 1000).square() / 1000).sum() < 44
    normal = torch.tensor(maths.call("(seed) => new Random(seed).normals(20000)", 1))
    assert normal.mean().abs() < 0.03
    assert (normal.std() - 1).abs() < 0.03
    assert (normal.pow(4).mean() - 3).abs() < 0.2


def sfc32(seed: int) -> Iterator[int]:
    """The generator written out: its numbers after the first fifteen."""
    a, b, c, d = 0, seed >> 32, seed % 2**32, 1
    for step in count():
        total = (a + b + d) % 2**32
        d = (d + 1) % 2**32
        a = b ^ (b >> 9)
        b = (c + (c << 3)) % 2**32
        c = ((c << 21 | c >> 11) + total) % 2**32
        if step >= 15:
            yield total


@pytest.mark.parametrize("seed", [0, 1, 2**31 + 7, 2**52 + 12345])
def test_random_bits_are_those_of_sfc32_in_every_browser(maths: PageMaths, seed: int) -> None:
    function = """(seed) => {
      const random = new Random(seed);
      return Array.from({ length: 50 }, () => random.bits());
    }"""
    assert maths.call(function, seed) == list(islice(sfc32(seed), 50))
