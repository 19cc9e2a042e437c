"""Each kind of layer in the page against torch."""

import math

import pytest
import torch
from page_maths import PageMaths, network, packed
from torch import Tensor, nn

from vae_lab.explorer.arrays import FLOAT32, Arrays
from vae_lab.explorer.networks import network_layers, weights_in
from vae_lab.networks.conv import Doubling, ToImage
from vae_lab.networks.resnet import Residual


def draws(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def batch_norm(module: nn.Module) -> nn.Module:
    """Gives it statistics that are not those of a new module."""
    assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    module.running_mean, module.running_var = draws(6), draws(6).exp()
    if module.affine:
        nn.init.normal_(module.weight)
        nn.init.normal_(module.bias)
    return module


def group_norm(module: nn.GroupNorm) -> nn.Module:
    nn.init.normal_(module.weight)
    nn.init.normal_(module.bias)
    return module


VECTOR, IMAGE = (6,), (6, 7, 5)

CASES: list[tuple[nn.Module, tuple[int, ...]]] = [
    (nn.Linear(6, 9), VECTOR),
    (nn.Linear(6, 1, bias=False), VECTOR),
    (nn.Linear(5, 3), IMAGE),
    (nn.Conv2d(6, 5, 3, padding=1), IMAGE),
    (nn.Conv2d(6, 4, (4, 3), stride=(2, 1), padding=(1, 0), bias=False), IMAGE),
    (nn.Conv2d(6, 9, 3, padding=2, dilation=(2, 1), groups=3), IMAGE),
    (nn.Conv2d(6, 8, 3, padding="same", dilation=2), IMAGE),
    (nn.Conv2d(6, 8, 3, padding="valid"), IMAGE),
    (nn.Conv2d(6, 8, 1), IMAGE),
    (nn.ConvTranspose2d(6, 5, 4, stride=2, padding=1), IMAGE),
    (nn.ConvTranspose2d(6, 1, 3, stride=(3, 2), padding=(0, 1), output_padding=(2, 1)), IMAGE),
    (nn.ConvTranspose2d(6, 4, 3, dilation=2, groups=2, bias=False), IMAGE),
    (Doubling(6, 3, (1, 0)), IMAGE),
    (ToImage(6, 3, (0, 1)), IMAGE),
    (group_norm(nn.GroupNorm(3, 6, eps=0.1)), IMAGE),
    (nn.GroupNorm(2, 6, affine=False), IMAGE),
    (batch_norm(nn.BatchNorm2d(6)), IMAGE),
    (batch_norm(nn.BatchNorm1d(6, affine=False)), VECTOR),
    (Residual(6), IMAGE),
    (nn.Flatten(), IMAGE),
    (nn.Unflatten(1, (2, 3)), VECTOR),
    (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (-1, 7, 3)), nn.Conv2d(10, 2, 3)), IMAGE),
]


def compare(maths: PageMaths, module: nn.Module, x: Tensor) -> None:
    module.eval()
    with torch.no_grad():
        expected = module(x[None]).flatten()
    found = torch.tensor(network(maths, module, x))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("module", "shape"), CASES, ids=lambda case: str(case)[:40])
def test_a_layer_computes_what_torch_does(
    maths: PageMaths, module: nn.Module, shape: tuple[int, ...]
) -> None:
    compare(maths, module, draws(*shape))


@pytest.mark.parametrize(
    "module",
    [
        nn.ReLU(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.SiLU(),
        nn.GELU(),
        nn.GELU(approximate="tanh"),
        nn.ELU(),
        nn.ELU(alpha=0.3),
        nn.Softplus(),
        nn.Softplus(beta=3, threshold=2),
        nn.LeakyReLU(),
        nn.LeakyReLU(0.3),
    ],
    ids=str,
)
def test_an_activation_computes_what_torch_does_at_any_size(
    maths: PageMaths, module: nn.Module
) -> None:
    values = [0.0, 1e-8, 0.5, 1, 2.5, 4.1, 5.9, 7.9, 12, 50, 1000]
    compare(maths, module, torch.tensor([*values, *(-value for value in values)]))


def test_nan_is_not_hidden(maths: PageMaths) -> None:
    x = torch.tensor([1.0, 2.0])
    broken = nn.Linear(2, 1)
    nn.init.constant_(broken.weight, math.nan)
    assert network(maths, nn.Sequential(broken, nn.ReLU()), x) == [None]  # JSON's NaN


def test_a_network_does_not_change_its_input_and_gives_the_same_again(maths: PageMaths) -> None:
    module = nn.Sequential(nn.ReLU(), Residual(6), nn.ReLU())
    x = draws(*IMAGE)
    same = """(layers, text, shape, list) => {
      const [x, network] = [floats(list), makeNetwork(layers, unpack(text), shape)];
      const first = network.run(x).slice();
      network.run(new Float32Array(x.length));
      const again = network.run(x);
      return [first.every((value, i) => value === again[i]), x.every((v, i) => v === list[i])];
    }"""
    arrays = Arrays()
    layers = network_layers(module, weights_in(arrays, FLOAT32))
    given = layers, packed(arrays), list(x.shape), x.flatten().tolist()
    assert maths.call(same, *given) == [True, True]
