"""Sizes of the networks, and their outputs on fixed weights against networks written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae_lab.networks.conv import ConvDecoder, ConvEncoder, Doubling, ToImage
from vae_lab.networks.mlp import LinearDecoder, LinearEncoder
from vae_lab.networks.resnet import Residual, ResNetDecoder, ResNetEncoder
from vae_lab.posteriors import Diagonal

IMAGE = (1, 28, 28)


def pair(kind: str, latent_dim: int, sizes: list[int]) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    family = Diagonal(latent_dim=latent_dim)
    if kind == "linear":
        return (
            LinearEncoder(image_shape=IMAGE, hidden_dims=sizes, posterior=family),
            LinearDecoder(image_shape=IMAGE, hidden_dims=sizes, latent_dim=latent_dim),
        )
    return (
        ConvEncoder(image_shape=IMAGE, channels=sizes, posterior=family),
        ConvDecoder(image_shape=IMAGE, channels=sizes, latent_dim=latent_dim),
    )


@pytest.mark.parametrize(
    ("kind", "latent_dim", "sizes", "count"),
    [
        ("linear", 2, [64], 101_652),
        ("linear", 10, [64], 103_204),
        ("conv", 2, [64, 128], 308_357),
        ("conv", 10, [64, 128], 458_901),
    ],
)
def test_parameter_counts_are_the_reference_reports(
    kind: str, latent_dim: int, sizes: list[int], count: int
) -> None:
    networks = pair(kind, latent_dim, sizes)
    assert sum(p.numel() for network in networks for p in network.parameters()) == count


def parameters(network: nn.Module) -> list[Tensor]:
    return [p.detach() for p in network.parameters()]


def images(count: int) -> Tensor:
    return torch.rand(count, *IMAGE, generator=torch.Generator().manual_seed(1))


def latents(count: int, latent_dim: int) -> Tensor:
    return torch.randn(count, latent_dim, generator=torch.Generator().manual_seed(2))


def test_linear_outputs_equal_a_network_written_out() -> None:
    encoder, decoder = pair("linear", 10, [64])
    x, z = images(3), latents(3, 10)
    w1, b1, w2, b2 = parameters(encoder)
    hidden = (x.reshape(3, 784) @ w1.T + b1).clamp(min=0)
    heads = hidden @ w2.T + b2
    posterior = encoder(x)
    torch.testing.assert_close(posterior.mean, heads[:, :10])
    torch.testing.assert_close(posterior.log_var, heads[:, 10:])
    w1, b1, w2, b2 = parameters(decoder)
    logits = (z @ w1.T + b1).clamp(min=0) @ w2.T + b2
    torch.testing.assert_close(decoder(z), logits.reshape(3, *IMAGE))


def test_conv_outputs_equal_a_network_written_out() -> None:
    encoder, decoder = pair("conv", 10, [64, 128])
    x, z = images(3), latents(3, 10)
    w1, b1, w2, b2, w3, b3 = parameters(encoder)
    hidden = F.relu(F.conv2d(x, w1, b1, stride=2, padding=1))
    hidden = F.relu(F.conv2d(hidden, w2, b2, stride=2, padding=1))
    assert hidden.shape == (3, 128, 7, 7)
    heads = hidden.reshape(3, 6272) @ w3.T + b3
    posterior = encoder(x)
    torch.testing.assert_close(posterior.mean, heads[:, :10], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(posterior.log_var, heads[:, 10:], rtol=1e-4, atol=1e-5)
    w1, b1, w2, b2, w3, b3 = parameters(decoder)
    hidden = (z @ w1.T + b1).reshape(3, 128, 7, 7)  # no activation before the convolution
    hidden = F.relu(F.conv_transpose2d(hidden, w2, b2, stride=2, padding=1))
    logits = F.conv_transpose2d(hidden, w3, b3, stride=2, padding=1)
    torch.testing.assert_close(decoder(z), logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("odd", [(0, 0), (1, 0), (0, 1)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [Doubling, ToImage])
def test_layers_that_double_are_transposed_convolutions(
    kind: type[Doubling | ToImage], channels: int, odd: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    layer = kind(8, channels, odd).double()
    h = torch.randn(2, 8, 5, 3, dtype=torch.float64, requires_grad=True)
    assert layer.bias is not None
    weights = (layer.weight, layer.bias, h)
    expected = F.conv_transpose2d(
        h, layer.weight, layer.bias, stride=2, padding=1, output_padding=odd
    )
    seen = torch.randn_like(expected)
    torch.testing.assert_close(layer(h), expected)
    if isinstance(layer, ToImage):
        # What a GPU computes.
        torch.testing.assert_close(layer.general(h), expected)
    for own, known in zip(
        torch.autograd.grad(layer(h), weights, seen),
        torch.autograd.grad(expected, weights, seen),
        strict=True,
    ):
        torch.testing.assert_close(own, known)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [("linear", []), ("linear", [512, 256]), ("conv", [8]), ("conv", [32, 64])],
)
@pytest.mark.parametrize("latent_dim", [1, 7])
def test_other_sizes_fit_together(kind: str, sizes: list[int], latent_dim: int) -> None:
    given = list(sizes)
    encoder, decoder = pair(kind, latent_dim, sizes)
    assert encoder(images(2)).mean.shape == (2, latent_dim)
    assert decoder(latents(2, latent_dim)).shape == (2, *IMAGE)
    assert sizes == given, "the caller's list is not ours to change"


def test_the_decoder_mirrors_the_encoders_sizes() -> None:
    encoder, decoder = pair("linear", 3, [512, 256])
    shapes = [tuple(p.shape) for p in encoder.parameters() if p.dim() == 2]
    assert shapes == [(512, 784), (256, 512), (6, 256)]
    shapes = [tuple(p.shape) for p in decoder.parameters() if p.dim() == 2]
    assert shapes == [(256, 3), (512, 256), (784, 512)]


SHAPES = [(1, 8, 8), (3, 8, 13), (1, 16, 16), (3, 28, 28), (3, 32, 32), (1, 45, 33), (3, 64, 64)]


@pytest.mark.parametrize("shape", SHAPES)
def test_conv_takes_its_sizes_from_the_image(shape: tuple[int, int, int]) -> None:
    encoder = ConvEncoder(image_shape=shape, channels=None, posterior=Diagonal(latent_dim=3))
    decoder = ConvDecoder(image_shape=shape, channels=None, latent_dim=3)
    assert encoder(torch.rand(2, *shape)).mean.shape == (2, 3)
    assert decoder(latents(2, 3)).shape == (2, *shape)


def test_the_starting_weights_are_drawn_layer_by_layer() -> None:
    """A seed keeps its starting weights, and so its numbers, from version to version."""
    encoder, decoder = pair("linear", 3, [5])
    torch.manual_seed(0)
    layers = [nn.Linear(784, 5), nn.Linear(5, 6), nn.Linear(3, 5), nn.Linear(5, 784)]
    weights = [*encoder.parameters(), *decoder.parameters()]
    expected = [parameter for layer in layers for parameter in layer.parameters()]
    assert all(map(torch.equal, weights, expected)) and len(weights) == len(expected)


def resnet(shape: tuple[int, int, int], *, latent_dim: int) -> tuple[ResNetEncoder, ResNetDecoder]:
    family = Diagonal(latent_dim=latent_dim)
    return (
        ResNetEncoder(image_shape=shape, channels=None, num_blocks=1, posterior=family),
        ResNetDecoder(image_shape=shape, channels=None, num_blocks=1, latent_dim=latent_dim),
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_resnet_takes_its_sizes_from_the_image(shape: tuple[int, int, int]) -> None:
    encoder, decoder = resnet(shape, latent_dim=3)
    assert encoder(torch.rand(2, *shape)).mean.shape == (2, 3)
    assert decoder(latents(2, 3)).shape == (2, *shape)


@pytest.mark.parametrize(
    ("size", "channels"),
    [
        (8, [64]),
        (16, [64, 128]),
        (28, [64, 128]),
        (32, [64, 128, 256]),
        (64, [64, 128, 256, 256]),
    ],
)
def test_the_number_of_halvings_suits_the_size(size: int, channels: list[int]) -> None:
    encoder = ConvEncoder(
        image_shape=(3, size, size), channels=None, posterior=Diagonal(latent_dim=2)
    )
    found = [p.shape[0] for p in encoder.parameters() if p.dim() == 4]
    assert found == channels


def test_a_residual_block_equals_its_formula_and_depends_on_no_other_image() -> None:
    torch.manual_seed(0)
    block = Residual(32)
    x = torch.rand(3, 32, 5, 5, generator=torch.Generator().manual_seed(1))
    a, b, w1, c1, e, f, w2, c2 = parameters(block)
    hidden = F.conv2d(F.relu(F.group_norm(x, 2, a, b)), w1, c1, padding=1)
    hidden = F.conv2d(F.relu(F.group_norm(hidden, 2, e, f)), w2, c2, padding=1)
    torch.testing.assert_close(block(x), x + hidden)
    torch.testing.assert_close(block(x[:1]), block(x)[:1])


def test_resnet_has_the_parameters_that_its_file_says() -> None:
    networks = resnet((3, 32, 32), latent_dim=2)
    assert sum(p.numel() for network in networks for p in network.parameters()) == 4_449_543
