"""Conditional models in the page against torch: each class has its codes, images and bounds."""

from functools import partial
from typing import Any, cast

import pytest
import torch
from page_maths import PageMaths, packed, set_model
from torch import Tensor

from vae_lab.conditions import ClassLabel
from vae_lab.explorer.arrays import FIXED14, FLOAT24, FLOAT32, Arrays
from vae_lab.explorer.lattice import lattice, steps_along_a_side
from vae_lab.explorer.networks import network_layers, weights_in
from vae_lab.explorer.precision import _Inputs, _shown, choose_precision
from vae_lab.likelihoods import Bernoulli
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
from vae_lab.priors import StandardNormal
from vae_lab.vae import VAE

Shape = tuple[int, int, int]

NETWORKS: dict[str, tuple[Any, Any]] = {
    "linear": (partial(LinearEncoder, hidden_dims=[16]), partial(LinearDecoder, hidden_dims=[16])),
    "burda": (partial(TanhEncoder, hidden_dims=[9]), partial(TanhDecoder, hidden_dims=[9])),
    "conv": (partial(ConvEncoder, channels=[6, 9]), partial(ConvDecoder, channels=[6, 9])),
    "resnet": (
        partial(ResNetEncoder, channels=[5, 8], num_blocks=1),
        partial(ResNetDecoder, channels=[5, 8], num_blocks=1),
    ),
}
CLASSES = 4


def make(
    network: str,
    shape: Shape,
    latent_dim: int = 3,
    family: type[Family] = Diagonal,
    objective: Objective | None = None,
) -> VAE:
    torch.manual_seed(0)
    encoder, decoder = NETWORKS[network]
    condition = ClassLabel(num_classes=CLASSES, labelled=None, classifier_weight=0.1)
    posterior = family(latent_dim=latent_dim)
    flattens = network in ("linear", "burda")
    model = VAE(
        encoder=condition.encoder(
            lambda planes: encoder(image_shape=planes, posterior=posterior),
            shape,
            flattens=flattens,
        ),
        decoder=condition.decoder(
            lambda size: decoder(image_shape=shape, latent_dim=size), latent_dim
        ),
        prior=StandardNormal(latent_dim=latent_dim),
        likelihood=Bernoulli(),
        objective=objective or Elbo(beta=1, num_samples=2),
        optimization=cast(Any, None),
        latent_dim=latent_dim,
        seed=0,
        condition=condition,
    )
    return model.eval().requires_grad_(False)


def image(shape: Shape) -> Tensor:
    noise = torch.randn(1, *shape, generator=torch.Generator().manual_seed(1))
    return ((noise + 0.5).clamp(0, 1) * 255).round() / 255


def normals(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


def page_terms(maths: PageMaths, x: Tensor, noise: Tensor, label: int) -> dict[str, float]:
    function = """(x, noises, label) => {
      const image = floats(x);
      return model.terms(image, model.encode(image, label), noises.map(floats), label);
    }"""
    found: dict[str, float] = maths.call(
        function, x.flatten().tolist(), noise[:, 0].tolist(), label
    )
    return found


@pytest.mark.parametrize("shape", [(1, 12, 8), (3, 9, 10)], ids=str)
@pytest.mark.parametrize("family", [Diagonal, Full])
@pytest.mark.parametrize("network", NETWORKS)
def test_each_class_has_the_codes_images_and_bounds_of_torch(
    maths: PageMaths, network: str, family: type[Family], shape: Shape
) -> None:
    model = make(network, shape, family=family)
    set_model(maths, model, shape)
    x, noise = image(shape), normals(2, 1, 3)
    near = partial(torch.testing.assert_close, rtol=1e-5, atol=1e-5)
    means, images = [], []
    # In an order in which a class that was left in a buffer would be seen.
    for label in (2, 0, 3, 1, 2):
        given = torch.tensor([label])
        means.append(model.encode(x, given).mean[0])
        mean = maths.call(
            "(x, label) => model.encode(floats(x), label).mean", x.flatten().tolist(), label
        )
        near(torch.tensor(mean), means[-1])
        z = noise[0, 0]
        pixels = maths.call("(z, label) => model.decode(floats(z), label)", z.tolist(), label)
        images.append(torch.tensor(pixels))
        near(images[-1], model.decode(z[None], given).flatten())
        _, terms = model.score(x, noise, labels=given)
        assert page_terms(maths, x, noise, label) == pytest.approx(
            {
                "recon": -terms.log_likelihood.item(),
                "kl": terms.kl.item(),
                "elbo": terms.elbo().item(),
            },
            rel=1e-5,
            abs=1e-4,
        )
    # The classes differ, so that a page without them would not pass.
    assert (means[0] - means[1]).abs().max() > 1e-3
    assert (images[0] - images[1]).abs().max() > 1e-3


def test_the_importance_weighted_bound_is_given_the_class(maths: PageMaths) -> None:
    shape = (1, 8, 8)
    model = make("conv", shape, objective=Iwae(num_samples=5, doubly_reparameterised=False))
    set_model(maths, model, shape)
    x, noise = image(shape), normals(5, 1, 3)
    for label in range(CLASSES):
        _, terms = model.score(x, noise, labels=torch.tensor([label]))
        found = page_terms(maths, x, noise, label)["elbo"]
        assert found == pytest.approx(terms.elbo().item(), rel=1e-5)


def test_a_class_is_the_first_layer_of_both_networks() -> None:
    kinds = {
        name: [layer["kind"] for layer in network_layers(network, weights_in(Arrays(), FLOAT32))]
        for name in ("linear", "conv")
        for network in [make(name, (1, 8, 8)).encoder]
    }
    assert kinds["linear"][:3] == ["reshape", "class_numbers", "reshape"]
    assert kinds["conv"][:2] == ["class_planes", "convolution"]
    decoder = network_layers(make("conv", (1, 8, 8)).decoder, weights_in(Arrays(), FLOAT32))
    assert [layer["kind"] for layer in decoder[:2]] == ["class_numbers", "linear"]
    assert decoder[0]["classes"] == CLASSES


def test_planes_and_numbers_are_1_at_the_class(maths: PageMaths) -> None:
    layers = """(kind, shape, x, label) => {
      const network = makeNetwork([{ kind, classes: 3 }], null, shape);
      return [network.shape, network.run(floats(x), label)];
    }"""
    x = [5, 6, 7, 8]
    shape, values = maths.call(layers, "class_planes", [2, 1, 2], x, 1)
    assert shape == [5, 1, 2] and values == [*x, 0, 0, 1, 1, 0, 0]
    shape, values = maths.call(layers, "class_numbers", [1, 1, 4], x, 2)
    assert shape == [1, 1, 7] and values == [*x, 0, 0, 1]


def test_the_images_of_an_unknown_decoder_are_those_of_each_class(maths: PageMaths) -> None:
    shape = (1, 8, 8)
    model = make("linear", shape, latent_dim=2)
    arrays = Arrays()
    codes = model.encode(image(shape), torch.tensor([0]))
    described = lattice(model, codes, [1.0, 0.5], arrays)
    assert described["steps"] == 25 and described["pixels"]["shape"][:3] == [CLASSES, 25, 25]
    function = (
        "(lattice, text, z, label) => makeLattice(lattice, unpack(text)).run(floats(z), label)"
    )
    corner = torch.tensor([described["high"]])
    for label in range(CLASSES):
        found = maths.call(function, described, packed(arrays), corner[0].tolist(), label)
        expected = model.decode(corner, torch.tensor([label])).flatten()
        torch.testing.assert_close(torch.tensor(found), expected, rtol=0, atol=0.51 / 255)


def test_many_classes_have_fewer_images_each() -> None:
    # Of 10 classes 2,250 images in all, of 100 classes 2,500, and never less than a square of four.
    assert [steps_along_a_side(count) for count in (0, 2, 10, 100, 5000)] == [25, 25, 15, 5, 2]


def test_the_precision_is_that_of_the_model_given_the_classes() -> None:
    shape = (1, 8, 8)
    model = make("conv", shape)
    images = (normals(40, *shape).clamp(0, 1) * 255).byte()
    labels = torch.arange(40) % CLASSES
    precision = choose_precision(model, images, labels)
    assert precision.number_format == FIXED14
    assert 0 < precision.pixels < 1e-3 and 0 < precision.nats < 1e-2
    x = images.float() / 255
    noise = normals(2, 40, 3)
    codes = model.encode(x, labels).mean
    exact = _shown(model, _Inputs(x, labels, codes, noise), FLOAT32)
    near = _shown(model, _Inputs(x, labels, codes, noise), FLOAT24)
    _, terms = model.score(x, noise, labels=labels)
    torch.testing.assert_close(exact.elbo, terms.elbo(), rtol=1e-5, atol=1e-4)
    assert (near.elbo - exact.elbo).abs().max() < 1e-2
