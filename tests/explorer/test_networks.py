"""Which networks a page knows, and as which layers."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vae_lab.explorer.arrays import FIXED16, Arrays
from vae_lab.explorer.networks import UnknownLayer, network_layers, weights_in
from vae_lab.networks import ConvDecoder, LinearEncoder, ResNetEncoder
from vae_lab.posteriors import Diagonal


def layers_of(module: nn.Module) -> list[dict[str, Any]]:
    return network_layers(module, weights_in(Arrays(), FIXED16))


def kinds(module: nn.Module) -> list[object]:
    return [layer["kind"] for layer in layers_of(module)]


def test_built_in_networks_are_known() -> None:
    linear = LinearEncoder(image_shape=(1, 8, 8), hidden_dims=[4], posterior=Diagonal(latent_dim=2))
    assert kinds(linear) == ["reshape", "linear", "relu", "linear"]
    conv = ConvDecoder(image_shape=(1, 9, 8), channels=[4, 8], latent_dim=2)
    last = "transposed_convolution"
    assert kinds(conv) == ["linear", "reshape", last, "relu", last]
    assert [layer.get("output_padding") for layer in layers_of(conv)][2::2] == [[0, 0], [1, 0]]
    resnet = ResNetEncoder(
        image_shape=(1, 8, 8), channels=[4], num_blocks=1, posterior=Diagonal(latent_dim=2)
    )
    assert kinds(resnet)[:4] == ["convolution", "residual", "group_norm", "relu"]


def test_matrices_have_the_format_and_vectors_stay_in_float32() -> None:
    (layer,) = layers_of(nn.Linear(3, 2))
    assert layer["weight"]["type"] == "int16"
    assert layer["bias"]["type"] == "float32"


def test_what_eval_mode_leaves_out_is_left_out_and_a_module_twice_counts_twice() -> None:
    active = nn.ReLU()
    module = nn.Sequential(nn.Dropout(0.5), active, nn.Identity(), nn.Sequential(active))
    assert kinds(module) == ["relu", "relu"]


class Named(nn.Linear):
    """A layer with a constructor, a method and an attribute of its own, and nothing changed."""

    purpose = "a test"

    def __init__(self, width: int) -> None:
        super().__init__(width, width)

    def norm(self) -> Tensor:
        return self.weight.norm()


def test_a_subclass_that_changes_nothing_is_known() -> None:
    assert kinds(Named(3)) == ["linear"]


class Doubled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


class Standardised(nn.Conv2d):
    """Changes what the parent's forward pass calls, and not the forward pass."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(input, weight - weight.mean(), bias)


class OwnEncoder(LinearEncoder):
    def __call__(self, x: Tensor) -> Tensor:
        return x


def hooked() -> nn.Module:
    module = nn.Linear(2, 2)
    module.register_forward_hook(lambda module, given, result: 2 * result)
    return module


def replaced() -> nn.Module:
    module = nn.Linear(2, 2)
    # What a person may do and mypy forbids: the method of an object is replaced.
    module.forward = torch.sin  # type: ignore[method-assign]
    return module


@pytest.mark.parametrize(
    "module",
    [
        Doubled(2, 2),
        Standardised(1, 1, 3),
        OwnEncoder(image_shape=(1, 8, 8), hidden_dims=[4], posterior=Diagonal(latent_dim=2)),
        hooked(),
        replaced(),
        nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(1, 1, 2, padding="same"),
        nn.Flatten(2),
        nn.Unflatten(2, (2, 2)),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.LayerNorm(3),
        nn.Softmax(dim=1),
    ],
    ids=lambda module: type(module).__name__,
)
def test_a_module_that_computes_something_else_is_refused_by_its_name(module: nn.Module) -> None:
    with pytest.raises(UnknownLayer, match=f"^{type(module).__name__}: "):
        layers_of(nn.Sequential(nn.ReLU(), module))
