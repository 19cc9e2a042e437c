"""Whole models in the page against torch: codes, mean images, and the bound of fixed noise.

Terms of the bound are hundreds to thousands of nats, sums over all pixels: their tolerance is
relative, 1e-5 of the value, or 5e-7 of the largest term. Codes and pixels are of the size of 1.
"""

from functools import partial
from typing import Any, cast

import pytest
import torch
from page_maths import PageMaths, set_model
from torch import Tensor, nn

from vae_lab.explorer.arrays import FIXED14, FIXED16, FLOAT24, FLOAT32, NumberFormat
from vae_lab.likelihoods import (
    Bernoulli,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    Likelihood,
)
from vae_lab.networks import (
    ConvDecoder,
    ConvEncoder,
    LinearDecoder,
    LinearEncoder,
    ResNetDecoder,
    ResNetEncoder,
    TanhDecoder,
    TanhEncoder,
)
from vae_lab.objectives.base import Objective
from vae_lab.objectives.elbo import Elbo
from vae_lab.objectives.iwae import Iwae
from vae_lab.posteriors import Diagonal, Family, Full
from vae_lab.priors import GaussianMixture, Prior, StandardNormal, VampPrior
from vae_lab.vae import VAE

Shape = tuple[int, int, int]

NETWORKS: dict[str, tuple[Any, Any]] = {
    "linear": (partial(LinearEncoder, hidden_dims=[16]), partial(LinearDecoder, hidden_dims=[16])),
    "burda": (partial(TanhEncoder, hidden_dims=[9, 7]), partial(TanhDecoder, hidden_dims=[9, 7])),
    "conv": (partial(ConvEncoder, channels=[6, 9]), partial(ConvDecoder, channels=[6, 9])),
    "resnet": (
        partial(ResNetEncoder, channels=[5, 8], num_blocks=1),
        partial(ResNetDecoder, channels=[5, 8], num_blocks=1),
    ),
}
LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "continuous_bernoulli": ContinuousBernoulli(),
    "gaussian": Gaussian(scale=0.1, learn_scale=False),
    "laplace": Laplace(scale=0.2, learn_scale=True),
    "discretized_logistic": DiscretizedLogistic(scale=0.05, learn_scale=True),
}
SIZES: list[tuple[Shape, int]] = [((1, 28, 28), 2), ((1, 15, 9), 1), ((3, 13, 18), 10)]


def make(
    network: str,
    likelihood: str,
    shape: Shape,
    latent_dim: int,
    objective: Objective | None = None,
    prior: Prior | None = None,
    family: type[Family] = Diagonal,
) -> VAE:
    torch.manual_seed(0)
    encoder, decoder = NETWORKS[network]
    model = VAE(
        encoder=encoder(image_shape=shape, posterior=family(latent_dim=latent_dim)),
        decoder=decoder(image_shape=shape, latent_dim=latent_dim),
        prior=prior or StandardNormal(latent_dim=latent_dim),
        likelihood=LIKELIHOODS[likelihood],
        objective=objective or Elbo(beta=4, num_samples=2),
        optimization=cast(Any, None),
        latent_dim=latent_dim,
        seed=0,
    )
    return model.eval().requires_grad_(False)


def levels(shape: Shape) -> Tensor:
    """An image of grey levels, with many pixels at both ends, (1, C, H, W)."""
    noise = torch.randn(1, *shape, generator=torch.Generator().manual_seed(1))
    return ((noise + 0.5).clamp(0, 1) * 255).round() / 255


def normals(count: int, latent_dim: int) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(count, 1, latent_dim, generator=generator)


def page_terms(maths: PageMaths, x: Tensor, noise: Tensor) -> dict[str, float]:
    function = """(x, noises) => {
      const image = floats(x);
      return model.terms(image, model.encode(image), noises.map(floats));
    }"""
    found: dict[str, float] = maths.call(function, x.flatten().tolist(), noise[:, 0].tolist())
    return found


def check(maths: PageMaths, model: VAE, x: Tensor, noise: Tensor, tolerance: float) -> None:
    """Compares codes, mean image and terms."""
    posterior = model.encode(x)
    function = """(x) => {
      const posterior = model.encode(floats(x));
      return [posterior.mean, posterior.deviations()];
    }"""
    found = torch.tensor(maths.call(function, x.flatten().tolist()))
    near = partial(torch.testing.assert_close, rtol=tolerance, atol=tolerance)
    near(found, torch.stack([posterior.mean[0], posterior.variance[0].sqrt()]))
    z = noise[0, 0]
    image = torch.tensor(maths.call("(z) => model.decode(floats(z))", z.tolist()))
    near(image, model.decode(z[None]).flatten())
    _, terms = model.score(x, noise)
    page = page_terms(maths, x, noise)
    expected = {
        "recon": -terms.log_likelihood.item(),
        "kl": terms.kl.item(),
        "elbo": terms.elbo().item(),
    }
    # A weighted bound's KL is a difference of the other two, which torch has in single precision.
    largest = max(abs(value) for value in expected.values())
    assert page == pytest.approx(expected, rel=tolerance, abs=tolerance * max(1, largest / 20))


@pytest.mark.parametrize(("shape", "latent_dim"), SIZES, ids=str)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("network", NETWORKS)
def test_codes_images_and_bounds_are_those_of_torch(
    maths: PageMaths, network: str, likelihood: str, shape: Shape, latent_dim: int
) -> None:
    model = make(network, likelihood, shape, latent_dim)
    set_model(maths, model, shape)
    check(maths, model, levels(shape), normals(2, latent_dim), 1e-5)


@pytest.mark.parametrize(
    ("number_format", "tolerance"),
    [(FLOAT32, 1e-5), (FLOAT24, 1e-4), (FIXED16, 1e-3), (FIXED14, 1e-3)],
    ids=lambda case: str(getattr(case, "bits", "")),
)
@pytest.mark.parametrize("network", NETWORKS)
def test_short_weights_change_little(
    maths: PageMaths, network: str, number_format: NumberFormat, tolerance: float
) -> None:
    shape = (1, 15, 9)
    model = make(network, "bernoulli", shape, 2)
    set_model(maths, model, shape, number_format)
    check(maths, model, levels(shape), normals(2, 2), tolerance)


def learned(latent_dim: int, shape: Shape, kind: str, encoder: nn.Module) -> Prior:
    if kind == "vamp":
        return VampPrior(encoder=encoder, image_shape=shape, num_components=5)
    return GaussianMixture(latent_dim=latent_dim, num_components=3)


@pytest.mark.parametrize(
    "objective",
    [Elbo(beta=1, num_samples=5), Iwae(num_samples=5, doubly_reparameterised=False)],
    ids=lambda objective: objective.bound,
)
@pytest.mark.parametrize("kind", ["standard", "gaussian_mixture", "vamp"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_terms_of_each_prior_and_bound_are_those_of_torch(
    maths: PageMaths, kind: str, objective: Objective, likelihood: str
) -> None:
    shape = (3, 8, 9)
    model = make("conv", likelihood, shape, 3, objective)
    if kind != "standard":
        model.prior = learned(3, shape, kind, model.encoder)
    set_model(maths, model, shape)
    check(maths, model, levels(shape), normals(5, 3), 1e-5)


@pytest.mark.parametrize("latent_dim", [1, 2, 10])
@pytest.mark.parametrize("prior", ["standard", "gaussian_mixture"])
def test_a_full_covariance_is_that_of_torch(maths: PageMaths, prior: str, latent_dim: int) -> None:
    shape = (1, 8, 9)
    model = make("conv", "bernoulli", shape, latent_dim, family=Full)
    # Numbers of the size of 1, as of an encoder that was trained.
    for weights in list(model.encoder.parameters())[-2:]:
        weights.mul_(10)
    if prior != "standard":
        model.prior = GaussianMixture(latent_dim=latent_dim, num_components=3)
    set_model(maths, model, shape)
    x = levels(shape)
    check(maths, model, x, normals(3, latent_dim), 1e-5)
    q = model.encode(x)
    if prior == "standard":
        function = "(x) => model.klPerDimension(model.encode(floats(x)))"
        found = torch.tensor(maths.call(function, x.flatten().tolist()))
        torch.testing.assert_close(found, q.kl_to_standard_normal()[0], rtol=1e-5, atol=1e-5)
    directions = torch.randn(2, latent_dim, generator=torch.Generator().manual_seed(3))
    expected = directions @ q.covariance[0] @ directions.T
    assert latent_dim == 1 or (expected[0, 1].abs() > 0.01)
    function = "(x, both) => covarianceOnPlane(model.encode(floats(x)), both)"
    found = torch.tensor(maths.call(function, x.flatten().tolist(), directions.tolist()))
    torch.testing.assert_close(found, expected[[0, 0, 1], [0, 1, 1]], rtol=1e-5, atol=1e-5)


def test_the_kl_of_dimensions_is_the_closed_one_of_the_standard_prior_only(
    maths: PageMaths,
) -> None:
    shape = (1, 8, 8)
    model = make("linear", "bernoulli", shape, 4)
    set_model(maths, model, shape)
    x = levels(shape)
    function = "(x) => model.klPerDimension(model.encode(floats(x)))"
    found = torch.tensor(maths.call(function, x.flatten().tolist()))
    torch.testing.assert_close(found, model.prior.kl(model.encode(x))[0], rtol=1e-5, atol=1e-6)
    model.prior = GaussianMixture(latent_dim=4, num_components=2)
    set_model(maths, model, shape)
    assert maths.call(function, x.flatten().tolist()) is None


def test_a_kl_near_0_keeps_its_precision(maths: PageMaths) -> None:
    kl = "(m, v) => model.klPerDimension(new Gaussian(floats(m), floats(v)))[0]"
    model = make("linear", "bernoulli", (1, 8, 8), 1)
    set_model(maths, model, (1, 8, 8))
    # v^2 / 4 for small v; the difference of e^v - 1 and v would be 0 or noise.
    assert maths.call(kl, [0], [1e-6]) == pytest.approx(2.5e-13, rel=1e-3)
