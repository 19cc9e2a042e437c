"""A network as the list of layers that a page computes: from modules whose forward pass is known.

A module is known by its class. A subclass is its parent only if it changes nothing but the
constructor: all else could change what the parent computes, and the page would be wrong without a
sign. The layers are those of eval mode.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from vae_lab.conditions.label import LabelledDecoder, PlanesEncoder, RowEncoder, WithLabels
from vae_lab.explorer.arrays import FLOAT32, Arrays, NumberFormat, Reference
from vae_lab.networks.base import Decoder, Encoder
from vae_lab.networks.conv import Doubling, ToImage
from vae_lab.networks.resnet import Residual

Layer = dict[str, Any]
# Stores the weights of a layer and returns what the page reads them by.
Keep = Callable[[Tensor], Reference]

# What a subclass may have of its own under a name that its parent has too.
_OWN = frozenset(
    "__init__ __module__ __qualname__ __doc__ __annotations__ __annotate__ __annotate_func__ "
    "__annotations_cache__ __parameters__ __orig_bases__ __firstlineno__ __static_attributes__ "
    "__dict__ __weakref__ __abstractmethods__ _abc_impl extra_repr flattens".split()
)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


class UnknownLayer(Exception):
    """The page has no layer that computes what a module does; the text names its class."""

    def __init__(self, module: nn.Module, why: str = "the page does not know it") -> None:
        super().__init__(f"{type(module).__name__}: {why}")


def network_layers(module: nn.Module, keep: Keep) -> list[Layer]:
    """Returns the layers that compute what the module does with one image, or one latent point.

    Args:
        module: an encoder, whose layers end in the 2 Z numbers of a posterior, or a decoder.
        keep: stores weights; see `weights_in`.

    Raises:
        UnknownLayer: A module in it is not known.
    """
    known = known_class(module, _LAYERS)
    if known is None:
        raise UnknownLayer(module)
    if any(getattr(module, hooks) for hooks in _HOOKS) or "forward" in vars(module):
        raise UnknownLayer(module, "it has a hook, or a forward pass of this object")
    return _LAYERS[known](module, keep)


def weights_in(arrays: Arrays, number_format: NumberFormat) -> Keep:
    """Returns what adds weights to the arrays: matrices and kernels in the format.

    Vectors (biases, normalisation) are few, and stay in float32.
    """

    def keep(weights: Tensor) -> Reference:
        values = weights.detach().cpu().float().numpy()
        return arrays.add(values, number_format if values.ndim > 1 else FLOAT32)

    return keep


def known_class(thing: object, known: Iterable[type]) -> type | None:
    """Returns the known class that an object computes by; None if its own class changes it."""
    classes = set(known)
    of_object = type(thing).__mro__
    parent = next((cls for cls in of_object if cls in classes), None)
    if parent is None:
        return None
    for cls in of_object[: of_object.index(parent)]:
        if any(hasattr(parent, name) and name not in _OWN for name in vars(cls)):
            return None
    return parent


def _sequence(module: nn.Sequential, keep: Keep) -> list[Layer]:
    # Not of `children()`: it leaves out a module that comes a second time.
    return [layer for child in module for layer in network_layers(child, keep)]


def _layers(module: Encoder | Decoder, keep: Keep) -> list[Layer]:
    return network_layers(module.layers, keep)


def _planes_encoder(module: PlanesEncoder, keep: Keep) -> list[Layer]:
    return [_class_layer("class_planes", module), *network_layers(module.network, keep)]


def _row_encoder(module: RowEncoder, keep: Keep) -> list[Layer]:
    row = {"kind": "reshape", "shape": [1, 1, -1]}
    return [row, _class_layer("class_numbers", module), *network_layers(module.network, keep)]


def _labelled_decoder(module: LabelledDecoder, keep: Keep) -> list[Layer]:
    return [_class_layer("class_numbers", module), *network_layers(module.network, keep)]


def _class_layer(kind: str, module: WithLabels) -> Layer:
    return {"kind": kind, "classes": module.num_classes}


def _none(module: nn.Module, keep: Keep) -> list[Layer]:
    return []


def _residual(module: Residual, keep: Keep) -> list[Layer]:
    return [{"kind": "residual", "layers": network_layers(module.layers, keep)}]


def _linear(module: nn.Linear, keep: Keep) -> list[Layer]:
    return [{"kind": "linear", **_weight_and_bias(module, keep)}]


def _weight_and_bias(module: Any, keep: Keep) -> Layer:
    bias = None if module.bias is None else keep(module.bias)
    return {"weight": keep(module.weight), "bias": bias}


def _convolution(module: nn.Conv2d, keep: Keep) -> list[Layer]:
    if module.padding_mode != "zeros":
        raise UnknownLayer(module, f"padding_mode={module.padding_mode}")
    layer = {
        "kind": "convolution",
        **_weight_and_bias(module, keep),
        "stride": list(module.stride),
        "padding": _padding(module),
        "dilation": list(module.dilation),
        "groups": module.groups,
    }
    return [layer]


def _padding(module: nn.Conv2d) -> list[int]:
    """Returns the zeros before the first and after the last pixel, of height and width."""
    if module.padding == "valid":
        return [0, 0]
    if isinstance(module.padding, str):
        reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        if any(pixels % 2 for pixels in reach):
            raise UnknownLayer(module, "padding=same with a kernel of an even size")
        return [pixels // 2 for pixels in reach]
    return list(module.padding)


def _transposed(module: nn.ConvTranspose2d, keep: Keep) -> list[Layer]:
    # `ToImage` adds its odd pixels by itself.
    odd = module.odd if isinstance(module, ToImage) else module.output_padding
    layer = {
        "kind": "transposed_convolution",
        **_weight_and_bias(module, keep),
        "stride": list(module.stride),
        "padding": list(module.padding),
        "output_padding": list(odd),
        "dilation": list(module.dilation),
        "groups": module.groups,
    }
    return [layer]


# torch types the weights of a normalisation as tensors, and without `affine` they are None.
def _group_norm(module: Any, keep: Keep) -> list[Layer]:
    ones = torch.ones(module.num_channels)
    layer = {
        "kind": "group_norm",
        "groups": module.num_groups,
        "weight": keep(ones if module.weight is None else module.weight),
        "bias": keep(0 * ones if module.bias is None else module.bias),
        "epsilon": module.eps,
    }
    return [layer]


def _batch_norm(module: Any, keep: Keep) -> list[Layer]:
    if module.running_mean is None or module.running_var is None:
        raise UnknownLayer(module, "it has no running statistics: an image depends on its batch")
    scale = (module.running_var.double() + module.eps).rsqrt()
    if module.weight is not None:
        scale = scale * module.weight
    shift = -module.running_mean * scale
    if module.bias is not None:
        shift = shift + module.bias
    return [{"kind": "scale_and_shift", "scale": keep(scale), "shift": keep(shift)}]


def _flatten(module: nn.Flatten, keep: Keep) -> list[Layer]:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise UnknownLayer(module, f"start_dim={module.start_dim}, end_dim={module.end_dim}")
    return [{"kind": "reshape", "shape": [-1]}]


def _unflatten(module: nn.Unflatten, keep: Keep) -> list[Layer]:
    if module.dim != 1 or not all(isinstance(size, int) for size in module.unflattened_size):
        raise UnknownLayer(module, "only the whole of an image's numbers can be unflattened")
    return [{"kind": "reshape", "shape": list(module.unflattened_size)}]


def _activation(kind: str, *settings: str) -> Callable[[Any, Keep], list[Layer]]:
    def layers(module: nn.Module, keep: Keep) -> list[Layer]:
        return [{"kind": kind, **{name: getattr(module, name) for name in settings}}]

    return layers


def _leaky_relu(module: nn.LeakyReLU, keep: Keep) -> list[Layer]:
    return [{"kind": "leaky_relu", "slope": module.negative_slope}]


# Each class whose forward pass is known -> its layers, none for what eval mode leaves out.
_LAYERS: dict[type, Callable[[Any, Keep], list[Layer]]] = {
    Encoder: _layers,
    Decoder: _layers,
    PlanesEncoder: _planes_encoder,
    RowEncoder: _row_encoder,
    LabelledDecoder: _labelled_decoder,
    nn.Sequential: _sequence,
    Residual: _residual,
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed,
    Doubling: _transposed,
    ToImage: _transposed,
    nn.GroupNorm: _group_norm,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    nn.Identity: _none,
    nn.Dropout: _none,
    nn.Dropout2d: _none,
    nn.ReLU: _activation("relu"),
    nn.Tanh: _activation("tanh"),
    nn.Sigmoid: _activation("sigmoid"),
    nn.SiLU: _activation("silu"),
    nn.GELU: _activation("gelu", "approximate"),
    nn.ELU: _activation("elu", "alpha"),
    nn.Softplus: _activation("softplus", "beta", "threshold"),
    nn.LeakyReLU: _leaky_relu,
}
